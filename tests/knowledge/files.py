"""Files of every type, good and bad, made on the spot."""

import io
import zipfile

from docx import Document
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter


def pdf(*pages: tuple[str, str]) -> bytes:
    """A PDF with a large heading and a text on each page, and the same footer on all."""
    made = FPDF()
    made.set_auto_page_break(False)
    for number, (heading, text) in enumerate(pages, start=1):
        made.add_page()
        made.set_font("Helvetica", size=20)
        made.multi_cell(0, 12, heading, new_x="LMARGIN", new_y="NEXT")
        made.set_font("Helvetica", size=11)
        made.multi_cell(0, 6, text, new_x="LMARGIN", new_y="NEXT")
        made.set_y(-20)
        made.cell(0, 6, f"Shop rules, page {number}")
    return bytes(made.output())


def blank_pdf() -> bytes:
    """A PDF with a page and no text, like a scan."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    return _written(writer)


def encrypted_pdf(user_password: str) -> bytes:
    """A PDF that asks for a password; with an empty one it only forbids printing."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(("Secret", "Nobody may read this sentence.")))))
    writer.encrypt(user_password, "owner", algorithm="AES-256")
    return _written(writer)


def bomb_pdf(size: int) -> bytes:
    """A PDF whose page's content unpacks to `size` bytes."""
    import zlib  # noqa: PLC0415  # only here

    stream = zlib.compress(b" " * size, 9)
    head = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n"
    )
    body = b"4 0 obj<</Length %d/Filter/FlateDecode>>stream\n" % len(stream) + stream + b"\nendstream endobj\n"
    return head + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def docx() -> bytes:
    """A DOCX with a title, headings, a list and a table."""
    document = Document()
    document.add_heading("Доставка", level=0)
    document.add_heading("Сроки", level=1)
    document.add_paragraph("Привозим за два дня.")
    document.add_paragraph("в Москву", style="List Bullet")
    document.add_paragraph("в Казань", style="List Bullet")
    document.add_heading("Цены", level=1)
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate((("Город", "Цена"), ("Москва", "300 рублей"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    return _saved(document)


def bomb_docx(size: int) -> bytes:
    """A DOCX with a member that unpacks to `size` bytes."""
    buffer = io.BytesIO(docx())
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/image1.bin", b"\0" * size)
    return buffer.getvalue()


def _saved(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]  # python-docx's factory returns a type it does not export
    return buffer.getvalue()


def _written(writer: PdfWriter) -> bytes:
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Shop</title><style>p {color: red}</style>
<script>alert("noise of a script")</script></head><body>
<nav><a href="/">Home noise</a></nav><header><form><input value="x"><button>Search noise</button></form></header>
<main><h1>Payment</h1><p>We take <b>cards</b> and
cash.</p><h2>Refunds</h2><ul><li>within 10 days</li><li>to the same card</li></ul>
<table><tr><th>Way</th><th>Fee</th></tr><tr><td>Card</td><td>0&nbsp;%</td></tr></table>
<div hidden>Hidden noise</div></main><footer>Footer noise 2026</footer></body></html>"""
