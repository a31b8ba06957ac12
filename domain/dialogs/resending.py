"""A message that failed, or may not have arrived, in a person's hands: sent again, or dismissed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.bus import DialogEvent
from domain.dialogs import resending_queries as queries
from domain.dialogs.log import DialogLog
from domain.dialogs.model import LockedDialog
from domain.kit.db import Conn
from domain.kit.errors import Conflict, NotFound
from domain.outbox import again

AGAIN = "A person sent it again."
TWICE = "A person sent it again; it may arrive twice."
DISMISSED = "A person decided that it needs no second try."


@dataclass(frozen=True, slots=True)
class Resent:
    """What to publish after the commit, and the slot whose outbox to ring."""

    slot: int
    events: list[DialogEvent]


async def message_id_of(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, seq: int) -> UUID:
    """The id of a dialog's message. Raises NotFound."""
    found: UUID | None = await conn.fetchval(queries.FETCH_ID, tenant_id, dialog_id, seq)
    if found is None:
        raise NotFound("There is no such message.")
    return found


async def details_of(
    conn: Conn, *, tenant_id: UUID, dialog_id: UUID, message_ids: Sequence[UUID]
) -> dict[UUID, str | None]:
    """What was said last of the delivery of these messages, in a sentence, where anything was."""
    rows = await conn.fetch(queries.FETCH_DETAILS, tenant_id, dialog_id, [str(one) for one in message_ids])
    return {UUID(row["message_id"]): row["detail"] for row in rows}


async def resend(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, message_id: UUID) -> Resent:
    """Send what failed or is uncertain once more; while it is on its way, asking again changes nothing.

    Raises NotFound; Conflict for a message that arrived, that has no send, or whose customer blocked the bot.
    """
    log, dialog = await _locked(conn, tenant_id, dialog_id)
    delivery = await conn.fetchval(queries.FETCH_DELIVERY, tenant_id, dialog_id, message_id)
    if delivery is None:
        raise NotFound("There is no such message.")
    if delivery == "queued":
        return Resent(dialog.slot, [])
    if delivery not in {"failed", "uncertain"}:
        raise Conflict("Only a message that failed or is uncertain can be sent again.")
    if dialog.blocked:
        raise Conflict("The customer has blocked the bot: nothing can be sent until they write again.")
    slot = await again.send_again(conn, tenant_id=tenant_id, message_id=message_id)
    if slot is None:
        raise Conflict("It is too long ago to be sent again, or was dismissed; write it anew.")
    log.set_delivery(dialog, message_id, "queued", AGAIN if delivery == "failed" else TWICE)
    return Resent(slot, await log.flush())


async def dismiss(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, message_id: UUID) -> list[DialogEvent]:
    """Leave it as it is and off the list of dead letters; a second time changes nothing. Raises NotFound."""
    log, dialog = await _locked(conn, tenant_id, dialog_id)
    delivery = await conn.fetchval(queries.FETCH_DELIVERY, tenant_id, dialog_id, message_id)
    if delivery not in {"failed", "uncertain"}:
        raise Conflict("Only a message that failed or is uncertain can be dismissed.")
    if await again.dismiss(conn, tenant_id=tenant_id, message_id=message_id):
        log.set_delivery(dialog, message_id, delivery, DISMISSED)
    return await log.flush()


async def drop(conn: Conn, *, tenant_id: UUID, message_id: UUID) -> None:
    """The same without a word in the dialog, which may be gone."""
    await again.dismiss(conn, tenant_id=tenant_id, message_id=message_id)


async def _locked(conn: Conn, tenant_id: UUID, dialog_id: UUID) -> tuple[DialogLog, LockedDialog]:
    log = DialogLog(conn)
    dialog = (await log.lock([(tenant_id, dialog_id)])).get(dialog_id)
    if dialog is None:
        raise NotFound("There is no such dialog.")
    return log, dialog
