"""A failed or uncertain message in a person's hands; and the policy that decides what happens without one."""

import asyncio

from domain.bus import ShowTyping, Signal, Subscriber, Typing, bell_channel, events_channel
from domain.kit.redis import connect
from domain.kit.slots import slot_of_bot
from domain.kit.tasks import Tasks
from tests.gateway.running import Gateway, eventually
from tests.gateway.telegram_dialog import telegram_dialog


async def test_an_uncertain_message_is_sent_again_once_and_marked(gateway: Gateway) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    dialog = await telegram_dialog(ann, states=("sent", "uncertain"))
    assert (await bob.call("POST", f"{dialog.path}/resend")).status == 404
    answers = await asyncio.gather(*(ann.call("POST", f"{dialog.path}/resend") for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    events = [event for answer in answers for event in answer.json["events"]]
    assert [(event["kind"], event["delivery"], event["seq"]) for event in events] == [("delivery", "queued", 3)]
    assert "twice" in events[0]["detail"]
    assert await dialog.outbox() == [("sent", 0, False), ("uncertain", 0, True), ("ready", 1, False)]
    assert await dialog.delivery() == "queued"
    [message] = (await ann.ok("GET", f"/api/dialogs/{dialog.id}/messages?after=1"))["items"]
    assert message["delivery_detail"] == events[0]["detail"]


async def test_what_arrived_is_not_sent_again(gateway: Gateway) -> None:
    ann = await gateway.register()
    dialog = await telegram_dialog(ann, states=("sent",))
    for action in ("resend", "dismiss"):
        assert (await ann.call("POST", f"{dialog.path}/{action}")).status == 409
        assert (await ann.call("POST", f"/api/dialogs/{dialog.id}/messages/99/{action}")).status == 404
    assert await dialog.outbox() == [("sent", 0, False)]


async def test_a_dismissed_message_stays_as_it_is_and_leaves_the_list(gateway: Gateway) -> None:
    ann = await gateway.register()
    dialog = await telegram_dialog(ann, states=("uncertain",))
    first = await ann.ok("POST", f"{dialog.path}/dismiss")
    assert [event["delivery"] for event in first["events"]] == ["uncertain"]
    assert (await ann.ok("POST", f"{dialog.path}/dismiss"))["events"] == []
    assert (await ann.ok("GET", "/api/deadletters"))["items"] == []
    assert (await ann.call("POST", f"{dialog.path}/resend")).status == 409
    assert await dialog.delivery() == "uncertain"


async def test_typing_is_shown_on_telegram_and_to_whoever_follows(gateway: Gateway) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    dialog = await telegram_dialog(ann, states=("sent",))
    slot, heard, listening = slot_of_bot(dialog.bot_id), list[Signal](), asyncio.Event()
    redis, tasks = connect(gateway.services.settings.redis_dsn, timeout=None), Tasks("test")
    subscriber = Subscriber(redis, lambda _, signal: heard.append(signal), listening.set)
    await subscriber.add([bell_channel(slot), events_channel(slot)])
    tasks.eternal("subscriber", subscriber.run())
    await listening.wait()
    path = f"/api/dialogs/{dialog.id}/typing"
    assert (await bob.call("POST", path)).status == 404
    assert (await ann.call("POST", path)).status == 204
    await eventually(lambda: len(heard) == 2)
    await tasks.stop()
    await redis.aclose()
    assert heard == [Typing(dialog.id, "Ann"), ShowTyping(dialog.bot_id, "7")]


async def test_the_policy_is_read_and_set(gateway: Gateway) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    assert (await ann.ok("GET", "/api/workspace"))["uncertain_policy"] == "resend"
    assert (await ann.ok("PATCH", "/api/workspace", json={"uncertain_policy": "hold"}))["uncertain_policy"] == "hold"
    assert (await ann.ok("PATCH", "/api/workspace", json={}))["uncertain_policy"] == "hold"
    assert (await bob.ok("GET", "/api/workspace"))["uncertain_policy"] == "resend"
    assert (await ann.call("PATCH", "/api/workspace", json={"uncertain_policy": "never"})).status == 422
