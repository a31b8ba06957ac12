"""A bot's health over REST: what is counted, what Telegram said, and who is asked to look again."""

import asyncio
from datetime import datetime
from typing import Any

from domain.bothealth import Check, Minute
from domain.bothealth import service as bothealth
from domain.bus import LookAtBot, Signal, Subscriber, bell_channel
from domain.kit.db import Database
from domain.kit.redis import connect
from domain.kit.slots import slot_of_bot
from domain.kit.tasks import Tasks
from tests.gateway.running import Account, Gateway, eventually
from tests.gateway.telegram_dialog import telegram_dialog

DEAD = 1_790_000_000  # when Telegram's last call failed, in Unix seconds


async def _note(db: Database, account: Account, bot_id: int, check: Check) -> None:
    """As the bot's shard writes it."""
    minute = Minute(account.tenant_id, bot_id, floods=3, flood_seconds=12.5, uncertain=1)
    async with db.worker_tx() as conn:
        await bothealth.note_check(conn, tenant_id=account.tenant_id, bot_id=bot_id, check=check)
        await bothealth.note_minutes(conn, [minute])
        await bothealth.note_minutes(conn, [minute])


async def test_every_figure_of_a_bots_health(gateway: Gateway, db: Database) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    dialog = await telegram_dialog(ann, states=("sent", "failed", "failed", "uncertain", "ready"))
    path = f"/api/bots/{dialog.bot_id}/health"
    unknown = await ann.ok("GET", path)
    assert (unknown["token"], unknown["checked_at"], unknown["receiving"]) == ("unknown", None, None)
    await _note(db, ann, dialog.bot_id, Check("webhook", 7, "Connection refused", DEAD))
    async with db.worker_tx() as conn:
        await conn.execute("UPDATE outbox SET finished_at = now() WHERE state IN ('failed', 'uncertain')")
        await conn.execute("UPDATE dialogs SET blocked_at = now()")

    health: dict[str, Any] = await ann.ok("GET", path)
    assert datetime.fromisoformat(health.pop("checked_at"))
    assert datetime.fromisoformat(health.pop("webhook_error_at")).timestamp() == DEAD
    assert health == {
        "id": dialog.bot_id,
        "state": "active",
        "token": "valid",
        "problem": None,
        "mode": "polling",
        "receiving": "webhook",
        "last_update_at": None,
        "pending_updates": 7,
        "webhook_error": "Connection refused",
        "floods": 6,
        "flood_seconds": 25.0,
        "waiting": 1,
        "failed": 2,
        "uncertain": 2,
        "dialogs": 1,
        "blocked": 1,
        "blocked_share": 1.0,
    }
    assert (await bob.call("GET", path)).status == 404


async def test_a_stale_answer_has_telegram_asked_again(gateway: Gateway, db: Database) -> None:
    ann = await gateway.register()
    dialog = await telegram_dialog(ann, states=("sent",))
    slot, heard, listening = slot_of_bot(dialog.bot_id), list[Signal](), asyncio.Event()
    redis, tasks = connect(gateway.services.settings.redis_dsn, timeout=None), Tasks("test")
    subscriber = Subscriber(redis, lambda _, signal: heard.append(signal), listening.set)
    await subscriber.add([bell_channel(slot)])
    tasks.eternal("subscriber", subscriber.run())
    await listening.wait()
    await _note(db, ann, dialog.bot_id, Check("polling", 0))
    await ann.ok("GET", f"/api/bots/{dialog.bot_id}/health")  # fresh: nobody is asked
    async with db.worker_tx() as conn:
        await conn.execute("UPDATE bot_checks SET checked_at = now() - interval '31 seconds'")
    await ann.ok("GET", f"/api/bots/{dialog.bot_id}/health")
    await eventually(lambda: bool(heard))
    await tasks.stop()
    await redis.aclose()
    assert heard == [LookAtBot(dialog.bot_id)]
