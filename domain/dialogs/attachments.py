"""Files in messages: what is known of them, and their bytes once a worker has fetched them.

An attachment is a dict of a message's `attachments`: {n, kind, name, mime_type, size, duration, width, height, state},
and inside also {file_id, unique_id}. `state`: pending (its bytes will come), stored, too_big (Telegram gives bots no
file over 20 MiB), failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from domain.bots.updates import Attachment
from domain.bus import DialogEvent
from domain.dialogs import queries
from domain.dialogs.log import DialogLog
from domain.kit import blobs, jobs
from domain.kit.db import Conn
from domain.kit.errors import NotFound

FETCH_FILE = "telegram.fetch_file"  # the job: key "<message>/<n>", payload {message_id, n, bot_id}
MAX_BYTES = 20 << 20  # what getFile gives

State = Literal["pending", "stored", "too_big", "failed"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An attachment with its bytes."""

    kind: str
    name: str | None
    mime_type: str | None
    data: bytes


def described(found: Sequence[Attachment]) -> list[dict[str, Any]]:
    """A message's attachments as they are stored with it."""
    return [
        {
            "n": n,
            "kind": file.kind,
            "name": file.name,
            "mime_type": file.mime_type,
            "size": file.size,
            "duration": file.duration,
            "width": file.width,
            "height": file.height,
            "state": "too_big" if (file.size or 0) > MAX_BYTES else "pending",
            "file_id": file.file_id,
            "unique_id": file.unique_id,
        }
        for n, file in enumerate(found)
    ]


async def request_bytes(
    conn: Conn, *, tenant_id: UUID, bot_id: int, message_id: UUID, attachments: Sequence[dict[str, Any]]
) -> None:
    """Have the bytes of a message's pending attachments fetched."""
    for attachment in attachments:
        if attachment["state"] == "pending":
            n = attachment["n"]
            payload = {"message_id": str(message_id), "n": n, "bot_id": bot_id}
            key = f"{message_id}/{n}"
            await jobs.enqueue(conn, tenant_id=tenant_id, kind=FETCH_FILE, key=key, payload=payload)


async def find(conn: Conn, *, tenant_id: UUID, message_id: UUID, n: int) -> dict[str, Any] | None:
    """An attachment of a message, if both exist."""
    row = await conn.fetchrow(queries.GET_ATTACHMENTS, tenant_id, message_id)
    return _one(row["attachments"], n) if row else None


async def settle(
    conn: Conn, *, tenant_id: UUID, message_id: UUID, file_id: str, n: int, state: State, data: bytes | None = None
) -> list[DialogEvent]:
    """Say what became of an attachment, and keep its bytes if they came. Returns what to publish after the commit.

    Nothing happens if the message is gone, or was edited meanwhile and has another file there.
    """
    row = await conn.fetchrow(queries.GET_ATTACHMENTS, tenant_id, message_id)
    if row is None:
        return []
    log = DialogLog(conn)
    dialog = (await log.lock([(tenant_id, row["dialog_id"])])).get(row["dialog_id"])
    row = await conn.fetchrow(queries.GET_ATTACHMENTS, tenant_id, message_id)  # again: under the lock
    attachment = _one(row["attachments"], n) if row else None
    if row is None or dialog is None or attachment is None or attachment["file_id"] != file_id:
        return []
    attachment["state"] = state
    if data is not None:
        blob = await blobs.put(conn, tenant_id=tenant_id, data=data)
        attachment["size"] = blob.size
        await conn.execute(queries.INSERT_FILE, tenant_id, message_id, n, blob.id)
    stored = orjson.dumps(row["attachments"]).decode()
    await conn.execute(queries.SET_ATTACHMENTS, tenant_id, message_id, stored)
    log.set_attachment(dialog, message_id, attachment)
    return await log.flush()


async def read(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, seq: int, n: int) -> StoredFile:
    """An attachment with its bytes. Raises NotFound, with the reason for a person."""
    row = await conn.fetchrow(queries.FIND_ATTACHMENTS, tenant_id, dialog_id, seq)
    attachment = _one(row["attachments"], n) if row else None
    if row is None or attachment is None:
        raise NotFound("There is no such attachment.")
    blob_id = await conn.fetchval(queries.GET_FILE, tenant_id, row["id"], n)
    if attachment["state"] != "stored" or blob_id is None:
        raise NotFound(_MISSING.get(attachment["state"], _MISSING["failed"]))
    data = await blobs.get(conn, tenant_id=tenant_id, blob_id=blob_id)
    return StoredFile(attachment["kind"], attachment["name"], attachment["mime_type"], data)


_MISSING = {
    "pending": "The file is being fetched from Telegram; try again in a minute.",
    "too_big": "The file is larger than the 20 MB that Telegram gives to bots.",
    "failed": "Telegram did not give us this file.",
}


def _one(attachments: list[dict[str, Any]], n: int) -> dict[str, Any] | None:
    return attachments[n] if 0 <= n < len(attachments) else None
