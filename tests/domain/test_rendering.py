"""An answer as Bot API sends: nothing lost, nothing too long, every entity where it belongs."""

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bots.rendering import MAX_UNITS, sends
from domain.outbox import OutboxDraft


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _sends(
    text: str, *, citations: list[dict[str, Any]] | None = None, address: str = "77", reply_to: int | None = None
) -> list[OutboxDraft]:
    nobody = UUID(int=0)
    return sends(
        tenant_id=nobody,
        slot=3,
        bot_id=1001,
        dialog_id=nobody,
        message_id=nobody,
        address=address,
        text=text,
        citations=citations or [],
        language="en",
        reply_to=reply_to,
    )


def _check(drafts: list[OutboxDraft]) -> None:
    assert [draft.part for draft in drafts] == list(range(len(drafts)))
    assert {draft.parts for draft in drafts} == {len(drafts)}
    for draft in drafts:
        text = draft.payload["text"]
        text.encode("utf-8")  # no half of an emoji
        assert 0 < _units(text) <= MAX_UNITS
        encoded = text.encode("utf-16-le")
        for entity in draft.payload.get("entities", []):
            start, end = entity["offset"], entity["offset"] + entity["length"]
            assert 0 <= start < end <= _units(text)
            encoded[start * 2 : end * 2].decode("utf-16-le")  # does not cut an emoji in two


def test_markup_becomes_entities() -> None:
    [draft] = _sends("Return it within **14 days**.")
    assert draft.payload["text"] == "Return it within 14 days."
    [entity] = draft.payload["entities"]
    assert (entity["type"], entity["offset"], entity["length"]) == ("bold", 17, 7)
    assert (draft.method, draft.chat_id, draft.payload["chat_id"]) == ("sendMessage", 77, 77)


@pytest.mark.parametrize("text", ["a < b and c > d", "use <b>bold</b> tags", "x<y", "<script>alert(1)</script>"])
def test_angle_brackets_are_kept(text: str) -> None:
    [draft] = _sends(text)
    assert draft.payload["text"].strip() == text


def test_code_keeps_its_brackets_too() -> None:
    [draft] = _sends("write `a < b` here")
    assert "a < b" in draft.payload["text"]
    assert "&lt;" not in draft.payload["text"]


def test_sources_are_listed_under_the_answer() -> None:
    citations = [{"n": 1, "title": "Returns", "heading": "Deadlines", "page": 3}, {"n": 2, "title": "Q&A"}]
    [draft] = _sends("Within 14 days [1].", citations=citations)
    assert draft.payload["text"].endswith("Sources:\n[1] Returns - Deadlines - p. 3\n[2] Q&A")


def test_a_topic_is_answered_in_its_topic() -> None:
    [draft] = _sends("hi", address="-100500/7")
    assert (draft.chat_id, draft.payload["message_thread_id"]) == (-100500, 7)


@pytest.mark.parametrize(
    "text", ["word " * 4000, "🙂" * 5000, "без пробелов" * 900, "**" + "bold text " * 900 + "end**"]
)
def test_long_texts_are_split_safely_and_whole(text: str) -> None:
    drafts = _sends(text)
    assert len(drafts) > 1
    _check(drafts)
    joined = "".join("".join(draft.payload["text"].split()) for draft in drafts)
    assert joined == "".join(text.replace("**", "").split())


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab я🙂👩‍👩‍👧*_`[]()<>&#-.!\n\\~|1"), min_size=1, max_size=300))
def test_any_text_becomes_valid_sends(text: str) -> None:
    _check(_sends(f"x {text * 40}"))


_MARKDOWN = [
    "# Title\n", "**bold** ", "_it_ ", "`co<de>` ", "```py\nx < y\n```\n", "- item\n", "1. one\n", "> quote\n", "a<b ",
    "List<int> ", "<div>x</div> ", "[text](https://a.example/b_c) ", "| a | b |\n|---|---|\n| 1 | 2 |\n", "~~gone~~ ",
    "||spoiler|| ", "🙂 ", "snake_case_name ", "5 * 3 * 2 ", "&amp; ", "\\*kept\\* ", "***", "\n\n", "слово ",
    "- [x] done\n",
]  # fmt: skip
_HIDDEN = {"py", "https", "a", "example", "b", "c", "x", "amp"}  # an address, a language, a check mark, an entity


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_MARKDOWN), min_size=1, max_size=40))
def test_no_word_of_any_markdown_is_lost(pieces: list[str]) -> None:
    drafts = _sends("start " + "".join(pieces))
    _check(drafts)
    shown = set(re.findall(r"[^\W_]+", " ".join(draft.payload["text"] for draft in drafts)))
    assert set(re.findall(r"[^\W_]+", "".join(pieces))) - shown <= _HIDDEN


def test_headings_are_bold_without_a_picture_before_them() -> None:
    [draft] = _sends("## Opening hours\nWe open at nine.")
    assert draft.payload["text"].startswith("Opening hours\n")
    assert "bold" in {entity["type"] for entity in draft.payload["entities"]}


def test_a_link_that_is_none_is_plain_text() -> None:
    [draft] = _sends("see [this](not a link) and [that](javascript:alert)")
    assert not any(entity["type"] == "text_link" for entity in draft.payload.get("entities", []))


def test_a_heading_path_that_begins_with_the_title_does_not_repeat_it() -> None:
    citations = [
        {"n": 1, "title": "Returns", "heading": "Returns › Deadlines"},
        {"n": 2, "title": "Returns", "heading": "returns"},
        {"n": 3, "title": "Returns", "heading": "Returns of gifts"},
    ]
    [draft] = _sends("All [1][2][3].", citations=citations)
    assert draft.payload["text"].endswith("[1] Returns - Deadlines\n[2] Returns\n[3] Returns - Returns of gifts")


def test_a_business_chat_is_answered_through_its_connection() -> None:
    [draft] = _sends("hi", address="77@conn_1")
    assert (draft.chat_id, draft.payload["business_connection_id"]) == (77, "conn_1")


def test_in_a_group_the_first_part_replies_to_the_question() -> None:
    first, second = _sends("word " * 1500, address="-5", reply_to=9)
    assert first.payload["reply_parameters"] == {"message_id": 9, "allow_sending_without_reply": True}
    assert "reply_parameters" not in second.payload
    assert "reply_parameters" not in _sends("hi", address="77", reply_to=9)[0].payload


def test_a_text_without_anything_to_see_is_still_sent() -> None:
    assert [draft.payload["text"] for draft in _sends("\n \n")] == ["..."]
