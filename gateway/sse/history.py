"""What a stream missed: durable events from Postgres, the running turn's text from Redis."""

from collections.abc import Sequence
from uuid import UUID

import orjson

from domain.bus import Publisher, snapshot_key
from domain.dialogs import Event
from domain.dialogs import service as dialogs
from domain.kit.db import Database

PAGE = 500  # events read at once


class DialogHistory:
    """Reads on behalf of one tenant at a time, under row-level security."""

    def __init__(self, db: Database, publisher: Publisher) -> None:
        self._db = db
        self._publisher = publisher

    async def events_since(self, *, tenant_id: UUID, dialog_id: UUID, after: int) -> list[Event]:
        """Up to PAGE events with seq > after. Raises Unavailable."""
        async with self._db.tenant_tx(tenant_id) as conn:
            return await dialogs.events_since(conn, tenant_id=tenant_id, dialog_id=dialog_id, after=after, limit=PAGE)

    async def last_seqs(self, *, tenant_id: UUID, dialog_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The last seq of each dialog that exists. Raises Unavailable."""
        async with self._db.tenant_tx(tenant_id) as conn:
            return await dialogs.last_seqs(conn, tenant_id=tenant_id, dialog_ids=dialog_ids)

    async def running_turn(self, *, slot: int, dialog_id: UUID) -> tuple[UUID, str] | None:
        """The turn that is being answered and its text so far, if there is one and Redis is there."""
        raw = await self._publisher.snapshot(snapshot_key(slot, dialog_id))
        if raw is None:
            return None
        try:
            value = orjson.loads(raw)
            return UUID(value["turn_id"]), str(value["text"])
        except (ValueError, KeyError, TypeError):
            return None  # written by another version: the answer will come as a message
