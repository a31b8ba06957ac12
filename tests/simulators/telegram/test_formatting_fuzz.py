"""Whatever a model writes, the parsers answer with text and fitting entities or with a complaint of Telegram's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.telegram.errors import ApiError
from simulators.telegram.formatting.output import utf16_length
from simulators.telegram.formatting.text import formatted

MARKS = [
    *"*_`>\n\\[).x я😀".replace(" ", ""), " ", "__", "||", "```", "```py\n", "**>", "](", "![", "~",
    "<b>", "</b>", "<a href=", "'x'>", '<pre><code class="language-py">', "</code></pre>", "<blockquote expandable>",
    "</", "&lt;", "&#", "http://e.com", "/go", "@ann",
]  # fmt: skip
LETTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.lists(st.one_of(st.sampled_from(MARKS), LETTERS), max_size=25).map("".join)


@pytest.mark.parametrize("mode", ["MarkdownV2", "Markdown", "HTML", ""])
@given(text=TEXT)
def test_never_breaks(mode: str, text: str) -> None:
    complaint = ""
    plain: str = ""
    entities: list[dict[str, Any]] = []
    try:
        plain, entities = formatted(text, mode, None)
    except ApiError as error:
        complaint = error.description
    assert not complaint or complaint.startswith("Bad Request: can't parse entities: ")
    assert plain == plain.strip(" \n\t")
    for entity in entities:
        assert entity["length"] > 0
        assert 0 <= entity["offset"] <= entity["offset"] + entity["length"] <= utf16_length(plain)


@given(text=st.text(LETTERS, max_size=40))
def test_escaped_text_comes_back(text: str) -> None:
    wanted = text.replace("\r", "").strip(" \n\t")
    html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert formatted(html, "HTML", None)[0] == wanted
    escaped = "".join("\\" + char if char in "\\_*[]()~`>#+-=|{}.!" else char for char in text)
    assert formatted(escaped, "MarkdownV2", None)[0] == wanted
