"""Files of every type through the limited child process."""

import pytest

from domain.knowledge.formats import ENCRYPTED
from domain.knowledge.model import Block, Kind
from domain.knowledge.parsers.docx import TOO_MUCH
from domain.knowledge.parsers.outline import BROKEN, NO_TEXT, TOO_COMPLEX, Unreadable
from domain.knowledge.parsing import parse
from tests.knowledge import files


async def test_markdown_keeps_its_structure_and_loses_its_marks() -> None:
    text = """Intro with a [link](https://shop.example/a) and **bold**.

# Returns

Within *30 days*.

## Price ##
| Way | Price |
| --- | --- |
| Store | free |

Setext
------
- one
- `two`

```
# not a heading
```
# Lonely
"""
    assert await parse("markdown", text.encode()) == [
        Block("Intro with a link (https://shop.example/a) and bold."),
        Block("Within 30 days.", ("Returns",)),
        Block("Way | Price\nStore | free", ("Returns", "Price")),
        Block("- one\n- two", ("Returns", "Setext")),
        Block("# not a heading", ("Returns", "Setext")),
        Block("Lonely"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "koi8-r", "cp866"])
async def test_russian_text_in_any_encoding(encoding: str) -> None:
    text = "КОНТАКТЫ\n\nПоддержка\nОтвечаем ежедневно с восьми утра до десяти вечера.\n\nСпасибо."
    assert await parse("text", text.encode(encoding)) == [
        Block("Отвечаем ежедневно с восьми утра до десяти вечера.", ("КОНТАКТЫ", "Поддержка")),
        Block("Спасибо.", ("КОНТАКТЫ", "Поддержка")),
    ]


async def test_western_text_is_not_taken_for_russian() -> None:
    (block,) = await parse("text", "Öffnungszeiten täglich für Gäste.".encode("cp1252"))
    assert block.text == "Öffnungszeiten täglich für Gäste."


async def test_control_characters_never_reach_the_database() -> None:
    (block,) = await parse("text", b"One\x00 two\x0b\xe2\x80\x8b three\xef\xbf\xbf.")
    assert block.text == "One two three."


async def test_html_without_its_noise() -> None:
    blocks = await parse("html", files.PAGE.encode())
    assert blocks == [
        Block("We take cards and cash.", ("Payment",)),
        Block("- within 10 days\n- to the same card", ("Payment", "Refunds")),
        Block("Way | Fee\nCard | 0 %", ("Payment", "Refunds")),
    ]


async def test_html_says_its_own_charset() -> None:
    page = "<html><meta charset=windows-1251><body><p>Возврат товара</p></body></html>".encode("cp1251")
    assert await parse("html", page) == [Block("Возврат товара")]


async def test_deeply_nested_html_is_read() -> None:
    assert (await parse("html", b"<body>" + b"<div>" * 20_000 + b"deep"))[0].text == "deep"


async def test_docx_with_headings_lists_and_tables() -> None:
    assert await parse("docx", files.docx()) == [
        Block("Привозим за два дня.", ("Доставка", "Сроки")),
        Block("- в Москву\n- в Казань", ("Доставка", "Сроки")),
        Block("Город | Цена\nМосква | 300 рублей", ("Доставка", "Цены")),
    ]


async def test_pdf_with_pages_and_headings_without_its_running_footer() -> None:
    text = "We deliver to every town of the country, and a courier brings it to your door. " * 4
    blocks = await parse("pdf", files.pdf(("Delivery", text), ("Returns", "Within 30 days."), ("Warranty", "2 years.")))
    assert [(block.headings, block.page) for block in blocks] == [
        (("Delivery",), 1),
        (("Returns",), 2),
        (("Warranty",), 3),
    ]
    assert blocks[0].text == text.strip()
    assert blocks[1].text == "Within 30 days."


async def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    blocks = await parse("pdf", files.encrypted_pdf(""))
    assert "Nobody may read this sentence." in blocks[0].text


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        ("pdf", files.encrypted_pdf("secret"), ENCRYPTED),
        ("pdf", files.blank_pdf(), NO_TEXT),
        ("pdf", files.pdf(("Title", "Text " * 300))[:700], BROKEN),
        ("pdf", b"%PDF-1.4\nrubbish", BROKEN),
        ("pdf", files.bomb_pdf(200_000_000), BROKEN),
        ("docx", files.docx()[:2000], BROKEN),
        ("docx", b"PK\x03\x04 word/document.xml", BROKEN),
        ("docx", files.bomb_docx(70_000_000), TOO_MUCH),
        ("html", b"<html><body><script>only()</script></body></html>", NO_TEXT),
        ("markdown", b"\n\n---\n", NO_TEXT),
    ],
)
async def test_bad_files_are_told_in_words(kind: Kind, data: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable) as refused:
        await parse(kind, data)
    assert str(refused.value) == sentence


async def test_a_file_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(Unreadable) as refused:
        await parse("text", b"slow " * 1_000_000, seconds=0.01)
    assert str(refused.value) == TOO_COMPLEX


async def test_memory_is_limited() -> None:
    with pytest.raises(Unreadable) as refused:
        await parse("html", b"<p>a</p>" * 4_000_000)
    assert str(refused.value) == TOO_COMPLEX
