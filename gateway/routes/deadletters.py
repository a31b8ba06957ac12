"""deadletters: what could not be read, answered or delivered, and waits for a person."""

import base64
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.bus import bell_channel, events_channel
from domain.deadletters import Letter
from domain.deadletters import service as deadletters
from domain.deadletters.model import Cause, Kind, Position, State
from domain.deadletters.rules import cause_of, letter_id, parse_id, safe_text
from domain.kit.errors import NotFound, bad_cursor
from gateway.call import Call
from gateway.paging import Page, PageQuery
from gateway.routing import Route


class LettersQuery(PageQuery):
    """Which dead letters."""

    kind: Literal["inbox", "outbox"] | None = Field(None, description="inbox: what came. outbox: what was to be sent.")
    bot_id: int | None = Field(None, ge=1, lt=1 << 63)


class LetterOut(BaseModel):
    """A dead letter. Unprintable characters of `preview` are escaped."""

    id: str
    kind: Kind
    state: State
    cause: Cause
    reason: str
    at: datetime
    channel: str
    source: str = Field(description="The bot's id, or the web dialog's.")
    dialog_id: UUID | None
    message_id: UUID | None
    attempts: int
    size: int = Field(description="Bytes in all.")
    preview: str


class LetterWithBytes(LetterOut):
    """A dead letter with what came or was to be sent, unprintable characters escaped, up to 64 KiB of it."""

    raw: str
    truncated: bool


class RetriedOut(BaseModel):
    """It is on its way."""

    id: str
    dialog_id: UUID | None


async def list_letters(call: Call, query: LettersQuery) -> Page[LetterOut]:
    """Newest first."""
    async with call.tenant_tx() as conn:
        rows = await deadletters.list_letters(
            conn,
            tenant_id=call.member.tenant_id,
            kind=query.kind,
            bot_id=query.bot_id,
            before=_position(query.cursor),
            limit=query.limit + 1,
        )
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return Page(items=[LetterOut(**_fields(row)) for row in rows], next_cursor=_cursor(rows[-1]) if more else None)


async def get_letter(call: Call, letter_id: str) -> LetterWithBytes:
    """Look at one."""
    async with call.tenant_tx() as conn:
        letter = await deadletters.get_letter(conn, tenant_id=call.member.tenant_id, letter_id=letter_id)
    return LetterWithBytes(
        **_fields(letter), raw=safe_text(letter.raw, lines=True), truncated=letter.size > len(letter.raw)
    )


async def retry_letter(call: Call, letter_id: str) -> RetriedOut:
    """Once more; a second retry finds no dead letter."""
    async with call.tenant_tx() as conn:
        retried = await deadletters.retry(conn, tenant_id=call.member.tenant_id, letter_id=letter_id)
    slot = retried.bell.slot
    publisher = call.services.publisher
    await publisher.publish([(events_channel(slot), event) for event in retried.events])
    await publisher.publish([(bell_channel(slot), retried.bell)])
    return RetriedOut(id=letter_id, dialog_id=retried.dialog_id)


async def discard_letter(call: Call, letter_id: str) -> None:
    """Nobody needs it."""
    async with call.tenant_tx() as conn:
        await deadletters.discard(conn, tenant_id=call.member.tenant_id, letter_id=letter_id)


def _fields(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter_id(letter.kind, letter.row_id),
        "cause": cause_of(letter.state, letter.reason),
        "preview": safe_text(letter.raw[: deadletters.PREVIEW]),
        **{
            name: getattr(letter, name)
            for name in (
                "kind", "state", "reason", "at", "channel", "source", "dialog_id", "message_id", "attempts", "size"
            )
        },
    }  # fmt: skip


def _cursor(letter: Letter) -> str:
    return base64.urlsafe_b64encode(f"{letter.at.isoformat()}|{letter.kind}|{letter.row_id}".encode()).decode()


def _position(cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    try:
        at, kind, row_id = base64.urlsafe_b64decode(cursor).decode().split("|")
        named, number = parse_id(f"{kind}-{row_id}")
        return Position(datetime.fromisoformat(at).astimezone(UTC), named, number)
    except (ValueError, OverflowError, NotFound) as error:
        raise bad_cursor() from error


_TAG = "deadletters"
_ONE = "/api/deadletters/{letter_id}"
ROUTES = (
    Route("GET", "/api/deadletters", list_letters, "member", _TAG, "List what could not be done, newest first."),
    Route("GET", _ONE, get_letter, "member", _TAG, "Look at a dead letter, bytes and all."),
    Route("POST", f"{_ONE}/retry", retry_letter, "owner", _TAG, "Try a dead letter once more."),
    Route("DELETE", _ONE, discard_letter, "owner", _TAG, "Discard a dead letter.", 204),
)
