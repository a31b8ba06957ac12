"""DialogLog: the only writer of a dialog's log, for one transaction and any number of dialogs.

Lock, then append in memory (each entry takes the dialog's next seq), then flush with one statement a table. What
`flush` returns is published after the commit.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson

from domain.bus import DialogEvent
from domain.dialogs import queries
from domain.dialogs.model import Delivery, LockedDialog, MessageDraft, Mode
from domain.kit.db import Conn

_PREVIEW = 160  # characters of the last message that lists show


class DialogLog:
    """The unit of work on the logs of locked dialogs."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self._dialogs: dict[UUID, LockedDialog] = {}
        self._messages: list[tuple[LockedDialog, int, MessageDraft]] = []
        self._events: list[tuple[LockedDialog, int, str, dict[str, Any]]] = []
        self._deliveries: list[tuple[UUID, UUID, Delivery]] = []

    async def lock(self, dialogs: Iterable[tuple[UUID, UUID]]) -> dict[UUID, LockedDialog]:
        """Lock (tenant, dialog) rows in key order; those that do not exist are missing from the result."""
        pairs = sorted(set(dialogs))
        rows = await self._conn.fetch(queries.LOCK_BY_ID, [t for t, _ in pairs], [d for _, d in pairs])
        return self.adopt(queries.locked(row) for row in rows)

    def adopt(self, dialogs: Iterable[LockedDialog]) -> dict[UUID, LockedDialog]:
        """Take over dialogs that this transaction has locked by other means."""
        found = {dialog.id: dialog for dialog in dialogs}
        self._dialogs.update(found)
        return found

    def append(self, dialog: LockedDialog, draft: MessageDraft) -> int:
        """Append a message; returns its seq. A customer's message reopens a closed dialog."""
        dialog.last_seq += 1
        dialog.touched = True
        if not draft.quiet:
            dialog.last_text = draft.text[:_PREVIEW]
            dialog.spoken = True
        if draft.role == "customer":
            dialog.status = "open"
        self._messages.append((dialog, dialog.last_seq, draft))
        return dialog.last_seq

    def set_mode(self, dialog: LockedDialog, mode: Mode, *, reason: str | None = None) -> None:
        """Change who answers; nothing happens if it is so already."""
        if dialog.mode == mode:
            return
        dialog.mode = mode
        self._event(dialog, "mode", {"mode": mode, "reason": reason})

    def set_delivery(self, dialog: LockedDialog, message_id: UUID, delivery: Delivery, detail: str | None) -> None:
        """Say what became of a message."""
        self._deliveries.append((dialog.tenant_id, message_id, delivery))
        self._event(dialog, "delivery", {"message_id": str(message_id), "delivery": delivery, "detail": detail})

    def set_blocked(self, dialog: LockedDialog, blocked: bool) -> None:
        """The customer blocked the bot, or came back; nothing happens if it is so already."""
        if dialog.blocked == blocked:
            return
        dialog.blocked = blocked
        self._event(dialog, "blocked", {"blocked": blocked})

    async def edit(self, dialog: LockedDialog, message_id: UUID, draft: MessageDraft, *, last: bool) -> None:
        """The customer's message says what `draft` says now; `last` says that it is the newest one of the dialog."""
        attachments = orjson.dumps(draft.attachments).decode()
        edited_at = await self._conn.fetchval(
            queries.EDIT_MESSAGE, dialog.tenant_id, message_id, draft.text, attachments, draft.context
        )
        if last:
            dialog.last_text = draft.text[:_PREVIEW]
        changed = {
            "message_id": str(message_id),
            "text": draft.text,
            "attachments": [queries.public(attachment) for attachment in draft.attachments],
            "context": draft.context,
            "edited_at": queries.stamp(edited_at),
        }
        self._event(dialog, "edited", changed)

    def set_attachment(self, dialog: LockedDialog, message_id: UUID, attachment: dict[str, Any]) -> None:
        """Announce what became of an attachment's bytes."""
        self._event(dialog, "attachment", {"message_id": str(message_id), "attachment": queries.public(attachment)})

    def react(self, dialog: LockedDialog, message_id: UUID | None, emoji: Sequence[str]) -> None:
        """The customer's reactions to a message (None: one that is not known here) are these now."""
        message = str(message_id) if message_id else None
        self._event(dialog, "reaction", {"message_id": message, "emoji": list(emoji)})

    async def flush(self) -> list[DialogEvent]:
        """Write everything; returns what to publish once the transaction is committed, in order."""
        stamp = ""
        if self._messages:
            rows = _columns(_message_row(*m) for m in self._messages)
            stamp = queries.stamp(await self._conn.fetchval(queries.INSERT_MESSAGES, *rows))
        if self._events:
            events = ((d.tenant_id, d.id, seq, kind, payload) for d, seq, kind, payload in self._events)
            await self._conn.execute(queries.INSERT_EVENTS, *_columns(events))
        if self._deliveries:
            await self._conn.execute(queries.SET_DELIVERY, *_columns(self._deliveries))
        touched = [d for d in self._dialogs.values() if d.touched]
        if touched:
            await self._conn.execute(queries.SAVE_DIALOGS, *_columns(_saved(dialog) for dialog in touched))
        return sorted([*self._message_events(stamp), *self._other_events()], key=lambda event: event.seq)

    def _event(self, dialog: LockedDialog, kind: str, payload: dict[str, Any]) -> None:
        dialog.last_seq += 1
        dialog.touched = True
        self._events.append((dialog, dialog.last_seq, kind, payload))

    def _message_events(self, stamp: str) -> Iterable[DialogEvent]:
        for dialog, seq, draft in self._messages:
            yield DialogEvent(dialog.tenant_id, dialog.id, seq, "message", _message_json(seq, draft, stamp))

    def _other_events(self) -> Iterable[DialogEvent]:
        for dialog, seq, kind, payload in self._events:
            yield DialogEvent(dialog.tenant_id, dialog.id, seq, kind, {"seq": seq, **payload})


def _saved(dialog: LockedDialog) -> tuple[object, ...]:
    return (
        dialog.tenant_id,
        dialog.id,
        dialog.last_seq,
        dialog.last_text,
        dialog.mode,
        dialog.status,
        dialog.blocked,
        dialog.spoken,
    )


def _message_row(dialog: LockedDialog, seq: int, draft: MessageDraft) -> tuple[object, ...]:
    return (
        dialog.tenant_id,
        dialog.id,
        seq,
        draft.id,
        draft.role,
        draft.text,
        orjson.dumps(draft.citations).decode(),  # a list inside jsonb[] would be one more dimension of the array
        draft.client_id,
        draft.turn_id,
        draft.delivery,
        draft.verified,
        draft.author,
        draft.receipt,
        orjson.dumps(draft.attachments).decode() if draft.attachments else "[]",
        draft.context,
    )


def _message_json(seq: int, draft: MessageDraft, created_at: str) -> dict[str, Any]:
    return {
        "seq": seq,
        "id": str(draft.id),
        "role": draft.role,
        "text": draft.text,
        "citations": draft.citations,
        "client_id": draft.client_id,
        "turn_id": str(draft.turn_id) if draft.turn_id else None,
        "delivery": draft.delivery,
        "verified": draft.verified,
        "author": draft.author,
        "attachments": [queries.public(attachment) for attachment in draft.attachments],
        "context": draft.context,
        "edited_at": None,
        "created_at": created_at,
    }


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
