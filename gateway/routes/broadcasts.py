"""broadcasts: one message to many customers of a bot."""

from collections.abc import Awaitable, Sequence
from typing import Protocol
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from domain.broadcasts import Audience, Broadcast, Button, Recipient
from domain.broadcasts import service as broadcasts
from domain.broadcasts.model import BroadcastState, Content, RecipientState
from domain.bus import Bell, bell_channel
from domain.kit import joblist
from domain.kit.db import Conn
from domain.kit.slots import slot_of, slot_of_bot
from gateway.call import Call
from gateway.paging import Page, PageQuery, page_of
from gateway.routes.models import Input
from gateway.routing import Route


class ButtonBody(Input):
    """A link under the message."""

    text: str = Field(max_length=200, description="1 to 64 characters.")
    url: str = Field(max_length=4096, description="https://, http:// or tg://")


class AttributeBody(Input):
    """A contact's attribute that must have this value."""

    name: str = Field(min_length=1, max_length=100)
    value: str = Field(max_length=1000)


class AudienceBody(Input):
    """Private chats of the bot that fulfil every condition that is set; who blocked the bot is never among them."""

    language: str | None = Field(default=None, max_length=20, description='"en" also means "en-GB".')
    active_days: int | None = Field(default=None, description="The customer wrote within so many days.")
    attribute: AttributeBody | None = None
    dialog_ids: list[UUID] | None = Field(default=None, max_length=1000, description="Only these dialogs.")

    def made(self) -> Audience:
        """As the slice knows it."""
        return Audience(
            language=self.language.strip().lower() if self.language else None,
            active_days=self.active_days,
            attribute=(self.attribute.name, self.attribute.value) if self.attribute else None,
            dialog_ids=tuple(self.dialog_ids) if self.dialog_ids is not None else None,
        )


class BroadcastBody(Input):
    """A draft."""

    bot_id: int = Field(ge=0, lt=1 << 62)
    title: str = Field("", max_length=200, description="For you; the customers do not see it.")
    text: str = Field(max_length=32_768, description="Markdown; up to 4096 characters as Telegram counts them.")
    buttons: list[ButtonBody] = Field([], max_length=100)
    audience: AudienceBody = AudienceBody()
    scheduled_at: AwareDatetime | None = Field(None, description="When `start` lets it begin; null: at once.")


class BroadcastChanges(Input):
    """What to change; a field that is not named stays. `scheduled_at` null makes a scheduled one a draft again."""

    title: str | None = Field(None, max_length=200)
    text: str | None = Field(None, max_length=32_768)
    buttons: list[ButtonBody] | None = Field(None, max_length=100)
    audience: AudienceBody | None = None
    scheduled_at: AwareDatetime | None = None


class CountBody(Input):
    """Whose chats to count."""

    bot_id: int = Field(ge=0, lt=1 << 62)
    audience: AudienceBody = AudienceBody()


class CountOut(BaseModel):
    """How many would get it, and how many of those who fulfil the conditions have blocked the bot."""

    recipients: int
    blocked: int


class ProgressOut(BaseModel):
    """Recipients by what became of them, exact as of now. `collected`: `total` is final.

    uncertain  Telegram did not say whether it arrived: held, never sent again by itself.
    """

    collected: bool
    total: int
    waiting: int
    sent: int
    failed: int
    blocked: int
    uncertain: int
    cancelled: int


class ButtonOut(BaseModel):
    """A link under the message."""

    text: str
    url: str


class AttributeOut(BaseModel):
    """An attribute and its value."""

    name: str
    value: str


class AudienceOut(BaseModel):
    """Whom it is for."""

    language: str | None
    active_days: int | None
    attribute: AttributeOut | None
    dialog_ids: list[UUID] | None


class BroadcastOut(BaseModel):
    """A broadcast. `note` is a sentence: why it does not go on, if it does not."""

    id: UUID
    bot_id: int
    title: str
    text: str
    buttons: list[ButtonOut]
    audience: AudienceOut
    state: BroadcastState
    scheduled_at: AwareDatetime | None
    note: str | None
    progress: ProgressOut
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class RecipientOut(BaseModel):
    """One customer: `message_id` is the message in their dialog, `reason` a sentence if it did not arrive."""

    dialog_id: UUID
    contact_name: str | None
    state: RecipientState
    reason: str | None
    message_id: UUID | None
    settled_at: AwareDatetime | None


