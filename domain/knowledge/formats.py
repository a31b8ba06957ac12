"""File types by their content: an allow-list. A name only chooses between the kinds of text, and is never a path."""

import re
from pathlib import PurePosixPath
from typing import Final

from domain.kit.errors import Invalid
from domain.knowledge.model import Kind

MEDIA_TYPES: Final[dict[Kind, str]] = {
    "text": "text/plain",
    "markdown": "text/markdown",
    "html": "text/html",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
KINDS: Final[dict[str, Kind]] = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}

EMPTY: Final = "This file is empty. Choose another file."
ENCRYPTED: Final = "This file is encrypted. Remove its password and upload it again."
UNKNOWN: Final = "This type of file is not supported. Upload a PDF, DOCX, HTML, Markdown or text file."
OLD_OFFICE: Final = "This is an old Office file. Save it as DOCX or PDF and upload that."
OTHER_ZIP: Final = "This is an archive or another Office file. Upload a PDF, DOCX, HTML, Markdown or text file."

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")  # how Office wraps a file with a password
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TEXT_SUFFIXES: Final[dict[str, Kind]] = {
    "": "text",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
}
_HTML_START = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_MARKDOWN_HEADING = re.compile(rb"^#{1,6} \S", re.MULTILINE)
_PDF_HEADER_WITHIN = 1024  # ISO 32000 wants it first; readers accept it in the first kilobyte


def detect_kind(data: bytes, file_name: str) -> Kind:
    """The kind of a file. Raises Invalid with a sentence that says what to do."""
    if not data.strip(b" \t\r\n\x00"):
        raise Invalid(EMPTY)
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        if b"word/document.xml" in data:
            return "docx"
        raise Invalid(OTHER_ZIP)
    if data.startswith(_OLE):
        raise Invalid(ENCRYPTED if _ENCRYPTED_PACKAGE in data else OLD_OFFICE)
    return _text_kind(data, file_name)


def _text_kind(data: bytes, file_name: str) -> Kind:
    kind = _TEXT_SUFFIXES.get(PurePosixPath(file_name).suffix.lower())
    head = data[:8192]
    if kind is None or not _is_text(head):
        raise Invalid(UNKNOWN)
    if kind == "html" or _HTML_START.match(head):
        return "html"
    return "markdown" if _MARKDOWN_HEADING.search(head) else kind


def _is_text(head: bytes) -> bool:
    """Text of any 8-bit encoding or UTF-16 with its mark: almost no control characters, no zero bytes."""
    if head.startswith(_UTF16):
        return True
    controls = sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in head)
    return b"\x00" not in head and controls * 50 <= len(head)
