"""The event stream on real sockets: replay, live, gaps, losses, slow clients, restarts, two gateways."""

import asyncio
from uuid import uuid4

import orjson
import pytest

from domain.bus import Delta, TurnState, snapshot_key
from domain.kit.settings import Settings
from gateway.sse.feed import CAPACITY
from gateway.sse.registry import MAX_PER_CLIENT
from gateway.sse.timing import Timing
from gateway.tokens import Member
from tests.gateway.conversation import DEADLINE, EventStream, Visit, visit
from tests.gateway.running import Gateway, eventually, running_gateway


async def texts(stream: EventStream, count: int) -> list[str]:
    """The texts of the next messages."""
    return [(await stream.until("message")).data["text"] for _ in range(count)]


async def test_a_stream_says_hello_and_beats(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with visitor.follow() as stream:
        assert (await stream.next()) is not None
        assert stream.seen[0].name == "retry"
        assert stream.seen[0].data == 1500
        assert (await stream.until("ready")).data == {"last_seq": 0}
        await stream.until(":")
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Cache-Control"] == "no-store"


async def test_history_first_then_live_in_one_order(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    for text in ("one", "two"):
        await visitor.dialog.say(text)
    async with visitor.follow() as stream:
        assert await texts(stream, 2) == ["one", "two"]
        assert (await stream.until("ready")).data == {"last_seq": 2}
        await visitor.dialog.say("three")
        await visitor.dialog.set_mode("requested")
        message = await stream.until("message")
        assert message.data["text"] == "three"
        assert message.id == f"{visitor.session['dialog_id']}:3"
        mode = await stream.until("mode")
        assert mode.data == {"seq": 4, "mode": "requested", "reason": "asked"}
        assert mode.id == f"{visitor.session['dialog_id']}:4"


@pytest.mark.parametrize("way", ["header", "query", "foreign header"])
async def test_a_client_that_comes_back_gets_what_it_missed(gateway: Gateway, way: str) -> None:
    visitor = await visit(gateway)
    for text in ("one", "two", "three"):
        await visitor.dialog.say(text)
    last = {"header": f"{visitor.session['dialog_id']}:2", "query": None, "foreign header": f"{uuid4()}:3"}[way]
    async with visitor.follow(since=1 if way == "header" else 2, last_event_id=last) as stream:
        assert await texts(stream, 1) == ["three"]
        await stream.until("ready")
        assert [event.name for event in stream.seen].count("message") == 1


async def test_a_lost_signal_is_found_by_the_next_one(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with visitor.follow() as stream:
        await stream.until("ready")
        await visitor.dialog.say("lost", publish=False)
        await visitor.dialog.say("heard")
        assert await texts(stream, 2) == ["lost", "heard"]


async def test_a_lost_signal_is_found_by_the_poll(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with visitor.follow() as stream:
        await stream.until("ready")
        await visitor.dialog.say("lost", publish=False)
        assert await texts(stream, 1) == ["lost"]


async def test_doubled_and_disordered_signals_are_sent_once(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with visitor.follow() as stream:
        await stream.until("ready")
        events = [await visitor.dialog.say(text, publish=False) for text in ("one", "two", "three")]
        await visitor.dialog.publish(events[2], events[0], events[1], events[2])
        assert await texts(stream, 3) == ["one", "two", "three"]
        await visitor.dialog.say("four")
        assert await texts(stream, 1) == ["four"]


async def test_both_gateways_hear_one_publication(gateway: Gateway, second_gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with visitor.follow() as first, visitor.follow(gateway=second_gateway) as second:
        await first.until("ready")
        await second.until("ready")
        await visitor.dialog.say("hello")
        assert await texts(first, 1) == ["hello"]
        assert await texts(second, 1) == ["hello"]


async def test_an_answer_grows_and_a_reload_continues_it(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    dialog, turn_id = visitor.dialog, uuid4()
    async with visitor.follow() as stream:
        await stream.until("ready")
        await dialog.publish(TurnState(dialog.dialog_id, turn_id, "started"), Delta(dialog.dialog_id, turn_id, 0, "He"))
        assert (await stream.until("turn")).data == {"turn_id": str(turn_id), "state": "started"}
        delta = await stream.until("delta")
        assert delta.data == {"turn_id": str(turn_id), "offset": 0, "text": "He"}
        assert delta.id is None
    await keep_snapshot(visitor, turn_id, "He")
    async with visitor.follow() as stream:
        assert (await stream.until("delta")).data == {"turn_id": str(turn_id), "offset": 0, "text": "He"}
        await stream.until("ready")
        await dialog.publish(Delta(dialog.dialog_id, turn_id, 2, "llo"))
        assert (await stream.until("delta")).data["text"] == "llo"
        await dialog.say("Hello", role="assistant", turn_id=turn_id)
        await dialog.publish(TurnState(dialog.dialog_id, turn_id, "done"), Delta(dialog.dialog_id, turn_id, 5, "late"))
        assert (await stream.until("message")).data["turn_id"] == str(turn_id)
        await stream.until(":")
        assert "late" not in str(stream.seen), "text of a finished turn would open its bubble again"


async def test_missing_text_is_fetched_from_the_snapshot(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    dialog, turn_id = visitor.dialog, uuid4()
    async with visitor.follow() as stream:
        await stream.until("ready")
        await keep_snapshot(visitor, turn_id, "Hello, world")
        await dialog.publish(Delta(dialog.dialog_id, turn_id, 7, "world"))
        assert (await stream.until("delta")).data == {"turn_id": str(turn_id), "offset": 0, "text": "Hello, world"}


async def test_an_aborted_turn_is_told(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    dialog, turn_id = visitor.dialog, uuid4()
    async with visitor.follow() as stream:
        await stream.until("ready")
        await dialog.publish(Delta(dialog.dialog_id, turn_id, 0, "x"), TurnState(dialog.dialog_id, turn_id, "aborted"))
        assert (await stream.until("turn")).data["state"] == "aborted"


async def test_a_client_from_the_future_starts_over(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("one")
    async with visitor.follow(since=7) as stream:
        assert [event.name for event in await stream.to_the_end()] == ["retry", "reset"]


async def test_a_client_too_slow_for_the_queue_starts_over(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with visitor.follow() as stream:
        await stream.until("ready")
        dialog, turn_id = visitor.dialog, uuid4()
        [feed] = gateway.services.streams.feeds
        for _ in range(CAPACITY + 1):
            feed.offer(Delta(dialog.dialog_id, turn_id, 0, "x"))
        assert (await stream.to_the_end())[-1].name == "reset"


async def test_a_client_that_stops_reading_is_cut_off(settings: Settings) -> None:
    timing = Timing(heartbeat=0.05, poll=60, write_deadline=0.2)
    async with running_gateway(settings, timing) as gateway:
        visitor = await visit(gateway)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]), limit=1024)
        head = f"GET /events?dialog={visitor.session['dialog_id']} HTTP/1.1\r\nHost: x\r\n"
        writer.write(f"{head}Authorization: Bearer {visitor.token}\r\n\r\n".encode())
        await reader.readuntil(b"event: ready")
        big = "x" * 200_000
        async with asyncio.timeout(DEADLINE):
            while len(gateway.services.streams):
                await visitor.dialog.publish(Delta(visitor.dialog.dialog_id, uuid4(), 0, big))
                await asyncio.sleep(0.01)
        writer.close()


async def test_one_visitor_has_a_limit_of_streams(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with asyncio.TaskGroup() as group:
        opened = asyncio.Event()
        tasks = [group.create_task(hold(visitor, opened)) for _ in range(MAX_PER_CLIENT)]
        await eventually(lambda: len(gateway.services.streams) == MAX_PER_CLIENT)
        answer = await gateway.call("GET", f"/events?dialog={visitor.session['dialog_id']}", token=visitor.token)
        assert answer.status == 429
        assert "tabs" in answer.json["detail"]
        opened.set()
        for task in tasks:
            await task
    await eventually(lambda: len(gateway.services.streams) == 0)  # at once, not at the next failing write


async def hold(visitor: Visit, until: asyncio.Event) -> None:
    """Keep a stream open."""
    async with visitor.follow() as stream:
        await stream.until("ready")
        await until.wait()


async def test_a_restart_ends_streams_politely_and_the_other_gateway_goes_on(
    settings: Settings, second_gateway: Gateway
) -> None:
    async with running_gateway(settings) as first:
        visitor = await visit(first)
        await visitor.dialog.say("one")
        async with visitor.follow() as stream:
            await stream.until("ready")
            ended = asyncio.create_task(stream.to_the_end())
            await first.services.streams.end(seconds=2)
            seen = await ended
            assert seen[-1].name == "retry"
            assert 1000 <= seen[-1].data <= 5000
        assert (await first.call("GET", f"/events?dialog={uuid4()}", token=visitor.token)).status == 404
        answer = await first.call("GET", f"/events?dialog={visitor.session['dialog_id']}", token=visitor.token)
        assert answer.status == 503
        await visitor.dialog.say("two")
        last = f"{visitor.session['dialog_id']}:1"
        async with visitor.follow(last_event_id=last, gateway=second_gateway) as stream:
            assert await texts(stream, 1) == ["two"]


async def test_without_redis_messages_still_come(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    async with visitor.follow() as stream:
        await stream.until("ready")
        await gateway.services.redis.client_kill_filter(_type="pubsub")
        await visitor.dialog.say("one", publish=False)
        assert await texts(stream, 1) == ["one"]


async def test_a_member_follows_a_dialog_too(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("question")
    member = gateway.services.tokens.access(Member(uuid4(), visitor.dialog.tenant_id, "operator"))
    path = f"/events?dialog={visitor.session['dialog_id']}"
    async with gateway.session.get(gateway.url + path, headers={"Authorization": f"Bearer {member}"}) as response:
        assert await texts(EventStream(response), 1) == ["question"]


async def keep_snapshot(visitor: Visit, turn_id: object, text: str) -> None:
    """As the shard does while a turn runs."""
    key = snapshot_key(visitor.dialog.slot, visitor.dialog.dialog_id)
    value = orjson.dumps({"turn_id": turn_id, "text": text})
    await visitor.gateway.services.publisher.save_snapshot(key, value, 60)
