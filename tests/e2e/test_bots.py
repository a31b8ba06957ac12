"""Bots at run time: added, paused, resumed, switched and removed over REST while the shards run."""

import asyncio

from tests.product import Person, Product, Telegram, Tenant
from tests.product.telegram import answers

EN, RU = "How do I return an item?", "Как вернуть товар?"


async def test_a_bots_life(product: Product, tenants: tuple[Tenant, Tenant], telegram: Telegram) -> None:
    _, boats = tenants
    token = await telegram.new_bot("harbour_bot")
    person = await telegram.person(token)
    bot = await boats.add_bot(token)
    assert "77" in await person.ask("How do I return a boat?")
    path = f"/api/bots/{bot['id']}"

    await boats.ok("PATCH", path, json={"state": "paused"})
    await person.say("Are you there? How do I return a boat?")
    await boats.ok("PATCH", path, json={"state": "active", "mode": "webhook"})
    await answers(person, 2)  # what was written meanwhile waits at Telegram

    await boats.ok("PATCH", path, json={"mode": "polling"})
    assert "77" in await person.ask("Как вернуть лодку?")

    await boats.ok("DELETE", path)
    assert (await boats.call("GET", path)).status == 404
    assert len(await person.heard()) == 3
    again = await boats.add_bot(token, mode="webhook")
    await answers(person, 3)
    assert "77" in await person.ask("How do I return a boat?")
    await boats.ok("DELETE", f"/api/bots/{again['id']}")


async def test_bots_of_both_tenants_at_once(tenants: tuple[Tenant, Tenant], telegram: Telegram) -> None:
    """The same people write to a bot of each tenant, and in a group with both."""
    demo, boats = tenants
    token = await telegram.new_bot("fleet_bot")
    bot = await boats.add_bot(token, mode="webhook")
    theirs = "pine_compass_support_bot"
    people = [await telegram.person(token) for _ in range(5)]
    asked = [person.ask("How do I return a boat?") for person in people]
    asked += [Person(telegram, theirs, person.user_id).ask(EN if n % 2 else RU) for n, person in enumerate(people)]
    heard = await asyncio.gather(*asked)
    assert all("77 days" in text for text in heard[:5])
    assert all("77" not in text and ("[1] Returns" in text or "[1] Возврат" in text) for text in heard[5:])
    refused = await demo.call(
        "POST", "/api/bots", json={"token": token, "assistant_id": demo.assistant_id, "mode": "polling"}
    )
    assert refused.status == 409  # one bot, one workspace
    assert (await demo.call("GET", f"/api/bots/{bot['id']}")).status == 404
    await boats.ok("DELETE", f"/api/bots/{bot['id']}")
