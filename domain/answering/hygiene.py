"""A model's text made safe while it streams: no images, no HTML, links only to known hosts, markers only for sources.

Model text is untrusted: a passage may have told it to smuggle data out in a link. Everything
here is decided on whole words, so what was emitted never has to be taken back, however the text was cut into pieces.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from domain.kit.log import redact

MAX_ANSWER_CHARS = 6_000
LONGEST_WORD = 60  # what is longer (or has no spaces at all) may be cut in the middle
REMOVED = "…"  # stands where a link was
_TLDS = (
    "com|net|org|io|ru|info|biz|me|co|app|dev|xyz|top|site|online|link|click|shop|store|ai|cc|tk|ml|ga|cf|gq|su|de|uk|fr"
    "|es|it|pl|nl|eu|us|ca|in|cn|kz|by|ua|am|ge|tv|to|ly|gl|page|cloud|live|pro|space|website|icu|vip|tech|host|zip"
    "|mov|рф|рус|онлайн|сайт"
)
_IN_URL = r"""[^\s<>"'`()\[\]{}|【】\ue000\ue001]"""
_BARE = rf"(?<![\w-])(?:[\w-]+\.)+(?:{_TLDS})\b(?![\w-])(?:\.[\w-]+)*(?:[:/?#]{_IN_URL}*)?"
_TOKEN = re.compile(
    rf"""
      (?P<image>!\[(?!\d{{1,3}}\](?!\(|\[\D))[^\]\n]*\](?:\([^)\n]*\)|\[[^\]\n]*\])?)
    | \[(?P<label>[^\[\]\n]*)\]\((?P<target>[^)\n]*)\)
    | (?P<gap>[ ]?)[\[【]\^?(?P<numbers>\d{{1,3}}(?:\s*[,;]\s*\d{{1,3}})*)[\]】]
    | \[(?P<text>[^\[\]\n]*)\]\[[^\[\]\n\d][^\[\]\n]*\]
    | <(?P<autolink>[a-zA-Z][a-zA-Z0-9+.-]*:[^<>\s]*)>
    | (?P<html></?[a-zA-Z!][^<>\n]*>)
    | (?P<mail>[\w.+-]+@[\w.-]+)
    | (?P<url>[a-zA-Z][a-zA-Z0-9+.-]*://{_IN_URL}*|\bwww\.{_IN_URL}+|{_BARE})
    """,
    re.VERBOSE,
)
_HOST = re.compile(rf"[a-zA-Z][a-zA-Z0-9+.-]*://{_IN_URL}+|{_BARE}|(?<=@)(?:[\w-]+\.)+[^\W\d_]{{2,}}")
_SPACE = re.compile(r"\s")
_OPEN_TAG = re.compile(r"<[a-zA-Z/!][^>]*$")
# Markers that are settled already, while a word is looked at again; the characters are private and taken from input.
_OPENED, _CLOSED = "\ue000", "\ue001"
_SETTLED = re.compile(f"{_OPENED}(\\d+){_CLOSED}")
_LIKE_IMAGE = re.compile(rf"!(?=[\[{_OPENED}])")
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ue000\ue001\ufeff\U000e0000-\U000e007f]"
)


def hosts_in(texts: Iterable[str]) -> frozenset[str]:
    """Hosts named in trusted texts: addresses with and without a scheme, and domains of e-mail addresses."""
    return frozenset(host for text in texts for match in _HOST.findall(text) if (host := _host(match)))


