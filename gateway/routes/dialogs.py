"""dialogs: read, answer as a person, take over, close."""

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from domain.accounts import service as accounts
from domain.bus import Bell, DialogEvent, bell_channel, events_channel
from domain.dialogs import Dialog, resending
from domain.dialogs import service as dialogs
from domain.dialogs.model import Delivery, Mode, Role, Status
from domain.handoff import service as handoff
from domain.kit.errors import Invalid, bad_cursor
from gateway.call import Call
from gateway.paging import Page, PageQuery, decode_number
from gateway.routes.models import Input
from gateway.routing import Route


class AttachmentOut(BaseModel):
    """A file in a message. `state`: pending, stored (its bytes can be read), too_big, failed."""

    n: int
    kind: str = Field(description="photo, voice, audio, document, video, video_note, animation, sticker, ...")
    name: str | None
    mime_type: str | None
    size: int | None = Field(description="Bytes.")
    duration: int | None = Field(description="Seconds.")
    width: int | None
    height: int | None
    state: str


class MessageOut(BaseModel):
    """A message. `text` is a Markdown subset for the assistant's; [n] in it points to `citations`."""

    seq: int
    id: UUID
    role: Role
    text: str
    citations: list[dict[str, Any]]
    client_id: str | None
    turn_id: UUID | None
    delivery: Delivery
    verified: bool
    author: str | None
    attachments: list[AttachmentOut]
    context: dict[str, Any] | None = Field(description="What it replies to, quotes or was forwarded from; its album.")
    edited_at: datetime | None
    created_at: datetime


class MessageWithReceipt(MessageOut):
    """A message for the people of the workspace: `receipt` says how an answer came about, `delivery_detail` what there
    is to know of its delivery."""

    receipt: dict[str, Any] | None = None
    delivery_detail: str | None = Field(None, description="Why it failed, that it may have arrived twice, ...")


class DialogOut(BaseModel):
    """A conversation."""

    id: UUID
    channel: str
    source: str = Field(description="The bot's or the site's id.")
    assistant_id: UUID
    contact_id: UUID
    contact_name: str
    contact_language: str | None
    contact_attributes: dict[str, Any] = Field(description="`start`: the payload of the deep link they came by.")
    mode: Mode
    status: Status
    blocked_at: datetime | None = Field(description="Since when nothing can be sent there.")
    last_seq: int
    last_text: str
    last_message_at: datetime
    created_at: datetime


class DialogsQuery(PageQuery):
    """Which dialogs."""

    status: Status | None = None
    mode: Mode | None = None
    search: str | None = Field(None, max_length=200, description="In names and last messages.")


class MessagesQuery(PageQuery):
    """Which messages."""

    after: int = Field(0, ge=0, lt=1 << 62, description="Messages with a greater seq.")


class ReplyBody(Input):
    """A person's answer."""

    text: str = Field(description="1 to 4000 characters.")
    client_id: UUID | None = Field(None, description="Yours for this answer: sent again with it, it is said once.")


class DialogChanges(Input):
    """What to change; a field that is not named stays."""

    mode: Mode | None = None
    status: Status | None = None


class RepliedOut(BaseModel):
    """What the answer changed, as /events sends it."""

    events: list[dict[str, Any]]


async def list_dialogs(call: Call, query: DialogsQuery) -> Page[DialogOut]:
    """Most recent first."""
    async with call.tenant_tx() as conn:
        rows = await dialogs.list_dialogs(
            conn,
            tenant_id=call.member.tenant_id,
            status=query.status,
            mode=query.mode,
            search=query.search,
            before=_position(query.cursor),
            limit=query.limit + 1,
        )
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return Page(items=[_out(row) for row in rows], next_cursor=_cursor(rows[-1]) if more else None)


async def get_dialog(call: Call, dialog_id: UUID) -> DialogOut:
    """Read one."""
    async with call.tenant_tx() as conn:
        return _out(await dialogs.get_dialog(conn, tenant_id=call.member.tenant_id, dialog_id=dialog_id))


