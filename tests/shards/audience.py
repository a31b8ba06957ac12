"""Customers of a bot by the hundred, and broadcasts to them; worker processes that can be killed."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.broadcasts import Audience, Broadcast
from domain.broadcasts import service as broadcasts
from domain.broadcasts.model import BroadcastState, Content, Progress
from domain.kit.settings import Settings
from domain.kit.slots import slot_of_bot
from tests.shards.world import Sink, Tenant, until

# Contacts and private chats 1..n of a bot.
CROWD = """
WITH people AS (
    INSERT INTO contacts (tenant_id, id, channel, source, external_id, name, language)
    SELECT $1, gen_random_uuid(), 'telegram', $2, n::text, 'P' || n, 'en' FROM generate_series(1, $3::integer) AS n
    RETURNING id, external_id)
INSERT INTO dialogs (tenant_id, id, channel, source, address, contact_id, assistant_id, slot)
SELECT $1, gen_random_uuid(), 'telegram', $2, external_id, id, $4, $5 FROM people
"""


async def add_crowd(tenant: Tenant, bot_id: int, count: int, *, rate: int) -> None:
    """A bot of this rate and its customers."""
    await tenant.add_bot(bot_id)
    await tenant.rows("UPDATE bots SET rate = $2 WHERE id = $1", bot_id, rate)
    await tenant.rows(CROWD, tenant.id, str(bot_id), count, tenant.assistant_id, slot_of_bot(bot_id))


@dataclass
class Sending:
    """A broadcast of a test."""

    tenant: Tenant
    id: UUID

    @classmethod
    async def begin(cls, tenant: Tenant, bot_id: int, text: str, *, in_seconds: float | None = None) -> "Sending":
        """Write and start one to everybody, perhaps for later."""
        now = datetime.now(UTC)
        at = None if in_seconds is None else now + timedelta(seconds=in_seconds)
        async with tenant.world.db.tenant_tx(tenant.id) as conn:
            content = Content("", text, (), Audience())
            made = await broadcasts.create(
                conn, tenant_id=tenant.id, bot_id=bot_id, content=content, scheduled_at=at, now=now
            )
            await broadcasts.start(conn, tenant_id=tenant.id, broadcast_id=made.id, now=now)
        return cls(tenant, made.id)

    async def now(self) -> Broadcast:
        """As the API shows it."""
        async with self.tenant.world.db.tenant_tx(self.tenant.id) as conn:
            return await broadcasts.get(conn, tenant_id=self.tenant.id, broadcast_id=self.id)

    async def pause(self) -> None:
        """Pause it."""
        async with self.tenant.world.db.tenant_tx(self.tenant.id) as conn:
            await broadcasts.pause(conn, tenant_id=self.tenant.id, broadcast_id=self.id)

    async def resume(self) -> None:
        """Resume it."""
        async with self.tenant.world.db.tenant_tx(self.tenant.id) as conn:
            await broadcasts.resume(conn, tenant_id=self.tenant.id, broadcast_id=self.id)

    async def cancel(self) -> None:
        """Cancel it."""
        async with self.tenant.world.db.tenant_tx(self.tenant.id) as conn:
            await broadcasts.cancel(conn, tenant_id=self.tenant.id, broadcast_id=self.id)

    async def ended(self, state: BroadcastState = "done") -> Progress:
        """Wait for its end; the progress then."""

        async def over() -> bool:
            found = await self.now()
            return found.state == state and found.finished_at is not None

        await until(over, f"the broadcast to be {state}", seconds=60)
        return (await self.now()).progress

    async def results(self) -> list[tuple[str, str | None]]:
        """(state, reason) of each recipient."""
        async with self.tenant.world.db.tenant_tx(self.tenant.id) as conn:
            rows = await broadcasts.list_recipients(conn, tenant_id=self.tenant.id, broadcast_id=self.id, limit=10_000)
        return [(row.state, row.reason) for row in rows]


def chats(sink: Sink, text: str) -> Counter[int]:
    """How often each chat was sent this text."""
    return Counter(payload["chat_id"] for payload in sink.sends() if payload["text"] == text)


@contextmanager
def worker_process(settings: Settings, program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as supervisord starts it; ended at the end, however it is."""
    fields = settings.model_dump(mode="json", exclude_none=True) | {"replyx_instance": program}
    environment = {name.upper(): str(value) for name, value in fields.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "shards"],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def kill_owner(tenant: Tenant, slot: int) -> None:
    """SIGKILL to the slot's owner; the shard-supervisor, which ends a dead member's lease at once, is this function."""
    sql = "SELECT m.pid FROM slot_owners o JOIN shard_members m ON m.id = o.member_id WHERE o.slot = $1"
    [row] = await tenant.rows(sql, slot)
    os.kill(row["pid"], signal.SIGKILL)
    await tenant.rows("UPDATE shard_members SET expires_at = clock_timestamp() WHERE pid = $1", row["pid"])
