"""What a file is, by its content."""

import pytest

from domain.kit.errors import Invalid
from domain.knowledge import formats
from domain.knowledge.formats import detect_kind
from tests.knowledge import files


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.txt", b"Hello", "text"),
        ("README", "Привет".encode("cp1251"), "text"),
        ("a.txt", "Привет".encode("utf-16"), "text"),
        ("a.md", b"Hello", "markdown"),
        ("a.txt", b"# Title\n\nText", "markdown"),
        ("a.htm", b"<p>Hello</p>", "html"),
        ("a.txt", b"\n<!-- saved -->\n<!DOCTYPE html><html></html>", "html"),
        ("renamed.txt", b"%PDF-1.7\n...", "pdf"),
        ("../../etc/renamed.pdf", files.docx(), "docx"),
    ],
)
def test_the_content_decides(name: str, data: bytes, kind: str) -> None:
    assert detect_kind(data, name) == kind


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.txt", b"", formats.EMPTY),
        ("a.pdf", b" \n\r\n\t", formats.EMPTY),
        ("a.txt", b"\x00" * 100, formats.EMPTY),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), formats.UNKNOWN),
        ("a.txt", bytes(range(1, 256)) * 4, formats.UNKNOWN),
        ("a.exe", b"MZ looks like text", formats.UNKNOWN),
        ("a.pdf", b"not a pdf at all", formats.UNKNOWN),
        ("a.zip", b"PK\x03\x04 something", formats.OTHER_ZIP),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", formats.OLD_OFFICE),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            formats.ENCRYPTED,
        ),
    ],
)
def test_what_is_refused_is_told_in_one_sentence_or_two(name: str, data: bytes, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        detect_kind(data, name)
    assert refused.value.detail == sentence