async def list_messages(call: Call, dialog_id: UUID, query: MessagesQuery) -> Page[MessageWithReceipt]:
    """Oldest first."""
    after = query.after if query.cursor is None else decode_number(query.cursor)
    async with call.tenant_tx() as conn:
        await dialogs.get_dialog(conn, tenant_id=call.member.tenant_id, dialog_id=dialog_id)
        rows = await dialogs.list_messages(
            conn,
            tenant_id=call.member.tenant_id,
            dialog_id=dialog_id,
            after=after,
            limit=query.limit + 1,
            receipts=True,
        )
        sent = [UUID(row["id"]) for row in rows if row["delivery"] != "none"]
        details = await resending.details_of(
            conn, tenant_id=call.member.tenant_id, dialog_id=dialog_id, message_ids=sent
        )
    more = len(rows) > query.limit
    items = [MessageWithReceipt(**row, delivery_detail=details.get(UUID(row["id"]))) for row in rows[: query.limit]]
    return Page(items=items, next_cursor=str(items[-1].seq) if more else None)


async def reply(call: Call, dialog_id: UUID, body: ReplyBody) -> RepliedOut:
    """Answer as a person; the dialog becomes theirs."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        user = await accounts.get_user(conn, user_id=call.member.user_id)
        events = await dialogs.reply_as_operator(
            conn,
            tenant_id=tenant_id,
            dialog_id=dialog_id,
            text=body.text,
            author=user.name,
            client_id=None if body.client_id is None else str(body.client_id),
        )
        dialog = await dialogs.get_dialog(conn, tenant_id=tenant_id, dialog_id=dialog_id)
        if dialog.mode == "active":  # not for an answer sent again after the dialog was given back
            await handoff.activate(conn, tenant_id=tenant_id, dialog_id=dialog_id)
    await _publish(call, dialog, events)
    return RepliedOut(events=[{"kind": event.kind, **event.data} for event in events])


async def change_dialog(call: Call, dialog_id: UUID, body: DialogChanges) -> DialogOut:
    """Say who answers, close or reopen."""
    tenant_id = call.member.tenant_id
    if body.status == "closed" and body.mode not in {None, "ai"}:
        raise Invalid("A closed dialog is the assistant's: close it, or say who answers, not both.")
    events: list[DialogEvent] = []
    async with call.tenant_tx() as conn:
        if body.status is not None:
            events += await dialogs.set_status(conn, tenant_id=tenant_id, dialog_id=dialog_id, status=body.status)
        if body.mode is not None:
            events += await dialogs.set_mode(
                conn, tenant_id=tenant_id, dialog_id=dialog_id, mode=body.mode, reason="operator"
            )
        if body.mode == "active":
            await handoff.activate(conn, tenant_id=tenant_id, dialog_id=dialog_id)
        elif body.mode == "ai" or body.status == "closed":
            await handoff.resolve(conn, tenant_id=tenant_id, dialog_id=dialog_id)
        dialog = await dialogs.get_dialog(conn, tenant_id=tenant_id, dialog_id=dialog_id)
    await _publish(call, dialog, events)
    return _out(dialog)


async def _publish(call: Call, dialog: Dialog, events: list[DialogEvent]) -> None:
    """After the commit: tell the streams, and on Telegram the sender."""
    channel = events_channel(dialog.slot)
    await call.services.publisher.publish([(channel, event) for event in events])
    if dialog.channel == "telegram" and events:
        await call.services.publisher.publish([(bell_channel(dialog.slot), Bell(dialog.slot, "outbox"))])


def _cursor(dialog: Dialog) -> str:
    return base64.urlsafe_b64encode(f"{dialog.last_message_at.isoformat()}|{dialog.id}".encode()).decode()


def _position(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        at, _, last = base64.urlsafe_b64decode(cursor).decode().partition("|")
        return datetime.fromisoformat(at), UUID(last)
    except (ValueError, binascii.Error) as error:
        raise bad_cursor() from error


def _out(dialog: Dialog) -> DialogOut:
    return DialogOut(**{name: getattr(dialog, name) for name in DialogOut.model_fields})


_TAG = "dialogs"
_ONE = "/api/dialogs/{dialog_id}"
ROUTES = (
    Route("GET", "/api/dialogs", list_dialogs, "member", _TAG, "List the dialogs, most recent first."),
    Route("GET", _ONE, get_dialog, "member", _TAG, "Read a dialog."),
    Route("PATCH", _ONE, change_dialog, "member", _TAG, "Take over, give back, close or reopen a dialog."),
    Route("GET", f"{_ONE}/messages", list_messages, "member", _TAG, "List a dialog's messages, oldest first."),
    Route("POST", f"{_ONE}/messages", reply, "member", _TAG, "Answer as a person.", 201),
)
