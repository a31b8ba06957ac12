"""The widget's API: a visitor opens the chat and writes."""

from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from domain.assistants import service as assistants
from domain.assistants.rules import greeting_for, suggestions_for
from domain.dialogs import service as dialogs
from domain.dialogs.model import Dialog, Mode
from domain.dialogs.web import WebMessage
from domain.inbox import Arrival
from domain.kit.db import Conn
from domain.kit.errors import Forbidden, Invalid, NotFound, Unauthorized
from domain.kit.ids import uuid7
from domain.kit.slots import slot_of
from domain.sites import Site
from domain.sites.rules import origin_allowed, origin_of
from gateway.call import Call
from gateway.peer import client_ip, is_local
from gateway.routes.dialogs import MessageOut
from gateway.routing import Route
from gateway.tokens import Visitor

MESSAGE_MAX = 4000  # characters
_HISTORY = 100  # messages
_LOCALES = ("ru", "en")


class SessionBody(BaseModel):
    """What the chat knows about its visitor. Fields of other versions of the widget are ignored."""

    model_config = ConfigDict(extra="ignore")
    visitor_token: str | None = Field(None, max_length=4000, description="From the last session; kept by the browser.")
    locale: str | None = Field(None, max_length=35, examples=["ru"])
    page_url: str | None = Field(None, max_length=4000, description="The page the widget stands on.")


class AssistantName(BaseModel):
    """Who answers."""

    name: str


class ThemeOut(BaseModel):
    """How the widget looks."""

    accent: str
    position: str


class WidgetSessionOut(BaseModel):
    """A visitor's session: the one dialog, its last messages, and the token for everything else."""

    visitor_token: str
    dialog_id: UUID
    locale: str
    assistant: AssistantName
    greeting: str
    suggestions: list[str]
    theme: ThemeOut
    mode: Mode
    last_seq: int
    messages: list[MessageOut] = Field(description="Oldest first.")


class MessageBody(BaseModel):
    """A message of the visitor. The same `client_id` again is the same message."""

    model_config = ConfigDict(extra="ignore")
    client_id: UUID
    text: str = Field(description=f"1 to {MESSAGE_MAX} characters.")
    locale: str | None = Field(None, max_length=35)


class AcceptedOut(BaseModel):
    """The message is stored; the answer comes over /events."""

    client_id: UUID


async def open_session(call: Call, site_key: str, body: SessionBody) -> WidgetSessionOut:
    """Begin, or go on where the visitor was."""
    if not is_local(call.request):
        call.services.limits.sessions.take(client_ip(call.request))
    site = await call.services.places.open_site(site_key)
    _check_page(call.request, site, body.page_url)
    visitor = _returning(call, site, body.visitor_token) or Visitor(site.tenant_id, site.id, uuid7(), uuid7())
    locale = _locale(body.locale)
    async with call.services.db.tenant_tx(site.tenant_id) as conn:
        assistant = await assistants.get_assistant(conn, tenant_id=site.tenant_id, assistant_id=site.assistant_id)
        dialog, messages = await _transcript(conn, visitor)
    return WidgetSessionOut(
        visitor_token=call.services.tokens.visitor(visitor),
        dialog_id=visitor.dialog_id,
        locale=locale,
        assistant=AssistantName(name=assistant.name),
        greeting=greeting_for(assistant, locale),
        suggestions=suggestions_for(assistant, locale),
        theme=ThemeOut(accent=site.theme.accent, position=site.theme.position),
        mode=dialog.mode if dialog else "ai",
        last_seq=dialog.last_seq if dialog else 0,
        messages=messages,
    )


async def send_message(call: Call, site_key: str, body: MessageBody) -> AcceptedOut:
    """Store a message; returns after the commit."""
    text = checked_text(body.text)
    visitor = call.visitor
    site = await call.services.places.open_site(site_key)
    if site.id != visitor.site_id:
        raise Unauthorized("This token belongs to another chat; open this one again.")
    call.services.limits.messages.take(str(visitor.visitor_id))
    message = WebMessage(
        dialog_id=visitor.dialog_id,
        site_id=site.id,
        assistant_id=site.assistant_id,
        visitor_id=str(visitor.visitor_id),
        client_id=str(body.client_id),
        text=text,
        locale=_locale(body.locale) if body.locale else None,
    )
    await call.services.inbox.put(
        Arrival(
            tenant_id=site.tenant_id,
            slot=slot_of(visitor.dialog_id),
            channel="web",
            source=str(visitor.dialog_id),
            source_id=message.client_id,
            raw=message.to_bytes(),
        )
    )
    return AcceptedOut(client_id=body.client_id)


def checked_text(text: str) -> str:
    """The message without outer space. Raises Invalid."""
    text = text.strip()
    if not text:
        raise Invalid("The message is empty: write something first.")
    if len(text) > MESSAGE_MAX:
        raise Invalid(
            f"The message is too long: it has {len(text)} characters, and at most {MESSAGE_MAX} fit. "
            "Shorten it, or send it in parts."
        )
    return text


async def _transcript(conn: Conn, visitor: Visitor) -> tuple[Dialog | None, list[MessageOut]]:
    """The dialog, which begins with its first message, and its newest messages. The dialog is read first: a message
    that comes in between is then sent again by /events rather than missed."""
    tenant_id, dialog_id = visitor.tenant_id, visitor.dialog_id
    try:
        dialog = await dialogs.get_dialog(conn, tenant_id=tenant_id, dialog_id=dialog_id)
    except NotFound:
        return None, []
    rows = await dialogs.latest_messages(conn, tenant_id=tenant_id, dialog_id=dialog_id, limit=_HISTORY)
    return dialog, [MessageOut(**row) for row in rows]


def _returning(call: Call, site: Site, token: str | None) -> Visitor | None:
    """The visitor of an earlier session on this site; a token that is no good simply begins anew."""
    if not token:
        return None
    try:
        visitor = call.services.tokens.read_visitor(token)
    except Unauthorized:
        return None
    return visitor if (visitor.tenant_id, visitor.site_id) == (site.tenant_id, site.id) else None


def _check_page(request: web.Request, site: Site, page_url: str | None) -> None:
    """The page, and the origin a browser names, must be the site's or our own. Outside of browsers both can be made
    up: this keeps other sites from using the widget, it proves nothing."""
    for given in (page_url, request.headers.get("Origin")):
        origin = origin_of(given) if given else None
        own = f"{urlsplit(origin).scheme}://{request.host.lower()}" if origin else None
        if origin is not None and not origin_allowed(site.allowed_origins, origin, own=own):
            raise Forbidden(f"This chat is not set up for {origin}; add it to the site's allowed origins.")


def _locale(wanted: str | None) -> str:
    code = (wanted or "").replace("_", "-").partition("-")[0].lower()
    return code if code in _LOCALES else "en"


_TAG = "widget"
_SITE = "/api/widget/{site_key}"
ROUTES = (
    Route("POST", f"{_SITE}/sessions", open_session, "public", _TAG, "Open the chat as a visitor."),
    Route("POST", f"{_SITE}/messages", send_message, "visitor", _TAG, "Send a message as a visitor.", 202),
)
