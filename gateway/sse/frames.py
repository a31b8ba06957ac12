"""text/event-stream on the wire; pure."""

from typing import Any

import orjson

HEARTBEAT = b": hb\n\n"


def event(name: str, data: Any, *, event_id: str | None = None) -> bytes:
    """One event; `data` becomes JSON on one line. Only durable events have an id."""
    head = f"event: {name}\n" if event_id is None else f"event: {name}\nid: {event_id}\n"
    return head.encode() + b"data: " + orjson.dumps(data) + b"\n\n"


def retry(seconds: float) -> bytes:
    """How long the client waits before it reconnects."""
    return f"retry: {round(seconds * 1000)}\n\n".encode()


def last_seq(header: str, dialog_id: str) -> int | None:
    """The seq of a `Last-Event-ID: {dialog_id}:{seq}` header; None if it is of another dialog or malformed."""
    dialog, _, seq = header.rpartition(":")
    return int(seq) if dialog == dialog_id and seq.isascii() and seq.isdigit() and len(seq) < 19 else None
