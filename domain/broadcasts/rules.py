"""What may be broadcast and when, and how much of it at a time. Pure; errors are sentences for a person."""

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from domain.bots import rendering
from domain.broadcasts.model import Audience, BroadcastState, Button
from domain.kit.errors import Conflict, Invalid

MAX_TEXT: Final = 4096  # UTF-16 units of the plain text; Telegram's limit of one message
MAX_BUTTONS: Final = 10
MAX_LABEL: Final = 64
MAX_URL: Final = 2048
MAX_DIALOGS: Final = 1000  # named one by one
MAX_DAYS: Final = 3650
MAX_AHEAD: Final = timedelta(days=366)
WINDOW_SECONDS: Final = 4.0  # of a bot's rate that a broadcast keeps in the outbox; refilled every second
MIN_WINDOW: Final = 10

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_MAY: Final[dict[str, tuple[frozenset[str], str]]] = {
    "edit": (frozenset({"draft", "scheduled"}), "be changed"),
    "start": (frozenset({"draft", "scheduled"}), "be started"),
    "pause": (frozenset({"running"}), "be paused"),
    "resume": (frozenset({"paused"}), "be resumed"),
    "cancel": (frozenset({"draft", "scheduled", "running", "paused"}), "be cancelled"),
}
_IS: Final[dict[str, str]] = {
    "draft": "has not been started",
    "scheduled": "has not begun yet",
    "running": "is running",
    "paused": "is paused",
    "done": "is done",
    "cancelled": "was cancelled",
}


def check_step(step: str, state: BroadcastState) -> None:
    """Whether a broadcast in this state may be edited, started, paused, resumed, cancelled. Raises Conflict."""
    allowed, what = _MAY[step]
    if state not in allowed:
        raise Conflict(f"This broadcast {_IS[state]}; it cannot {what} now.")


def check_text(text: str) -> None:
    """Whether the text fits one message of Telegram, as it is rendered. Raises Invalid."""
    if "\x00" in text:
        raise Invalid("The text has a NUL character; remove it.")
    plain, _ = rendering.to_entities(text)
    if not plain.strip():
        raise Invalid("The text is empty: write what the customers shall read.")
    units = len(plain.encode("utf-16-le")) // 2
    if units > MAX_TEXT:
        raise Invalid(f"The text has {units} characters as Telegram counts them; it takes {MAX_TEXT}. Shorten it.")


def check_buttons(buttons: Sequence[Button]) -> None:
    """Whether Telegram takes these links. Raises Invalid."""
    if len(buttons) > MAX_BUTTONS:
        raise Invalid(f"A broadcast has {MAX_BUTTONS} buttons at most.")
    for button in buttons:
        if not button.text.strip() or len(button.text) > MAX_LABEL or "\x00" in button.text:
            raise Invalid(f"A button needs a label of 1 to {MAX_LABEL} characters.")
        if not _is_link(button.url):
            raise Invalid(f"The button {button.text!r} needs a link like https://example.com/page.")


def check_audience(audience: Audience) -> None:
    """Whether the conditions make sense. Raises Invalid."""
    if audience.language is not None and not _LANGUAGE.fullmatch(audience.language):
        raise Invalid('The language is a code like "en" or "ru".')
    if audience.active_days is not None and not 1 <= audience.active_days <= MAX_DAYS:
        raise Invalid(f"The days since the customer last wrote are 1 to {MAX_DAYS}.")
    if audience.attribute is not None and any("\x00" in word for word in audience.attribute):
        raise Invalid("The attribute has a NUL character; remove it.")
    if audience.dialog_ids is not None and not 1 <= len(audience.dialog_ids) <= MAX_DIALOGS:
        raise Invalid(f"Name 1 to {MAX_DIALOGS} dialogs, or leave them out to reach everybody.")


def check_time(at: datetime, now: datetime) -> None:
    """Whether a broadcast can be scheduled for `at` (both aware). Raises Invalid."""
    if at <= now:
        raise Invalid("This time is in the past; leave it out to send now.")
    if at > now + MAX_AHEAD:
        raise Invalid("This time is more than a year away.")


def payload(text: str, buttons: Sequence[Button]) -> dict[str, Any]:
    """The sendMessage of one recipient, without its chat: rendered as answers are."""
    plain, entities = rendering.to_entities(text)
    made: dict[str, Any] = {"text": plain, "link_preview_options": {"is_disabled": True}}
    if entities:
        made["entities"] = [entity.to_dict() for entity in entities]
    if buttons:
        made["reply_markup"] = {"inline_keyboard": [[button.to_json()] for button in buttons]}
    return made


def window(rate: int, running: int) -> int:
    """How many sends a broadcast keeps in the outbox of a bot of `rate` messages a second, which runs `running`
    broadcasts: bounded, and equal, so that they share the bot's rate."""
    return max(MIN_WINDOW, math.ceil(rate * WINDOW_SECONDS / max(1, running)))


def _is_link(url: str) -> bool:
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "tg":
        return bool(parts.netloc or parts.path)
    return parts.scheme in {"http", "https"} and ("." in host.strip("."))
