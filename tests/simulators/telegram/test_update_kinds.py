"""Updates of every kind pass through the queue unchanged, by polling and by webhook."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulators.telegram.update_queue import KINDS
from tests.simulators.telegram.client import Hook, Stage

REAL = sorted((Path(__file__).parents[4] / "shared" / "data" / "telegram_updates").glob("*.json"))
PERSON = {"id": 42, "is_bot": False, "first_name": "Test"}
CHAT = {"id": 42, "type": "private", "first_name": "Test"}


def written(kind: str) -> dict[str, Any]:
    """A plausible update of a kind, written for this test."""
    body: dict[str, Any] = {"id": "q1", "from": PERSON, "chat": CHAT, "date": 1_567_000_000, "message_id": 5}
    extra: dict[str, dict[str, Any]] = {
        "message": {"text": "/start deep-link", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]},
        "edited_message": {"text": "changed", "edit_date": 1_567_000_060},
        "callback_query": {"data": "yes", "chat_instance": "1"},
        "inline_query": {"query": "q", "offset": ""},
        "my_chat_member": {
            "old_chat_member": {"status": "member", "user": PERSON},
            "new_chat_member": {"status": "kicked", "user": PERSON, "until_date": 0},
        },
        "poll": {"question": "Q?", "options": []},
        "message_reaction": {"old_reaction": [], "new_reaction": [{"type": "emoji", "emoji": "👍"}]},
        "deleted_business_messages": {"business_connection_id": "b", "message_ids": [1, 2]},
    }
    return {kind: {**body, **extra.get(kind, {})}}


EVERY_KIND = [written(kind) for kind in sorted(KINDS)] + [{"not_yet_invented": {"x": 1}}, {"message": None}, {}]


def fixtures() -> list[dict[str, Any]]:
    return EVERY_KIND + [json.loads(path.read_text()) for path in REAL]


async def inject(stage: Stage) -> list[int]:
    answers = [await stage.control("update", {"bot": stage.bot.id, "update": update}) for update in fixtures()]
    return [answer["update_id"] for answer in answers]


def without_id(update: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in update.items() if key != "update_id"}


async def test_by_polling(stage: Stage) -> None:
    ids = await inject(stage)
    received: list[dict[str, Any]] = []
    while len(received) < len(ids):
        await stage.clock.advance(1)
        received += await stage.result("getUpdates", offset=received[-1]["update_id"] + 1 if received else 0)
    assert [update["update_id"] for update in received] == ids
    assert [without_id(update) for update in received] == [without_id(update) for update in fixtures()]


async def test_by_webhook(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    ids = await inject(stage)
    received = {update["update_id"]: update for update in [await hook.next() for _ in ids]}
    assert [without_id(received[number]) for number in ids] == [without_id(update) for update in fixtures()]


@pytest.mark.parametrize("old", [False, True])
async def test_an_old_date_counts_only_when_asked(stage: Stage, old: bool) -> None:
    update = {"bot": stage.bot.id, "update": written("message"), "expires": old}
    answer = await stage.control("update", update)
    assert (answer["update_id"] is None) == old
