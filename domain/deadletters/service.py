"""Use cases of dead letters. `tenant_id` None is the operator of the host, in a worker's transaction."""

from collections.abc import Sequence
from uuid import UUID

from domain.broadcasts import service as broadcasts
from domain.bus import Bell
from domain.deadletters import queries
from domain.deadletters.model import Kind, Letter, Position, Retried
from domain.deadletters.rules import parse_id
from domain.dialogs import resending
from domain.dialogs.resending import Resent
from domain.kit.db import Conn
from domain.kit.errors import NotFound

PREVIEW = 200  # bytes of a letter in lists
RAW_MAX = 64 << 10  # bytes of a letter that is looked at


async def list_letters(
    conn: Conn,
    *,
    tenant_id: UUID | None,
    kind: Kind | None = None,
    bot_id: int | None = None,
    before: Position | None = None,
    limit: int = 50,
) -> list[Letter]:
    """A page, newest first, behind a position; `raw` of each is its first PREVIEW bytes."""
    return await queries.fetch_page(
        conn, tenant_id=tenant_id, preview=PREVIEW, kind=kind, bot_id=bot_id, before=before, limit=limit
    )


async def get_letter(conn: Conn, *, tenant_id: UUID | None, letter_id: str) -> Letter:
    """One letter with its bytes, RAW_MAX of them at most. Raises NotFound."""
    kind, row_id = parse_id(letter_id)
    letter = await queries.fetch_one(conn, tenant_id=tenant_id, kind=kind, row_id=row_id, most=RAW_MAX)
    if letter is None:
        raise _gone()
    return letter


async def retry(conn: Conn, *, tenant_id: UUID | None, letter_id: str) -> Retried:
    """Once more, from the beginning: an arrival goes back into its slot's flow with no attempt counted, a message is
    sent again. A second retry finds no letter. Raises NotFound, Conflict (the customer blocked the bot)."""
    letter = await get_letter(conn, tenant_id=tenant_id, letter_id=letter_id)
    if letter.kind == "outbox":
        if letter.dialog_id is None or letter.message_id is None:
            raise _gone()
        resent = await resend(
            conn, tenant_id=letter.tenant_id, dialog_id=letter.dialog_id, message_id=letter.message_id
        )
        return Retried(letter.tenant_id, Bell(resent.slot, "outbox"), letter.dialog_id, resent.events)
    row = await conn.fetchrow(queries.REVIVE, letter.tenant_id, letter.row_id)
    if row is None:
        raise _gone()
    bell = Bell(row["slot"], "inbox" if row["state"] == "ready" else "owed")
    return Retried(letter.tenant_id, bell, letter.dialog_id)


async def resend(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, message_id: UUID) -> Resent:
    """Send a message again that failed or is uncertain; if it is a broadcast's, that counts it anew. Raises as
    `resending.resend` does."""
    await broadcasts.reopen(conn, tenant_id=tenant_id, message_id=message_id)
    return await resending.resend(conn, tenant_id=tenant_id, dialog_id=dialog_id, message_id=message_id)


async def discard(conn: Conn, *, tenant_id: UUID | None, letter_id: str) -> None:
    """Nobody needs it: an arrival is deleted, a message keeps its delivery and leaves the list. Raises NotFound."""
    letter = await get_letter(conn, tenant_id=tenant_id, letter_id=letter_id)
    if letter.kind == "outbox" and letter.message_id is not None:
        await resending.drop(conn, tenant_id=letter.tenant_id, message_id=letter.message_id)
    elif await conn.fetchval(queries.DELETE_DEAD, letter.tenant_id, letter.row_id) is None:
        raise _gone()


async def forget_old(conn: Conn, *, limit: int) -> int:
    """Delete up to `limit` of each kind that are older than 30 days; returns how many went."""
    statements: Sequence[str] = (queries.DELETE_OLD, queries.DELETE_OLD_ROWS)
    return sum([int((await conn.execute(statement, limit)).rpartition(" ")[2]) for statement in statements])


def _gone() -> NotFound:
    return NotFound("There is no such dead letter: it was retried, discarded, or is older than 30 days.")
