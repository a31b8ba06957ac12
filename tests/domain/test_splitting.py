"""Long texts in parts: nothing lost, nothing cut in two, every entity where it was."""

from hypothesis import given, settings
from hypothesis import strategies as st
from telegramify_markdown import MessageEntity, utf16_len

from domain.bots.splitting import Part, split

LIMIT = 40
FAMILY = "👩‍👩‍👧"
PIECES = ["word ", "длинное ", "🙂", FAMILY, "👍🏽", "🇫🇷", "é", "1️⃣", "\n", "\n\n", " ", "x" * 50, "0"]


def _marked(text: str, entity: MessageEntity) -> str:
    return text.encode("utf-16-le")[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le")


def _entity(text: str, first: int, last: int, kind: str = "bold") -> MessageEntity:
    return MessageEntity(type=kind, offset=utf16_len(text[:first]), length=utf16_len(text[first:last]))


def _solid(text: str) -> str:
    return "".join(text.split())


def _check(text: str, parts: list[Part]) -> None:
    assert _solid("".join(part for part, _ in parts)) == _solid(text)
    for part, entities in parts:
        assert 0 < utf16_len(part) <= LIMIT
        assert part == part.strip()
        for entity in entities:
            assert 0 <= entity.offset < entity.offset + entity.length <= utf16_len(part)
            _marked(part, entity)  # decodes: no half of a surrogate pair


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60), st.integers(0, 200), st.integers(1, 200))
def test_parts_are_whole_and_their_entities_mark_the_same_characters(pieces: list[str], at: int, size: int) -> None:
    text = "".join(pieces)
    first, last = min(at, len(text)), min(at + size, len(text))
    entities = [_entity(text, first, last)] if first < last else []
    parts = split(text, entities, LIMIT)
    _check(text, parts)
    marked = "".join(_marked(part, entity) for part, found in parts for entity in found)
    assert _solid(marked) == _solid(text[first:last])


@given(st.lists(st.sampled_from([FAMILY, "👍🏽", "🇫🇷", "1️⃣"]), min_size=30, max_size=60))
def test_no_character_is_taken_apart(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = {0}
    for piece in pieces:
        whole.add(max(whole) + len(piece))
    position = 0
    for part, _ in split(text, [], LIMIT):
        position += len(part)
        assert position in whole


def test_a_cut_is_made_at_a_paragraph_rather_than_a_line_and_a_line_rather_than_a_word() -> None:
    assert split("a b c d e f g\n\nh i\nj k l m n o p q r s t u v", [], LIMIT)[0][0] == "a b c d e f g"
    assert split("a b c d e f g h i j k l\nm n o p q r s t u v w x y z", [], LIMIT)[0][0] == "a b c d e f g h i j k l"
    assert split("one two three four five six seven eight nine ten", [], LIMIT)[0][0].endswith("eight")


def test_a_code_block_goes_to_the_next_part_whole_or_goes_on_as_code() -> None:
    text = "a" * 15 + "\n" + "code " * 5
    parts = split(text, [_entity(text, 16, len(text), "pre")], LIMIT)
    assert [part for part, _ in parts] == ["a" * 15, "code code code code code"]
    long = "line\n" * 20
    parts = split(long, [_entity(long, 0, len(long), "pre")], LIMIT)
    assert len(parts) > 2
    assert all([(entity.offset, entity.length) for entity in found] == [(0, len(part))] for part, found in parts)


def test_white_space_is_no_part() -> None:
    assert split(" \n ", [], LIMIT) == []
    assert all(part for part, _ in split("x" + "\n" * 100 + "y", [], LIMIT))
