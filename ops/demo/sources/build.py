"""Write the pdf, docx and html documents of the demo: `python -m ops.demo.sources.build [--fonts DIR]`.

The same texts give the same files, byte for byte except for the zip dates inside a docx.
"""

import argparse
import html
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import docx
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from ops.demo.sources.blocks import Block, parse

SOURCES = Path(__file__).parent
KNOWLEDGE = SOURCES.parent / "knowledge"
DEBIAN_FONTS = Path("/usr/share/fonts/truetype/dejavu")  # package fonts-dejavu-core
EDITION = datetime(2026, 3, 1, tzinfo=UTC)
BRAND = {"en": "Pine & Compass", "ru": "Сосна и Компас"}
PAGE_OF = {"en": "Page {} of {{nb}}", "ru": "Страница {} из {{nb}}"}
PAGE_WORDS = {
    "en": {
        "cookies": "We use cookies to remember your basket.",
        "agree": "Fine",
        "menu": "Tents|Backpacks|Sleeping bags|Furniture|Kitchen|Sale",
        "search": "Search the shop",
        "crumbs": "Home / Help / Ways to pay",
        "promo": "Autumn sale: up to 25 % off lanterns this week. Look at the collection.",
        "legal": "© 2026 Pine & Compass LLC. All rights reserved.",
        "noscript": "Switch on JavaScript to see the basket.",
    },
    "ru": {
        "cookies": "Мы используем cookie, чтобы помнить вашу корзину.",
        "agree": "Хорошо",
        "menu": "Палатки|Рюкзаки|Спальники|Мебель|Кухня|Распродажа",
        "search": "Искать в магазине",
        "crumbs": "Главная / Помощь / Способы оплаты",
        "promo": "Осенняя распродажа: на этой неделе фонари дешевле до 25 %. Посмотрите коллекцию.",
        "legal": "© 2026 ООО «Сосна и Компас». Все права защищены.",
        "noscript": "Включите JavaScript, чтобы увидеть корзину.",
    },
}


class Sheet(FPDF):
    """An A4 page with the shop's name above and the page number below."""

    def __init__(self, lang: str, fonts: Path) -> None:
        super().__init__(format="A4")
        self.lang_code = lang
        for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            self.add_font("DejaVu", style, fonts / name)
        self.set_margins(22, 20)
        self.set_auto_page_break(auto=True, margin=24)
        self.set_creation_date(EDITION)
        self.set_lang(lang)

    def header(self) -> None:
        """The running head."""
        self.set_font("DejaVu", "", 8)
        self.set_text_color(110)
        self.cell(0, 8, BRAND[self.lang_code], new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(0)

    def footer(self) -> None:
        """The page number; the total is filled in at the end."""
        self.set_y(-16)
        self.set_font("DejaVu", "", 8)
        self.cell(0, 8, PAGE_OF[self.lang_code].format(self.page_no()), align="C")


def pdf(blocks: Iterable[Block], lang: str, target: Path, fonts: Path) -> None:
    """Write a PDF with an outline, headings, lists and tables."""
    sheet = Sheet(lang, fonts)
    sheet.add_page()
    for block in blocks:
        _on_sheet(sheet, block)
    sheet.output(str(target))


def _on_sheet(sheet: Sheet, block: Block) -> None:
    if block.kind in {"h1", "h2"}:
        size = 20 if block.kind == "h1" else 14
        if block.kind == "h2" and sheet.will_page_break(45):  # a heading keeps company with its text
            sheet.add_page()
        sheet.set_font("DejaVu", "B", size)
        sheet.start_section(block.text, level=0 if block.kind == "h1" else 1)
        sheet.ln(4)
        sheet.multi_cell(0, size * 0.55, block.text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        sheet.ln(2)
        return
    sheet.set_font("DejaVu", "", 11)
    if block.kind == "table":
        with sheet.table(line_height=7, text_align="LEFT", first_row_as_headings=True) as table:
            for row in block.rows:
                table.row(row)
        sheet.ln(3)
        return
    for (item,) in block.rows:
        mark = "•  " if block.kind == "list" else ""
        sheet.multi_cell(0, 6.4, mark + item, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        sheet.ln(0.5 if mark else 3)


def word(blocks: Iterable[Block], lang: str, target: Path) -> None:
    """Write a DOCX with real headings and tables."""
    document = docx.Document()
    document.core_properties.author = BRAND[lang]
    document.core_properties.created = document.core_properties.modified = EDITION
    for block in blocks:
        if block.kind in {"h1", "h2"}:
            document.add_heading(block.text, level=1 if block.kind == "h1" else 2)
        elif block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Light Grid Accent 1")
            for row in block.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        else:
            for (item,) in block.rows:
                document.add_paragraph(item, style="List Bullet" if block.kind == "list" else None)
    document.save(str(target))


def web(blocks: list[Block], lang: str, target: Path) -> None:
    """Write the text as a page of the shop, with menus, banners and a footer around it."""
    words = {key: html.escape(text) for key, text in PAGE_WORDS[lang].items()}
    words["menu"] = "".join(f'<a href="#">{name}</a>' for name in words["menu"].split("|"))
    article = "\n".join(f"      {_markup(block)}" for block in blocks)
    page = Template((SOURCES / "page.html").read_text())
    brand = html.escape(BRAND[lang])
    target.write_text(page.substitute(words, lang=lang, brand=brand, title=blocks[0].text, article=article))


def _markup(block: Block) -> str:
    if block.kind == "list":
        return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for (item,) in block.rows) + "</ul>"
    tag = "p" if block.kind == "text" else block.kind
    return f"<{tag}>{html.escape(block.text)}</{tag}>"


def main() -> None:
    """Build all six documents."""
    parser = argparse.ArgumentParser(prog="python -m ops.demo.sources.build")
    parser.add_argument("--fonts", type=Path, default=DEBIAN_FONTS, help="the folder of DejaVuSans.ttf")
    fonts = parser.parse_args().fonts
    for lang in ("ru", "en"):
        texts = {name: parse((SOURCES / f"{name}-{lang}.md").read_text()) for name in ("warranty", "sizes", "payment")}
        pdf(texts["warranty"], lang, KNOWLEDGE / f"warranty-{lang}.pdf", fonts)
        word(texts["sizes"], lang, KNOWLEDGE / f"sizes-{lang}.docx")
        web(texts["payment"], lang, KNOWLEDGE / f"payment-{lang}.html")
    print(f"Six documents written to {KNOWLEDGE}.")


if __name__ == "__main__":
    main()
