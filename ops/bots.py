"""`replyx bots import`: many bots from a file of tokens, one a line, for one assistant."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from uuid import UUID

from domain.assistants import service as assistants
from domain.bots import importing
from domain.bots.importing import Imported, Importer, Target
from domain.bots.model import BotMode
from domain.bus import BotChanged, Publisher, bell_channel
from domain.clients.telegram import TelegramClient, telegram_session
from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.kit.redis import connect
from domain.kit.sealing import load_keyring
from domain.kit.settings import Settings
from ops.progress import say
from ops.refusal import Refusal

_DONE = {"connected", "yours", "renewed"}


def import_bots(settings: Settings, file: Path, *, assistant_id: UUID, mode: BotMode, as_json: bool) -> None:
    """Import; a line for each token that is not connected afterwards (with JSON, for each). Raises Refusal if any."""
    try:
        tokens = importing.lines_of(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{file} cannot be read: {error}.") from error
    if not tokens:
        raise Refusal(f"There is no token in {file}: write one a line.")
    counts: Counter[str] = Counter()

    async def tell(imported: Imported) -> None:
        counts[imported.outcome] += 1
        if as_json:
            say(json.dumps(asdict(imported)))
        elif imported.outcome not in _DONE:
            say(f"  token {imported.line}: {imported.outcome}: {imported.detail}")

    asyncio.run(_import(settings, tokens, assistant_id, mode, tell))
    say(json.dumps({"done": True, "counts": dict(counts)}) if as_json else _summary(counts))
    if missing := sum(count for outcome, count in counts.items() if outcome not in _DONE):
        raise Refusal(f"{missing} of {len(tokens)} bots are not connected; see above. Import the same file again.")


def _summary(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) + "."


async def _import(
    settings: Settings, tokens: list[str], assistant_id: UUID, mode: BotMode, tell: importing.Tell
) -> None:
    async with AsyncExitStack() as stack:
        db = await Database.open(settings, app=4, worker=1, name="replyx bots")
        stack.push_async_callback(db.close)
        redis = connect(settings.redis_dsn)
        stack.push_async_callback(redis.aclose)
        publisher = Publisher(redis)
        session = await stack.enter_async_context(telegram_session(connections=importing.AT_ONCE))
        async with db.worker_tx() as conn:
            tenant_id = await assistants.tenant_of(conn, assistant_id=assistant_id)

        async def ring(bot_id: int, slot: int) -> None:
            await publisher.publish([(bell_channel(slot), BotChanged(bot_id))])

        importer = Importer(
            tx=partial(db.tenant_tx, tenant_id),
            client=TelegramClient(session, settings.telegram_api_url),
            keyring=load_keyring(settings.key_file),
            clock=SystemClock(),
            target=Target(tenant_id, assistant_id, mode, settings.bots_max),
            ring=ring,
        )
        await importer.run(tokens, tell)