class BroadcastsQuery(PageQuery):
    """Which broadcasts."""

    state: BroadcastState | None = None
    bot_id: int | None = Field(None, ge=0, lt=1 << 62)


class RecipientsQuery(PageQuery):
    """Which recipients."""

    state: RecipientState | None = None


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
    return page_of(rows, query, _out, lambda row: row.id)


async def add_broadcast(call: Call, body: BroadcastBody) -> BroadcastOut:
    """Nothing is sent before `start`."""
    async with call.tenant_tx() as conn:
        made = await broadcasts.create(
            conn,
            tenant_id=call.member.tenant_id,
            bot_id=body.bot_id,
            content=Content(body.title.strip(), body.text, _buttons(body.buttons), body.audience.made()),
            scheduled_at=body.scheduled_at,
            now=call.services.clock.now(),
        )
    return _out(made)


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
    out = _out(found)
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
                buttons=old.buttons if body.buttons is None else _buttons(body.buttons),
                audience=old.audience if body.audience is None else body.audience.made(),
            ),
            scheduled_at=body.scheduled_at if "scheduled_at" in body.model_fields_set else found.scheduled_at,
            now=call.services.clock.now(),
        )
    await _ring(call, changed)
    return _out(changed)


async def start_broadcast(call: Call, broadcast_id: UUID) -> BroadcastOut:
    """A draft with a time begins then; everything else begins now."""
    async with call.tenant_tx() as conn:
        started = await broadcasts.start(
            conn, tenant_id=call.member.tenant_id, broadcast_id=broadcast_id, now=call.services.clock.now()
        )
    await _ring(call, started)
    return _out(started)


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
    return page_of(rows, query, _recipient_out, lambda row: row.dialog_id)


class _Step(Protocol):
    """A use case that takes a broadcast to its next state."""

    def __call__(self, conn: Conn, *, tenant_id: UUID, broadcast_id: UUID) -> Awaitable[Broadcast]: ...


async def _step(call: Call, broadcast_id: UUID, step: _Step) -> BroadcastOut:
    async with call.tenant_tx() as conn:
        changed = await step(conn, tenant_id=call.member.tenant_id, broadcast_id=broadcast_id)
    await _ring(call, changed)
    return _out(changed)


async def _ring(call: Call, broadcast: Broadcast) -> None:
    """After the commit: the job is the tenant's slot's, sends that may go on are the bot's."""
    slot, bots_slot = slot_of(broadcast.tenant_id), slot_of_bot(broadcast.bot_id)
    bells = [(bell_channel(slot), Bell(slot, "jobs"))]
    if broadcast.state == "running":
        bells.append((bell_channel(bots_slot), Bell(bots_slot, "outbox")))
    await call.services.publisher.publish(bells)


def _buttons(given: Sequence[ButtonBody]) -> tuple[Button, ...]:
    return tuple(Button(button.text.strip(), button.url.strip()) for button in given)


def _out(broadcast: Broadcast) -> BroadcastOut:
    content, audience = broadcast.content, broadcast.content.audience
    attribute = audience.attribute
    progress = {name: getattr(broadcast.progress, name) for name in ProgressOut.model_fields}
    same = {"id", "bot_id", "state", "scheduled_at", "note", "created_at", "started_at", "finished_at"}
    return BroadcastOut(
        title=content.title,
        text=content.text,
        buttons=[ButtonOut(text=button.text, url=button.url) for button in content.buttons],
        audience=AudienceOut(
            language=audience.language,
            active_days=audience.active_days,
            attribute=None if attribute is None else AttributeOut(name=attribute[0], value=attribute[1]),
            dialog_ids=None if audience.dialog_ids is None else list(audience.dialog_ids),
        ),
        progress=ProgressOut(**progress),
        **{name: getattr(broadcast, name) for name in same},
    )


def _recipient_out(recipient: Recipient) -> RecipientOut:
    return RecipientOut(**{name: getattr(recipient, name) for name in RecipientOut.model_fields})


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
