"""broadcasts: one message to many customers of a bot."""

from collections.abc import Awaitable
from typing import Protocol
from uuid import UUID

from domain.broadcasts import Broadcast
from domain.broadcasts import service as broadcasts
from domain.broadcasts.model import Content
from domain.bus import Bell, bell_channel
from domain.kit import joblist
from domain.kit.db import Conn
from domain.kit.slots import slot_of, slot_of_bot
from gateway.call import Call
from gateway.paging import Page, page_of
from gateway.routes.broadcast_models import (
    BroadcastBody,
    BroadcastChanges,
    BroadcastOut,
    BroadcastsQuery,
    CountBody,
    CountOut,
    RecipientOut,
    RecipientsQuery,
    broadcast_out,
    buttons_of,
    recipient_out,
)
from gateway.routing import Route


async def list_broadcasts(call: Call, query: BroadcastsQuery) -> Page[BroadcastOut]:
    """Newest first."""
    async with call.tenant_tx() as conn:
        rows = await broadcasts.list_broadcasts(
            conn,
            tenant_id=call.member.tenant_id,
            before=query.before,
            state=query.state,
            bot_id=query.bot_id,
            limit=query.limit + 1,
        )
    return page_of(rows, query, broadcast_out, lambda row: row.id)


async def add_broadcast(call: Call, body: BroadcastBody) -> BroadcastOut:
    """Nothing is sent before `start`."""
    async with call.tenant_tx() as conn:
        made = await broadcasts.create(
            conn,
            tenant_id=call.member.tenant_id,
            bot_id=body.bot_id,
            content=Content(body.title.strip(), body.text, buttons_of(body.buttons), body.audience.made()),
            scheduled_at=body.scheduled_at,
            now=call.services.clock.now(),
        )
    return broadcast_out(made)


async def count_recipients(call: Call, body: CountBody) -> CountOut:
    """Sends nothing."""
    async with call.tenant_tx() as conn:
        reach = await broadcasts.count_audience(
            conn, tenant_id=call.member.tenant_id, bot_id=body.bot_id, audience=body.audience.made()
        )
    return CountOut(recipients=reach.recipients, blocked=reach.blocked)


async def get_broadcast(call: Call, broadcast_id: UUID) -> BroadcastOut:
    """With its progress, exact as of now."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        found = await broadcasts.get(conn, tenant_id=tenant_id, broadcast_id=broadcast_id)
        broken = await joblist.failure_of(conn, tenant_id=tenant_id, kind=broadcasts.RUN, key=str(broadcast_id))
    out = broadcast_out(found)
    if broken is not None and found.state in {"scheduled", "running"}:
        out.note = f"It stopped after an error ({broken}); pause and resume it to go on."
    return out


async def change_broadcast(call: Call, broadcast_id: UUID, body: BroadcastChanges) -> BroadcastOut:
    """Until it has begun."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        found = await broadcasts.get(conn, tenant_id=tenant_id, broadcast_id=broadcast_id)
        old = found.content
        changed = await broadcasts.update(
            conn,
            tenant_id=tenant_id,
            broadcast_id=broadcast_id,
            content=Content(
                title=old.title if body.title is None else body.title.strip(),
                text=old.text if body.text is None else body.text,
                buttons=old.buttons if body.buttons is None else buttons_of(body.buttons),
                audience=old.audience if body.audience is None else body.audience.made(),
            ),
            scheduled_at=body.scheduled_at if "scheduled_at" in body.model_fields_set else found.scheduled_at,
            now=call.services.clock.now(),
        )
    await _ring(call, changed)
    return broadcast_out(changed)


async def start_broadcast(call: Call, broadcast_id: UUID) -> BroadcastOut:
    """A draft with a time begins then; everything else begins now."""
    async with call.tenant_tx() as conn:
        started = await broadcasts.start(
            conn, tenant_id=call.member.tenant_id, broadcast_id=broadcast_id, now=call.services.clock.now()
        )
    await _ring(call, started)
    return broadcast_out(started)


async def pause_broadcast(call: Call, broadcast_id: UUID) -> BroadcastOut:
    """What is on the wire arrives, nothing else does."""
    return await _step(call, broadcast_id, broadcasts.pause)


async def resume_broadcast(call: Call, broadcast_id: UUID) -> BroadcastOut:
    """Nobody gets it twice."""
    return await _step(call, broadcast_id, broadcasts.resume)


async def cancel_broadcast(call: Call, broadcast_id: UUID) -> BroadcastOut:
    """For good; who has it keeps it."""
    return await _step(call, broadcast_id, broadcasts.cancel)


async def list_recipients(call: Call, broadcast_id: UUID, query: RecipientsQuery) -> Page[RecipientOut]:
    """In a fixed order; those that are not collected yet are missing."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        await broadcasts.get(conn, tenant_id=tenant_id, broadcast_id=broadcast_id)
        rows = await broadcasts.list_recipients(
            conn,
            tenant_id=tenant_id,
            broadcast_id=broadcast_id,
            state=query.state,
            after=query.before,
            limit=query.limit + 1,
        )
    return page_of(rows, query, recipient_out, lambda row: row.dialog_id)


class _Step(Protocol):
    """A use case that takes a broadcast to its next state."""

    def __call__(self, conn: Conn, *, tenant_id: UUID, broadcast_id: UUID) -> Awaitable[Broadcast]: ...


async def _step(call: Call, broadcast_id: UUID, step: _Step) -> BroadcastOut:
    async with call.tenant_tx() as conn:
        changed = await step(conn, tenant_id=call.member.tenant_id, broadcast_id=broadcast_id)
    await _ring(call, changed)
    return broadcast_out(changed)


async def _ring(call: Call, broadcast: Broadcast) -> None:
    """After the commit: the job is the tenant's slot's, sends that may go on are the bot's."""
    slot, bots_slot = slot_of(broadcast.tenant_id), slot_of_bot(broadcast.bot_id)
    bells = [(bell_channel(slot), Bell(slot, "jobs"))]
    if broadcast.state == "running":
        bells.append((bell_channel(bots_slot), Bell(bots_slot, "outbox")))
    await call.services.publisher.publish(bells)


_TAG = "broadcasts"
_ONE = "/api/broadcasts/{broadcast_id}"
ROUTES = (
    Route("GET", "/api/broadcasts", list_broadcasts, "member", _TAG, "List the broadcasts, newest first."),
    Route("POST", "/api/broadcasts", add_broadcast, "owner", _TAG, "Write a broadcast.", 201),
    Route("POST", "/api/broadcasts/preview", count_recipients, "owner", _TAG, "Count whom a broadcast would reach."),
    Route("GET", _ONE, get_broadcast, "member", _TAG, "Read a broadcast with its progress."),
    Route("PATCH", _ONE, change_broadcast, "owner", _TAG, "Change a broadcast that has not begun."),
    Route("POST", f"{_ONE}/start", start_broadcast, "owner", _TAG, "Start or schedule a broadcast."),
    Route("POST", f"{_ONE}/pause", pause_broadcast, "owner", _TAG, "Pause a broadcast."),
    Route("POST", f"{_ONE}/resume", resume_broadcast, "owner", _TAG, "Resume a paused broadcast."),
    Route("POST", f"{_ONE}/cancel", cancel_broadcast, "owner", _TAG, "Cancel a broadcast for good."),
    Route("GET", f"{_ONE}/recipients", list_recipients, "member", _TAG, "List what became of each recipient."),
)
