"""Every update there is goes through a running bot: nothing crashes, no chat is blocked, poison is put aside."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.updates import good, poison
from tests.ops.waiting import until as eventually
from tests.product import Person, Product, Telegram, Tenant

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "telegram_updates"  # of real clients' test suites
QUESTION = "How do I return a boat?"
ROWS = "SELECT state, raw, error FROM inbox WHERE channel = 'telegram' AND source = %s ORDER BY id"


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_every_kind_of_update(
    product: Product, tenants: tuple[Tenant, Tenant], telegram: Telegram, mode: str
) -> None:
    _, boats = tenants
    token = await telegram.new_bot(f"{mode}_all_bot")
    bot = await boats.add_bot(token, mode)
    pids = product.pids()
    person = await telegram.person(token, first_name="Maria")
    user = {"id": person.user_id, "is_bot": False, "first_name": "Maria", "language_code": "en"}
    recorded = [json.loads(file.read_text()) for file in sorted(RECORDED.glob("*.json"))]
    bad = poison(user)
    updates = [*good(user), *recorded[:40], *bad, *recorded[40:]]
    people = [person, *await _private_chats(telegram, token, recorded)]
    for one in people:
        await one.say("/start")
    sent = [(await telegram.control("update", {"bot": token, "update": update}))["update_id"] for update in updates]
    for one in people:
        await one.say("Hello")

    await eventually(lambda: _finished(product, bot["id"], len(sent) + 2 * len(people)), seconds=90)
    rows = product.rows(ROWS, str(bot["id"]))
    dead = {bytes(raw): error for state, raw, error in rows if state == "dead"}
    assert all(len(error) > 10 for error in dead.values())
    without_id = [{k: v for k, v in json.loads(raw).items() if k != "update_id"} for raw in dead]
    assert [update for update in bad if update not in without_id] == []
    assert [update for update in good(user) if update in without_id] == []

    for one in people:
        await _is_answered(one)
    assert product.pids() == pids  # nobody has died of it
    await boats.ok("DELETE", f"/api/bots/{bot['id']}")


async def _private_chats(telegram: Telegram, token: str, updates: list[Any]) -> list[Person]:
    """The people who write in the recorded updates."""
    senders = {}
    for update in updates:
        message = update.get("message") or {}
        chat = message.get("chat") or {}
        if chat.get("type") == "private" and chat["id"] > 0:
            senders[chat["id"]] = chat.get("first_name") or "Somebody"
    return [await telegram.person(token, id=user, first_name=name) for user, name in senders.items()]


async def _finished(product: Product, bot_id: int, count: int) -> bool:
    """Whether this many updates were taken and all are done or dead."""
    states = [state for state, _, _ in product.rows(ROWS, str(bot_id))]
    return len(states) >= count and set(states) <= {"done", "dead"}


async def _is_answered(person: Person) -> None:
    """Ask; the answers to what was written before may still be on their way."""
    await person.say(QUESTION)

    async def answered() -> bool:
        return any("77 days" in text for text in await person.heard())

    await eventually(answered, seconds=90)
