"""dialogs: a person types."""

from uuid import UUID

from domain.accounts import service as accounts
from domain.bus import ShowTyping, Signal, Typing, bell_channel, events_channel
from domain.dialogs import service as dialogs
from gateway.call import Call
from gateway.routing import Route


async def show_typing(call: Call, dialog_id: UUID) -> None:
    """Shown for a few seconds: say it again every four while the person types. Nothing is stored."""
    async with call.tenant_tx() as conn:
        dialog = await dialogs.get_dialog(conn, tenant_id=call.member.tenant_id, dialog_id=dialog_id)
        user = await accounts.get_user(conn, user_id=call.member.user_id)
    signals: list[tuple[str, Signal]] = [(events_channel(dialog.slot), Typing(dialog_id, user.name))]
    if dialog.channel == "telegram":
        signals.append((bell_channel(dialog.slot), ShowTyping(int(dialog.source), dialog.address)))
    await call.services.publisher.publish(signals)


ROUTES = (
    Route(
        "POST",
        "/api/dialogs/{dialog_id}/typing",
        show_typing,
        "member",
        "dialogs",
        "Show the customer that a person types.",
        204,
    ),
)
