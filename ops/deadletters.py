"""`replyx deadletters`: what could not be read, answered or delivered, over all workspaces."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from domain.bus import Publisher, bell_channel, events_channel
from domain.deadletters import Letter, service
from domain.deadletters.model import Kind, Position
from domain.deadletters.rules import cause_of, letter_id, safe_text
from domain.kit.db import Conn, Database
from domain.kit.redis import connect
from domain.kit.settings import Settings
from ops.progress import say

T = TypeVar("T")
PAGE = 500
_WIDTH = 60  # characters of a reason in the table


def print_letters(
    settings: Settings, *, tenant_id: UUID | None, kind: Kind | None, bot_id: int | None, limit: int, as_json: bool
) -> None:
    """Print up to `limit`, newest first."""

    async def read(conn: Conn) -> list[Letter]:
        found: list[Letter] = []
        while len(found) < limit:
            last = Position(found[-1].at, found[-1].kind, found[-1].row_id) if found else None
            size = min(PAGE, limit - len(found))
            page = await service.list_letters(
                conn, tenant_id=tenant_id, kind=kind, bot_id=bot_id, before=last, limit=size
            )
            found += page
            if len(page) < size:
                break
        return found

    letters = _run(settings, read)
    if as_json:
        for letter in letters:
            say(json.dumps(_json(letter)))
    else:
        say("\n".join(map(_line, letters)) or "There is no dead letter.")


def show_letter(settings: Settings, letter: str, *, tenant_id: UUID | None, as_json: bool) -> None:
    """Print one with its bytes, unprintable characters escaped."""
    found = _run(settings, partial(service.get_letter, tenant_id=tenant_id, letter_id=letter))
    raw = safe_text(found.raw, lines=True)
    if as_json:
        say(json.dumps({**_json(found), "raw": raw}))
        return
    for name, value in _json(found).items():
        say(f"{name + ':':12}{value}")
    say()
    say(raw + (f"\n... {found.size - len(found.raw)} more bytes" if found.size > len(found.raw) else ""))


def retry_letters(settings: Settings, letters: list[str], *, tenant_id: UUID | None) -> None:
    """Try each once more and ring its owner. Raises NotFound, Conflict at the first that cannot be."""
    for letter in letters:
        asyncio.run(_retry(settings, letter, tenant_id))
        say(f"{letter} is tried again.")


def discard_letters(settings: Settings, letters: list[str], *, tenant_id: UUID | None) -> None:
    """Throw each away. Raises NotFound at the first that is not there."""
    for letter in letters:
        _run(settings, partial(service.discard, tenant_id=tenant_id, letter_id=letter))
        say(f"{letter} is discarded.")


async def _retry(settings: Settings, letter: str, tenant_id: UUID | None) -> None:
    retried = await _in_transaction(settings, partial(service.retry, tenant_id=tenant_id, letter_id=letter))
    redis = connect(settings.redis_dsn)
    slot = retried.bell.slot
    try:
        publisher = Publisher(redis)
        await publisher.publish([(events_channel(slot), event) for event in retried.events])
        await publisher.publish([(bell_channel(slot), retried.bell)])
    finally:
        await redis.aclose()


def _run(settings: Settings, work: Callable[[Conn], Awaitable[T]]) -> T:
    return asyncio.run(_in_transaction(settings, work))


async def _in_transaction(settings: Settings, work: Callable[[Conn], Awaitable[T]]) -> T:
    db = await Database.open(settings, worker=1, name="replyx deadletters")
    try:
        async with db.worker_tx() as conn:
            return await work(conn)
    finally:
        await db.close()


def _line(letter: Letter) -> str:
    return (
        f"{letter_id(letter.kind, letter.row_id):14} {letter.at:%Y-%m-%d %H:%M:%S}  {letter.tenant_id}"
        f"  {letter.channel + ' ' + letter.source:20} {cause_of(letter.state, letter.reason):13}"
        f" {safe_text(letter.reason.encode())[:_WIDTH]}"
    )


def _json(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter_id(letter.kind, letter.row_id),
        "tenant_id": str(letter.tenant_id),
        "state": letter.state,
        "cause": cause_of(letter.state, letter.reason),
        "reason": safe_text(letter.reason.encode()),
        "at": letter.at.isoformat(),
        "channel": letter.channel,
        "source": letter.source,
        "dialog_id": str(letter.dialog_id) if letter.dialog_id else None,
        "attempts": letter.attempts,
        "size": letter.size,
        "preview": safe_text(letter.raw[: service.PREVIEW]),
    }