class AnswerText:
    """A growing answer. `feed` returns what may be shown now; `text` is all of it so far.

    `sources` is how many passages there are; markers are renumbered 1.. in the order of their first appearance, and
    `cited` holds the original numbers in that order. `full` says that the length cap was reached: stop reading.
    """

    def __init__(self, *, sources: int, allowed_hosts: frozenset[str], limit: int = MAX_ANSWER_CHARS) -> None:
        self._sources = sources
        self._allowed = allowed_hosts
        self._limit = limit
        self._held = ""
        self._line = ""  # the current line before what is held, as it came
        self._numbers: dict[int, int] = {}
        self.text = ""
        self.full = False

    @property
    def cited(self) -> tuple[int, ...]:
        """Original numbers of the passages cited, in the order of their new numbers."""
        return tuple(number for number, shown in self._numbers.items() if f"[{shown}]" in self.text)

    def feed(self, piece: str) -> str:
        """Take the next piece; returns the clean text that is now certain (often empty)."""
        self._held += _CONTROLS.sub("", piece)
        said = ""
        while cut := self._boundary():
            part, self._held = self._held[:cut], self._held[cut:]
            said += self._add(self._clean(part))
            self._line = (self._line + part).rpartition("\n")[2]
        return said

    def finish(self) -> str:
        """The rest, once no more pieces come."""
        rest, self._held = self._held, ""
        return self._add(self._clean(rest))

    def _boundary(self) -> int:
        """Where the first stretch ends that nothing later can change: before a space outside of brackets; 0 if none.

        It depends only on the text before it, so it is the same however the text arrives.
        """
        for found in _SPACE.finditer(self._held, 1):
            if found[0] == "\n" or self._closed(self._held[: found.start()]):
                return found.start()
        return 0

    def _closed(self, text: str) -> bool:
        line = (self._line + text).rpartition("\n")[2]
        if line.rfind("[") > line.rfind("]") or line.rfind("【") > line.rfind("】"):
            return False
        target = line.rfind("](")
        return not (target >= 0 and ")" not in line[target:]) and _OPEN_TAG.search(line) is None

    def _add(self, said: str) -> str:
        if not self.text:
            said = said.lstrip()
        if said.startswith("[") and self.text.endswith("!"):
            said = f" {said}"  # what stood between them was removed; together they would be an image
        room = self._limit - 1 - len(self.text)
        if len(said) > room and not self.full:
            said = (said[:room] if len(said) > LONGEST_WORD else "") + "…"
            self.full = True
        elif self.full:
            said = ""
        self.text += said
        return said

    def _clean(self, text: str) -> str:
        """One stretch between spaces. What is removed may join its neighbours to something new: until nothing is."""
        before = ""
        while before != text:
            before, text = text, _TOKEN.sub(self._replace, text)
        # "Free![1]" is no image, and must not look like one.
        return _SETTLED.sub(r"[\1]", _LIKE_IMAGE.sub("! ", redact(text)))

    def _replace(self, match: re.Match[str]) -> str:
        if (numbers := match["numbers"]) is not None:
            return self._markers(match["gap"], numbers)
        if (label := match["label"]) is not None:
            return self._link(label, match["target"])
        if (text := match["text"]) is not None:
            return text
        if (address := match["url"] or match["autolink"]) is not None:
            return self._address(address)
        return match["mail"] or ""

    def _markers(self, gap: str, numbers: str) -> str:
        known = [int(n) for n in re.findall(r"\d+", numbers) if 1 <= int(n) <= self._sources]
        settled = dict.fromkeys(self._numbers.setdefault(n, len(self._numbers) + 1) for n in known)
        return gap + "".join(f"{_OPENED}{n}{_CLOSED}" for n in settled) if settled else ""

    def _link(self, label: str, target: str) -> str:
        """The label with the address in full behind it, so that a link cannot pretend to be another."""
        if re.fullmatch(r"\s*\d{1,3}\s*", label):
            return self._markers("", label)
        address = target.split(maxsplit=1)[0].strip("<>") if target.strip() else ""
        if address.startswith(("mailto:", "tel:")):
            address = address.partition(":")[2].partition("?")[0]
            return label if address in label else f"{label} {address}"
        if not self._is_allowed(address):
            return label
        return label if address in label else f"{label} {address}"

    def _address(self, address: str) -> str:
        core = address.rstrip(".,;:!?)*_")
        return address if self._is_allowed(core) else REMOVED + address[len(core) :]

    def _is_allowed(self, address: str) -> bool:
        if "\\" in address or address.count("://") > 1 or _scheme(address) not in {"", "http", "https"}:
            return False
        host = _host(address)
        return host is not None and host in self._allowed


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower() if "://" in address else ""


def _host(address: str) -> str | None:
    """The host an address leads to, in lower case without www; None if there is none."""
    try:
        host = urlsplit(address if "://" in address else f"//{address.removeprefix('//')}").hostname
    except ValueError:
        return None
    return host.rstrip(".").removeprefix("www.") or None if host else None
