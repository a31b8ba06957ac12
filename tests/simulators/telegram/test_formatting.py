"""Parse modes and entities: what is understood, and the exact complaints."""

from typing import Any

import pytest

from simulators.telegram.errors import ApiError
from simulators.telegram.formatting.text import caption_text, formatted, message_text
from tests.simulators.telegram.client import Stage


def parsed(text: str, mode: str) -> tuple[str, list[tuple[Any, ...]]]:
    plain, entities = formatted(text, mode, None)
    order = ("type", "offset", "length")
    return plain, [(*(e[k] for k in order), *(value for key, value in e.items() if key not in order)) for e in entities]


@pytest.mark.parametrize(
    ("mode", "text", "plain", "entities"),
    [
        ("MarkdownV2", "*b* _i_ __u__ ~s~ ||x||", "b i u s x", [
            ("bold", 0, 1), ("italic", 2, 1), ("underline", 4, 1), ("strikethrough", 6, 1), ("spoiler", 8, 1)]),
        ("MarkdownV2", r"1\. a\-b \\ \_", r"1. a-b \ _", []),
        ("MarkdownV2", "*bold _both_*", "bold both", [("bold", 0, 9), ("italic", 5, 4)]),
        ("MarkdownV2", "`a*b` ```py\nx = 1\n```", "a*b x = 1\n".strip(), [("code", 0, 3), ("pre", 4, 5, "py")]),
        ("MarkdownV2", "😀 *x*", "😀 x", [("bold", 3, 1)]),
        ("MarkdownV2", r"[t](https://e.com/a_\)b)", "t", [("text_link", 0, 1, "https://e.com/a_)b")]),
        ("MarkdownV2", ">one\n>two\nthree", "one\ntwo\nthree", [("blockquote", 0, 7)]),
        ("MarkdownV2", "**>one\n>two||\nthree", "one\ntwo\nthree", [("expandable_blockquote", 0, 7)]),
        ("MarkdownV2", "[n](tg://user?id=7)", "n", [
            ("text_mention", 0, 1, {"id": 7, "is_bot": False, "first_name": ""})]),
        ("HTML", "<b>b</b> <i>i</i> <a href='http://e.com'>l</a>", "b i l", [
            ("bold", 0, 1), ("italic", 2, 1), ("text_link", 4, 1, "http://e.com/")]),
        ("HTML", "a &lt; b &amp; c & d &nbsp; &#128512;", "a < b & c & d &nbsp; 😀", []),
        ("HTML", '<pre><code class="language-py">x</code></pre>', "x", [("pre", 0, 1, "py")]),
        ("HTML", "<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("HTML", '<span class="tg-spoiler">s</span><b></b>', "s", [("spoiler", 0, 1)]),
        ("Markdown", "*b* _i_ `c` [l](http://e.com)", "b i c l", [
            ("bold", 0, 1), ("italic", 2, 1), ("code", 4, 1), ("text_link", 6, 1, "http://e.com/")]),
        ("Markdown", "snake\\_case", "snake_case", []),
        ("", "/start see https://e.com. @ann_k #tag", "/start see https://e.com. @ann_k #tag", [
            ("bot_command", 0, 6), ("url", 11, 13), ("mention", 26, 6), ("hashtag", 33, 4)]),
    ],
)  # fmt: skip
def test_understood(mode: str, text: str, plain: str, entities: list[Any]) -> None:
    assert parsed(text, mode) == (plain, entities)


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [
        ("MarkdownV2", "1.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("MarkdownV2", "a>b", "Character '>' is reserved and must be escaped with the preceding '\\'"),
        ("MarkdownV2", "hi!", "Character '!' is reserved and must be escaped with the preceding '\\'"),
        ("MarkdownV2", "п *b", "Can't find end of Bold entity at byte offset 3"),
        ("MarkdownV2", "_x", "Can't find end of Italic entity at byte offset 0"),
        ("MarkdownV2", "`x", "Can't find end of Code entity at byte offset 0"),
        ("MarkdownV2", "```py\nx", "Can't find end of PreCode entity at byte offset 0"),
        ("MarkdownV2", "[x](http://e.com", "Can't find end of a URL at byte offset 4"),
        ("MarkdownV2", "![x](http://e.com)", "Custom emoji entity must contain a tg://emoji URL"),
        ("Markdown", "a *b", "Can't find end of the entity starting at byte offset 2"),
        ("HTML", "<div>x</div>", 'Unsupported start tag "div" at byte offset 0'),
        ("HTML", "a <b>x</i>", 'Unmatched end tag at byte offset 6, expected "</b>", found "</i>"'),
        ("HTML", "<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("HTML", "x <b", "Unclosed start tag at byte offset 2"),
        ("HTML", "x</b>", "Unexpected end tag at byte offset 1"),
        ("HTML", "<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_complaints(mode: str, text: str, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        formatted(text, mode, None)
    assert caught.value.description == f"Bad Request: can't parse entities: {words}"


def test_lengths() -> None:
    assert len(message_text("я" * 4096, "", None)[0]) == 4096
    assert len(message_text("😀" * 4096, "", None)[0]) == 4096, "code points count, not UTF-16 units"
    assert len(message_text("<b>" + "x" * 4096 + "</b>", "HTML", None)[0]) == 4096
    for text, words in [
        ("x" * 4097, "message is too long"),
        ("x" * 32_769, "text is too long"),
        (" \n ", "text must be non-empty"),
    ]:
        with pytest.raises(ApiError, match=words):
            message_text(text, "", None)
    with pytest.raises(ApiError, match="message caption is too long"):
        caption_text("x" * 1025, "", None)
    with pytest.raises(ApiError, match="unsupported parse_mode"):
        formatted("x", "bbcode", None)


def test_explicit_entities() -> None:
    plain, entities = formatted("  hello  ", "", [{"type": "bold", "offset": 2, "length": 7}])
    assert (plain, entities) == ("hello", [{"type": "bold", "offset": 0, "length": 5}])
    for offset, length, words in [
        (1, 1, "entity begins in a middle of a UTF-16 symbol at byte offset 0"),
        (0, 1, "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 0"),
        (9, 1, "entity begins after the end of the text at UTF-16 offset 9"),
        (2, 9, "entity beginning at UTF-16 offset 2 ends after the end of the text at UTF-16 offset 11"),
    ]:
        with pytest.raises(ApiError) as caught:
            formatted("😀x", "", [{"type": "bold", "offset": offset, "length": length}])
        assert caught.value.description == f"Bad Request: {words}"


async def test_parse_mode_wins_over_entities(stage: Stage) -> None:
    stage.start()
    entities = [{"type": "italic", "offset": 0, "length": 1}]
    sent = await stage.result("sendMessage", chat_id=stage.user, text="<b>x</b>", parse_mode="HTML", entities=entities)
    assert sent["entities"] == [{"type": "bold", "offset": 0, "length": 1}]


def test_a_hundred_entities_are_kept() -> None:
    for text, mode in [("*b* " * 120, "MarkdownV2"), ("<b>b</b> " * 120, "HTML"), ("#tag " * 120, "")]:
        plain, entities = formatted(text, mode, None)
        assert (len(entities), plain[entities[-1]["offset"] - 1]) == (100, " ")


def test_a_parse_mode_wins_over_entities() -> None:
    listed = [{"type": "italic", "offset": 0, "length": 1}]
    assert [entity["type"] for entity in formatted("*b*", "MarkdownV2", listed)[1]] == ["bold"]
    assert [entity["type"] for entity in formatted("*b*", "", listed)[1]] == ["italic"]
