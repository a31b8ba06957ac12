"""Use cases of broadcasts for the gateway, in its caller's transaction.

Whatever changes the state enqueues the job: after the commit, ring the tenant's slot (`slot_of(tenant_id)`) with
Bell(slot, "jobs"), and after `resume` the bot's (`slot_of_bot(bot_id)`) with Bell(slot, "outbox").
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from domain.bots import Bot
from domain.bots import service as bots
from domain.broadcasts import queries, rules
from domain.broadcasts.model import Audience, Broadcast, BroadcastState, Content, Recipient, RecipientState
from domain.kit import jobs
from domain.kit.db import Conn, Row
from domain.kit.errors import Conflict, NotFound
from domain.kit.ids import uuid7
from domain.outbox import service as outbox

RUN: Final = "broadcast.run"  # the job; its key is the broadcast's id


class Reach(NamedTuple):
    """How many an audience has: who can be reached, and who fulfils the conditions but blocked the bot."""

    recipients: int
    blocked: int


async def count_audience(conn: Conn, *, tenant_id: UUID, bot_id: int, audience: Audience) -> Reach:
    """A dry count. Raises Invalid, NotFound for a foreign bot."""
    rules.check_audience(audience)
    await bots.get(conn, tenant_id=tenant_id, bot_id=bot_id)
    row = await conn.fetchrow(queries.COUNT_AUDIENCE, *queries.audience_arguments(tenant_id, bot_id, audience))
    return Reach(row["reachable"], row["blocked"]) if row else Reach(0, 0)


async def create(
    conn: Conn, *, tenant_id: UUID, bot_id: int, content: Content, scheduled_at: datetime | None, now: datetime
) -> Broadcast:
    """A draft; `start` sends it, at `scheduled_at` if that is set. Raises Invalid, NotFound for a foreign bot."""
    _check(content, scheduled_at, now)
    await bots.get(conn, tenant_id=tenant_id, bot_id=bot_id)
    broadcast_id = uuid7()
    await conn.execute(queries.INSERT, tenant_id, broadcast_id, bot_id, *_columns(content), scheduled_at)
    return await get(conn, tenant_id=tenant_id, broadcast_id=broadcast_id)


async def get(conn: Conn, *, tenant_id: UUID, broadcast_id: UUID) -> Broadcast:
    """One broadcast with its progress. Raises NotFound."""
    row = await conn.fetchrow(queries.GET, tenant_id, broadcast_id)
    return queries.broadcast(_found(row))


async def list_broadcasts(
    conn: Conn,
    *,
    tenant_id: UUID,
    before: UUID | None = None,
    state: BroadcastState | None = None,
    bot_id: int | None = None,
    limit: int = 50,
) -> list[Broadcast]:
    """Newest first, with id < before."""
    return [queries.broadcast(row) for row in await conn.fetch(queries.LIST, tenant_id, before, state, bot_id, limit)]


async def update(
    conn: Conn, *, tenant_id: UUID, broadcast_id: UUID, content: Content, scheduled_at: datetime | None, now: datetime
) -> Broadcast:
    """Change one that has not begun; a scheduled one without a time is a draft again. Raises Invalid, Conflict."""
    row = await _lock(conn, tenant_id, broadcast_id, "edit")
    _check(content, scheduled_at if scheduled_at != row["scheduled_at"] else None, now)
    state = row["state"] if scheduled_at is not None else "draft"
    await conn.execute(queries.UPDATE, tenant_id, broadcast_id, *_columns(content), scheduled_at, state)
    if state == "scheduled" and scheduled_at is not None:
        await _ask(conn, tenant_id, broadcast_id, delay=(scheduled_at - now).total_seconds())
    return await get(conn, tenant_id=tenant_id, broadcast_id=broadcast_id)


async def start(conn: Conn, *, tenant_id: UUID, broadcast_id: UUID, now: datetime) -> Broadcast:
    """Send it: at its time if that is set and it is a draft, else now.

    Raises Conflict (not in this state, bot paused or revoked, empty audience), Invalid (its time has passed).
    """
    row = await _lock(conn, tenant_id, broadcast_id, "start")
    check_bot(await bots.get(conn, tenant_id=tenant_id, bot_id=row["bot_id"]))
    audience = queries.content(row).audience
    reach = await count_audience(conn, tenant_id=tenant_id, bot_id=row["bot_id"], audience=audience)
    at: datetime | None = row["scheduled_at"]
    wait = at is not None and row["state"] == "draft"
    if at is not None and wait:
        rules.check_time(at, now)
    elif not reach.recipients:
        blocked = f" ({reach.blocked} have blocked the bot)" if reach.blocked else ""
        raise Conflict(f"Nobody would get it: no private chat of this bot fulfils the conditions{blocked}.")
    state: BroadcastState = "scheduled" if wait else "running"
    await conn.execute(queries.SET_STATE, tenant_id, broadcast_id, state, None, False)
    await _ask(conn, tenant_id, broadcast_id, delay=(at - now).total_seconds() if at is not None and wait else 0)
    return await get(conn, tenant_id=tenant_id, broadcast_id=broadcast_id)


async def pause(conn: Conn, *, tenant_id: UUID, broadcast_id: UUID) -> Broadcast:
    """Stop sending: what is on the wire arrives, nothing else does. Raises Conflict."""
    await _lock(conn, tenant_id, broadcast_id, "pause")
    await outbox.pause(conn, tenant_id=tenant_id, message_ids=await _queued(conn, tenant_id, broadcast_id))
    return await _set_state(conn, tenant_id, broadcast_id, "paused")


async def resume(conn: Conn, *, tenant_id: UUID, broadcast_id: UUID) -> Broadcast:
    """Go on where it was. Raises Conflict, also for a bot that cannot send."""
    row = await _lock(conn, tenant_id, broadcast_id, "resume")
    check_bot(await bots.get(conn, tenant_id=tenant_id, bot_id=row["bot_id"]))
    await outbox.resume(conn, tenant_id=tenant_id, message_ids=await _queued(conn, tenant_id, broadcast_id))
    return await _set_state(conn, tenant_id, broadcast_id, "running")


async def cancel(conn: Conn, *, tenant_id: UUID, broadcast_id: UUID) -> Broadcast:
    """Send nothing more, for good; the job takes back what was not sent. Raises Conflict."""
    await _lock(conn, tenant_id, broadcast_id, "cancel")
    await outbox.pause(conn, tenant_id=tenant_id, message_ids=await _queued(conn, tenant_id, broadcast_id))
    return await _set_state(conn, tenant_id, broadcast_id, "cancelled")


async def list_recipients(
    conn: Conn,
    *,
    tenant_id: UUID,
    broadcast_id: UUID,
    state: RecipientState | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[Recipient]:
    """What became of each, by dialog id > after."""
    rows = await conn.fetch(queries.LIST_RECIPIENTS, tenant_id, broadcast_id, after, state, limit)
    return [queries.recipient(row) for row in rows]


async def reopen(conn: Conn, *, tenant_id: UUID, message_id: UUID) -> None:
    """A person is about to send this message again: its recipient, if it is a broadcast's, is on the way once more.
    Before the dialog is locked."""
    row = await conn.fetchrow(queries.FIND_OF_MESSAGE, tenant_id, message_id)
    if row is None or await conn.fetchrow(queries.LOCK, tenant_id, row["broadcast_id"]) is None:
        return
    await conn.execute(queries.REOPEN, tenant_id, row["broadcast_id"], row["dialog_id"], message_id)
    await _ask(conn, tenant_id, row["broadcast_id"])


def check_bot(bot: Bot) -> None:
    """Whether the bot can send. Raises Conflict."""
    if bot.state == "paused":
        raise Conflict(f"The bot @{bot.username} is paused; resume it first.")
    if bot.state == "revoked":
        raise Conflict(f"Telegram refuses the token of @{bot.username}; give the bot a new one first.")


def _check(content: Content, scheduled_at: datetime | None, now: datetime) -> None:
    rules.check_text(content.text)
    rules.check_buttons(content.buttons)
    rules.check_audience(content.audience)
    if scheduled_at is not None:
        rules.check_time(scheduled_at, now)


def _columns(content: Content) -> tuple[object, ...]:
    buttons = [button.to_json() for button in content.buttons]
    return (content.title, content.text, buttons, content.audience.to_json())


async def _lock(conn: Conn, tenant_id: UUID, broadcast_id: UUID, step: str) -> Row:
    row = _found(await conn.fetchrow(queries.LOCK, tenant_id, broadcast_id))
    rules.check_step(step, row["state"])
    return row


async def _queued(conn: Conn, tenant_id: UUID, broadcast_id: UUID) -> Sequence[UUID]:
    return [row["message_id"] for row in await conn.fetch(queries.FETCH_QUEUED, tenant_id, broadcast_id)]


async def _set_state(conn: Conn, tenant_id: UUID, broadcast_id: UUID, state: BroadcastState) -> Broadcast:
    await conn.execute(queries.SET_STATE, tenant_id, broadcast_id, state, None, False)
    await _ask(conn, tenant_id, broadcast_id)
    return await get(conn, tenant_id=tenant_id, broadcast_id=broadcast_id)


async def _ask(conn: Conn, tenant_id: UUID, broadcast_id: UUID, *, delay: float = 0) -> None:
    await jobs.enqueue(conn, tenant_id=tenant_id, kind=RUN, key=str(broadcast_id), delay=delay)


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("There is no such broadcast.")
    return row
