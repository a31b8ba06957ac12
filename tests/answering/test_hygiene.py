"""Model text made safe: whatever arrives, in whatever pieces."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.answering.hygiene import AnswerText, hosts_in

ALLOWED = frozenset({"shop.example", "help.shop.example"})


def clean(text: str, *, sources: int = 3, size: int = 0, limit: int = 6000) -> AnswerText:
    answer = AnswerText(sources=sources, allowed_hosts=ALLOWED, limit=limit)
    said = ""
    for start in range(0, len(text), size or max(len(text), 1)):
        said += answer.feed(text[start : start + (size or len(text))])
    said += answer.finish()
    assert said == answer.text
    return answer


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("30 days [2], free [1].", "30 days [1], free [2]."),
        ("30 days [2][2] and [2, 3].", "30 days [1][1] and [1][2]."),
        ("30 days [7]. Free [0] [12].", "30 days. Free."),
        ("Nach 30 Tagen【1】.", "Nach 30 Tagen[1]."),
        ("Free![1] Really![1][2]", "Free! [1] Really! [1][2]"),
        ("![1](https://evil.com/x) ![1][x]", ""),
        ("see evil.com.Next", "see …"),
        ("write to a@evil.example or b@mail.evil.com", "write to a@evil.example or b@mail.evil.com"),
        ("footnote[^2]", "footnote[1]"),
        ("See ![a cat](https://evil.com/x.png?q=1) here", "See  here"),
        ("![x][y] and ![z] left", "and  left"),
        ("[![alt](https://evil.com/i)](https://evil.com)", ""),
        ("Read [our page](https://shop.example/returns).", "Read our page https://shop.example/returns."),
        ("Read [shop.example](https://evil.com/steal?d=1).", "Read shop.example."),
        ("[1](https://evil.com)", "[1]"),
        ("See [the page][ref]\n\n[ref]: https://evil.com/a?d=secret", "See the page\n\n[ref]: …"),
        ("Go to https://shop.example/a?b=c, please.", "Go to https://shop.example/a?b=c, please."),
        ("Go to https://evil.com/?q=secret now", "Go to … now"),
        ("Go to www.evil.com now", "Go to … now"),
        ("Go to evil.com/secret, then", "Go to …, then"),
        ("tg://resolve?domain=x and javascript://x", "… and …"),
        ("[x](javascript:alert(1)) y", "x) y"),
        ("https://shop.example@evil.com/ x", "… x"),
        ("https://evil.com\\@shop.example/ x", "… x"),
        ("<img src=https://evil.com/x.png>hi", "hi"),
        ("<https://evil.com/x> <https://shop.example/y>", "… https://shop.example/y"),
        ("ht<b></b>tps://evil.com x", "ht… x"),
        ("[<b></b>9] x", "x"),
        ("write to help@shop.example or [mail](mailto:help@shop.example?body=x)", None),
        ("version 2.0, e.g. 5.5 kg, т.е. 12.03.2026 и т.д.", "version 2.0, e.g. 5.5 kg, т.е. 12.03.2026 и т.д."),
        ("a < b and c > d", "a < b and c > d"),
        ("an [open bracket\nnext line", "an [open bracket\nnext line"),
        ("key 123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc!", "key ***!"),
        ("👨‍👩‍👧 ok", "👨‍👩‍👧 ok"),
        ("hid\u200bden\u202e \U000e0041x", "hidden x"),
    ],
)
def test_clean(given_text: str, expected: str | None) -> None:
    expected = "write to help@shop.example or mail help@shop.example" if expected is None else expected
    assert clean(given_text).text == expected
    assert clean(given_text, size=1).text == expected


def test_the_cited_numbers_are_the_originals_in_order() -> None:
    assert clean("a [3], b [1], c [3], d [8]").cited == (3, 1)


def test_whole_words_are_shown_at_once() -> None:
    answer = AnswerText(sources=1, allowed_hosts=ALLOWED)
    assert [answer.feed(piece) for piece in ("You", " have", " 30 da", "ys [", "1", "]. It")] == [
        "",
        "You",
        " have 30",
        " days",
        "",
        " [1].",
    ]


def test_the_length_is_capped_once() -> None:
    answer = clean("word " * 100, limit=42)
    assert answer.full
    assert len(answer.text) <= 42
    assert answer.text.endswith("word…")
    assert answer.feed(" more and more ") == ""


def test_hosts_come_from_trusted_texts() -> None:
    texts = ["See https://WWW.Shop.example/a, help.shop.example/b? shop.ru; mail a@post.example. Version 2.0"]
    assert hosts_in(texts) == {"shop.example", "help.shop.example", "shop.ru", "post.example"}
    assert hosts_in(["http://[broken"]) == frozenset()


_BITS = st.sampled_from(
    [
        "[1]",
        "[2, 9]",
        "[",
        "]",
        "(",
        ")",
        "!",
        "![a b](https://evil.com/x)",
        "[text](https://evil.com/x y)",
        "[t](https://shop.example/ok)",
        "https://evil.com/secret",
        "evil.com",
        "<b>",
        "<a href='https://evil.com'>",
        "<",
        ">",
        "://",
        "http",
        "s",
        " ",
        "\n",
        "слово",
        "word.",
        "[^3]",
        "【2】",
        "\\",
        "@",
        "/",
        "www.",
        "]:",
        "[r][q]",
        "\ue0001\ue001",
    ]
)
_TEXTS = st.one_of(st.lists(_BITS, max_size=40).map("".join), st.text(max_size=200))


@settings(max_examples=1000, deadline=None)
@given(_TEXTS, st.integers(1, 7))
def test_pieces_do_not_matter(text: str, size: int) -> None:
    assert clean(text, size=size).text == clean(text).text


@settings(max_examples=1000, deadline=None)
@given(_TEXTS)
def test_nothing_unsafe_is_left(text: str) -> None:
    answer = clean(text, sources=2)
    assert re.search(r"evil\.com(?!\w)", re.sub(r"[\w.+-]+@[\w.-]+", "", answer.text)) is None
    assert "![" not in answer.text
    assert re.search(r"<a[^<>\n]*>", answer.text) is None
    shown = {int(n) for n in re.findall(r"\[(\d{1,3})\]", answer.text)}
    assert shown == set(range(1, len(answer.cited) + 1))
    assert set(answer.cited) <= {1, 2}
