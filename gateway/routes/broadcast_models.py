"""What clients send and read of broadcasts."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from domain.broadcasts import Audience, Broadcast, Button, Recipient
from domain.broadcasts.model import BroadcastState, RecipientState
from gateway.paging import PageQuery
from gateway.routes.models import Input


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


def buttons_of(given: Sequence[ButtonBody]) -> tuple[Button, ...]:
    """As the slice knows them."""
    return tuple(Button(button.text.strip(), button.url.strip()) for button in given)


def broadcast_out(broadcast: Broadcast) -> BroadcastOut:
    """As the API shows it."""
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


def recipient_out(recipient: Recipient) -> RecipientOut:
    """As the API shows it."""
    return RecipientOut(**{name: getattr(recipient, name) for name in RecipientOut.model_fields})
