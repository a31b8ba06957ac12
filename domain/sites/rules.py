"""Origins and looks; pure."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from domain.kit.errors import Invalid
from domain.sites.model import Theme

ANY = "*"
ORIGINS_MAX = 50
NAME_MAX = 100
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")
_ACCENT = re.compile(r"#[0-9a-f]{6}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str | None:
    """The origin of an address, as browsers write it (`https://shop.example`), or None if it has none."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode() if host else ""
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        return None
    shown = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def normal_origins(given: Iterable[str]) -> list[str]:
    """The origins as they are compared, without doubles. Raises Invalid naming the one that is none."""
    origins: list[str] = []
    for text in given:
        origin = ANY if text.strip() == ANY else origin_of(text)
        if origin is None:
            raise Invalid(f"{text!r} is not the address of a site; it looks like https://shop.example.")
        if origin not in origins:
            origins.append(origin)
    if len(origins) > ORIGINS_MAX:
        raise Invalid(f"There are too many origins: use at most {ORIGINS_MAX}.")
    return origins


def origin_allowed(allowed: Sequence[str], origin: str, *, own: str | None) -> bool:
    """Whether the widget may run on a page of `origin`; on our own pages it always may."""
    return ANY in allowed or origin in allowed or (own is not None and origin == own)


def frame_ancestors(allowed: Sequence[str]) -> str:
    """The sources of CSP's frame-ancestors: who may embed the chat page."""
    return ANY if ANY in allowed else " ".join(["'self'", *allowed])


def checked_theme(accent: str, position: str) -> Theme:
    """Raises Invalid."""
    if not _ACCENT.fullmatch(accent.lower()):
        raise Invalid("The accent must be a colour like #4f46e5.")
    if position == "left":
        return Theme(accent.lower(), "left")
    if position == "right":
        return Theme(accent.lower(), "right")
    raise Invalid('The position must be "left" or "right".')


def checked_name(name: str) -> str:
    """The site's name, trimmed. Raises Invalid."""
    name = name.strip()
    if not 0 < len(name) <= NAME_MAX:
        raise Invalid(f"The site's name is empty or too long: use 1 to {NAME_MAX} characters.")
    return name
