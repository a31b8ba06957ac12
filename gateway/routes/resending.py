"""dialogs: messages that failed, or may not have arrived: send again, or dismiss."""

from uuid import UUID

from domain.bus import Bell, DialogEvent, bell_channel, events_channel
from domain.deadletters import service as deadletters
from domain.dialogs import resending
from domain.dialogs import service as dialogs
from gateway.call import Call
from gateway.routes.dialogs import RepliedOut
from gateway.routing import Route


async def resend_message(call: Call, dialog_id: UUID, seq: int) -> RepliedOut:
    """Send what failed or is uncertain once more; while it is on its way, asking again changes nothing."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        message_id = await resending.message_id_of(conn, tenant_id=tenant_id, dialog_id=dialog_id, seq=seq)
        resent = await deadletters.resend(conn, tenant_id=tenant_id, dialog_id=dialog_id, message_id=message_id)
    await call.services.publisher.publish([(events_channel(resent.slot), event) for event in resent.events])
    await call.services.publisher.publish([(bell_channel(resent.slot), Bell(resent.slot, "outbox"))])
    return _out(resent.events)


async def dismiss_message(call: Call, dialog_id: UUID, seq: int) -> RepliedOut:
    """Leave it as it is; it disappears from the dead letters."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        message_id = await resending.message_id_of(conn, tenant_id=tenant_id, dialog_id=dialog_id, seq=seq)
        events = await resending.dismiss(conn, tenant_id=tenant_id, dialog_id=dialog_id, message_id=message_id)
        dialog = await dialogs.get_dialog(conn, tenant_id=tenant_id, dialog_id=dialog_id)
    await call.services.publisher.publish([(events_channel(dialog.slot), event) for event in events])
    return _out(events)


def _out(events: list[DialogEvent]) -> RepliedOut:
    return RepliedOut(events=[{"kind": event.kind, **event.data} for event in events])


_TAG = "dialogs"
_MESSAGE = "/api/dialogs/{dialog_id}/messages/{seq}"
ROUTES = (
    Route("POST", f"{_MESSAGE}/resend", resend_message, "member", _TAG, "Send a failed or uncertain message again."),
    Route("POST", f"{_MESSAGE}/dismiss", dismiss_message, "member", _TAG, "Dismiss a failed or uncertain message."),
)
