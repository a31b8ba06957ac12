"""The event stream of a dialog (docs/api.md describes the events)."""

from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from domain.dialogs import service as dialogs
from domain.kit.errors import NotFound
from domain.kit.slots import slot_of
from gateway.call import Call
from gateway.routing import Route
from gateway.sse import frames
from gateway.sse.connection import Connection
from gateway.sse.feed import Feed
from gateway.sse.stream import DialogStream
from gateway.tokens import Visitor


class EventsQuery(BaseModel):
    """Which dialog, and what the client has already."""

    dialog: UUID
    since: int = Field(0, ge=0, lt=1 << 62, description="The last seq the client has; Last-Event-ID wins over it.")


async def stream_events(call: Call, query: EventsQuery) -> web.StreamResponse:
    """Replay what is missing, then live, until one side ends it."""
    services = call.services
    feed = await _feed(call, query)
    stream = DialogStream(feed, services.history, services.timing, services.clock)
    connection = Connection(call.request, services.timing)
    with services.streams.enter(_client(call), feed):
        await services.fanout.join(feed)
        try:
            first = await stream.begin()
            response = await connection.open()
            await stream.run(first, connection.send)
            await connection.close()
        finally:
            await services.fanout.leave(feed)
    return response


async def _feed(call: Call, query: EventsQuery) -> Feed:
    seen = frames.last_seq(call.request.headers.get("Last-Event-ID", ""), str(query.dialog))
    seq = query.since if seen is None else seen
    if isinstance(call.principal, Visitor):
        if query.dialog != call.principal.dialog_id:
            raise NotFound("There is no such dialog.")
        # the dialog's row begins with its first message; its slot on the web is known before
        return Feed(call.principal.tenant_id, query.dialog, slot_of(query.dialog), seq)
    async with call.tenant_tx() as conn:
        dialog = await dialogs.get_dialog(conn, tenant_id=call.member.tenant_id, dialog_id=query.dialog)
    return Feed(call.member.tenant_id, dialog.id, dialog.slot, seq)


def _client(call: Call) -> str:
    if isinstance(call.principal, Visitor):
        return f"visitor:{call.principal.visitor_id}"
    return f"user:{call.member.user_id}"


ROUTES = (
    Route(
        "GET",
        "/events",
        stream_events,
        "reader",
        "events",
        "Follow a dialog as server-sent events.",
        media="text/event-stream",
    ),
)
