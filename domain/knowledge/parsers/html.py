"""HTML pages: what a reader reads, without navigation, footers, forms and scripts."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from domain.knowledge.model import Block
from domain.knowledge.parsers.outline import TOO_COMPLEX, Outline, Unreadable
from domain.knowledge.parsers.text import decode

_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_NOISE = (
    "script, style, noscript, template, nav, footer, aside, form, button, svg, iframe, object, canvas, dialog, select,"
    "[role=navigation], [role=contentinfo], [role=search], [aria-hidden=true], [hidden]"
)
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article blockquote body dd details div dl dt fieldset figcaption figure header hr html li main ol p "
        "pre section summary table tbody td tfoot th thead tr ul",
    )
)
_TOGETHER = frozenset({"ul", "ol", "table", "dl"})  # one block: its items belong to each other


def parse_html(data: bytes) -> list[Block]:
    """Paragraphs, lists and tables under their headings. Raises Unreadable."""
    try:
        page = LexborHTMLParser(_decoded(data))
    except SelectolaxError as error:  # it accepts any markup: what fails is memory
        raise Unreadable(TOO_COMPLEX) from error
    for node in page.css(_NOISE):
        node.decompose()
    reader = _Reader()
    if page.body is not None:
        reader.read(_main(page.body))
    return reader.outline.blocks()


def _main(body: LexborNode) -> LexborNode:
    """The page's <main>, if it holds most of the text: banners and breadcrumbs stand outside."""
    main = body.css_first("main, [role=main]")
    return main if main is not None and len(main.text(strip=True)) * 2 > len(body.text(strip=True)) else body


class _Reader:
    """Walks the tree in reading order with a stack of its own: nesting is the stranger's choice."""

    def __init__(self) -> None:
        self.outline = Outline()
        self._line: list[str] = []
        self._lines: list[str] = []
        self._together = 0

    def read(self, root: LexborNode) -> None:
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node.tag or "")
            elif node.is_text_node:
                self._line.append(re.sub(r"\s+", " ", node.text_content or ""))
            elif node.tag in _HEADINGS:
                self._end_block()
                self.outline.heading(_HEADINGS[node.tag], node.text(separator=" "))
            elif node.is_element_node:
                self._enter(node.tag or "")
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(list(node.iter(include_text=True))))
        self._end_block()

    def _enter(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._line.append(" | " if "".join(self._line).strip() else "")
        elif tag in _BLOCKS or tag == "br":
            self._end_line()
        if tag in _TOGETHER:
            if not self._together:
                self._end_block()
            self._together += 1
        elif tag == "li":
            self._line.append("- ")

    def _leave(self, tag: str) -> None:
        if tag in _TOGETHER:
            self._together -= 1
        if tag in _BLOCKS and tag not in {"td", "th"}:
            self._end_line()
            if not self._together:
                self._end_block()

    def _end_line(self) -> None:
        line = "".join(self._line).strip()
        if line and line != "-":
            self._lines.append(line)
        self._line.clear()

    def _end_block(self) -> None:
        self._end_line()
        self.outline.text("\n".join(self._lines))
        self._lines.clear()


def _decoded(data: bytes) -> str:
    """The page's own charset when it names one that exists and fits, else as for text."""
    match = _CHARSET.search(data[:4096])
    if match and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            return data.decode(match[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)
