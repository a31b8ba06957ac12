"""From an update's bytes to its meaning. Pure."""

from typing import Any

import orjson

from domain.bots.updates.kinds import read_other
from domain.bots.updates.messages import Reader, read_message
from domain.bots.updates.model import Incoming, Poisoned


def parse(raw: bytes, *, bot_id: int, username: str) -> Incoming:
    """Read an update for this bot. Raises Poisoned with the reason."""
    try:
        update = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Poisoned(f"not JSON: {error}") from error
    if not isinstance(update, dict):
        raise Poisoned("not a JSON object")
    try:
        return _read(update, Reader(bot_id, username))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise Poisoned(f"unexpected shape: {type(error).__name__}: {str(error)[:200]}") from error


def _read(update: dict[str, Any], reader: Reader) -> Incoming:
    if message := update.get("message"):
        return read_message(reader, message)
    if message := update.get("edited_message"):
        return read_message(reader, message, edited=True)
    if message := update.get("business_message"):
        return read_message(reader, message, business=True)
    if message := update.get("edited_business_message"):
        return read_message(reader, message, edited=True, business=True)
    return read_other(update)
