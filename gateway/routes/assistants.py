"""assistants: who answers."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.assistants import Assistant
from domain.assistants import service as assistants
from domain.assistants.rules import Draft
from gateway.call import Call
from gateway.paging import Page, PageQuery, page_of
from gateway.routes.models import Input, changes_of
from gateway.routing import Route


class AssistantBody(Input):
    """A new assistant."""

    name: str = Field(max_length=100, examples=["Mia"])
    instructions: str = Field("", max_length=20_000, description="Tone and rules, in your own words.")
    model: str | None = Field(None, max_length=100, description="null: the deployment's default.")
    temperature: float = Field(0.2, ge=0, le=2)
    language: str = Field("auto", max_length=4, description='"auto" answers in the customer\'s language.')
    mode: Literal["answer", "echo"] = Field("answer", description="`echo` repeats the question, to check a channel.")
    greeting: dict[str, str] = Field(default_factory=dict, examples=[{"en": "Hello!", "ru": "Здравствуйте!"}])
    suggestions: dict[str, list[str]] = Field(default_factory=dict)


class AssistantChanges(Input):
    """What to change; a field that is not named stays."""

    name: str = Field("", max_length=100)
    instructions: str = Field("", max_length=20_000)
    model: str | None = Field(None, max_length=100)
    temperature: float = Field(0.2, ge=0, le=2)
    language: str = Field("auto", max_length=4)
    mode: Literal["answer", "echo"] = "answer"
    greeting: dict[str, str] = Field(default_factory=dict)
    suggestions: dict[str, list[str]] = Field(default_factory=dict)


class AssistantOut(BaseModel):
    """An assistant."""

    id: UUID
    name: str
    instructions: str
    model: str | None
    temperature: float
    language: str
    mode: Literal["answer", "echo"]
    greeting: dict[str, str]
    suggestions: dict[str, list[str]]
    created_at: datetime | None
    updated_at: datetime | None


async def list_assistants(call: Call, query: PageQuery) -> Page[AssistantOut]:
    """Newest first."""
    async with call.tenant_tx() as conn:
        rows = await assistants.list_assistants(
            conn, tenant_id=call.member.tenant_id, before=query.before, limit=query.limit + 1
        )
    return page_of(rows, query, _out, lambda row: row.id)


async def add_assistant(call: Call, body: AssistantBody) -> AssistantOut:
    """Add one."""
    async with call.tenant_tx() as conn:
        draft = Draft(**body.model_dump())
        return _out(await assistants.add_assistant(conn, tenant_id=call.member.tenant_id, draft=draft))


async def get_assistant(call: Call, assistant_id: UUID) -> AssistantOut:
    """Read one."""
    async with call.tenant_tx() as conn:
        found = await assistants.get_assistant(conn, tenant_id=call.member.tenant_id, assistant_id=assistant_id)
    return _out(found)


async def change_assistant(call: Call, assistant_id: UUID, body: AssistantChanges) -> AssistantOut:
    """Change the named fields."""
    async with call.tenant_tx() as conn:
        changed = await assistants.change_assistant(
            conn, tenant_id=call.member.tenant_id, assistant_id=assistant_id, changes=changes_of(body)
        )
    return _out(changed)


async def delete_assistant(call: Call, assistant_id: UUID) -> None:
    """Delete one with the documents and pairs that are its own."""
    async with call.tenant_tx() as conn:
        await assistants.delete_assistant(conn, tenant_id=call.member.tenant_id, assistant_id=assistant_id)


def _out(assistant: Assistant) -> AssistantOut:
    return AssistantOut(**{name: getattr(assistant, name) for name in AssistantOut.model_fields})


_TAG = "assistants"
_ONE = "/api/assistants/{assistant_id}"
ROUTES = (
    Route("GET", "/api/assistants", list_assistants, "member", _TAG, "List the assistants, newest first."),
    Route("POST", "/api/assistants", add_assistant, "owner", _TAG, "Add an assistant.", 201),
    Route("GET", _ONE, get_assistant, "member", _TAG, "Read an assistant."),
    Route("PATCH", _ONE, change_assistant, "owner", _TAG, "Change an assistant."),
    Route("DELETE", _ONE, delete_assistant, "owner", _TAG, "Delete an assistant and its own knowledge.", 204),
)
