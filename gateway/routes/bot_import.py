"""bots: many tokens at once, answered line by line while they are checked."""

from collections import Counter
from contextlib import suppress
from typing import Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from domain.assistants import service as assistants
from domain.bots import importing
from domain.bots.importing import Imported, Importer, Target
from domain.bus import BotChanged, bell_channel
from domain.kit.errors import Invalid
from gateway.call import Call
from gateway.routes.models import Input
from gateway.routing import Route


class ImportBody(Input):
    """Bots to connect to one assistant."""

    tokens: list[str] | str = Field(
        description=f"Up to {importing.MAX_TOKENS}: a list, or the text of a file with one a line (# begins a comment)."
    )
    assistant_id: UUID
    mode: Literal["webhook", "polling"] = "polling"


class ImportedOut(BaseModel):
    """A line of the answer: what became of one token. The last line has `done` and the counts instead."""

    line: int = Field(description="Which token, counted from 1.")
    outcome: importing.Outcome = Field(
        description="connected; yours (it was already); renewed (its token was dead, this one works); invalid (not a "
        "token); refused; limit (the workspace has enough); later (import the same list again)."
    )
    bot_id: int | None
    username: str | None
    detail: str | None


class ImportDone(BaseModel):
    """The last line: the import is complete."""

    done: Literal[True] = True
    counts: dict[importing.Outcome, int]


async def import_bots(call: Call, body: ImportBody) -> web.StreamResponse:
    """Answers as JSON lines while it works, so that no proxy waits in silence; leaving stops it, the same list again
    goes on."""
    tokens = importing.lines_of(body.tokens) if isinstance(body.tokens, str) else body.tokens
    if not 1 <= len(tokens) <= importing.MAX_TOKENS:
        raise Invalid(f"Send between 1 and {importing.MAX_TOKENS} tokens at once; these are {len(tokens)}.")
    async with call.tenant_tx() as conn:
        await assistants.get_assistant(conn, tenant_id=call.member.tenant_id, assistant_id=body.assistant_id)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "X-Accel-Buffering": "no"})
    await response.prepare(call.request)
    counts: Counter[importing.Outcome] = Counter()

    async def tell(imported: Imported) -> None:
        counts[imported.outcome] += 1
        out = ImportedOut(**{name: getattr(imported, name) for name in ImportedOut.model_fields})
        with suppress(ConnectionError):  # who left is noticed by the server, which cancels the request
            await response.write(out.model_dump_json().encode() + b"\n")

    await _importer(call, body).run(tokens, tell)
    with suppress(ConnectionError):
        await response.write(ImportDone(counts=dict(counts)).model_dump_json().encode() + b"\n")
        await response.write_eof()
    return response


def _importer(call: Call, body: ImportBody) -> Importer:
    services, tenant_id = call.services, call.member.tenant_id

    async def ring(bot_id: int, slot: int) -> None:
        await services.publisher.publish([(bell_channel(slot), BotChanged(bot_id))])

    return Importer(
        tx=call.tenant_tx,
        client=services.telegram,
        keyring=services.keyring,
        clock=services.clock,
        target=Target(tenant_id, body.assistant_id, body.mode, services.settings.bots_max),
        ring=ring,
    )


ROUTES = (
    Route(
        "POST",
        "/api/bots/import",
        import_bots,
        "owner",
        "bots",
        "Connect many bots by their tokens.",
        shows=ImportedOut,
        media="application/x-ndjson",
    ),
)
