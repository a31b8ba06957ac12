"""Processes die, Redis forgets, shards are restarted in the middle of answers: nothing is lost or comes twice."""

import asyncio
import os
import signal
from typing import Any

import aiohttp

from tests.product import LlmControl, Product, Stream, Tenant, Visitor, until

WORDS = " ".join(f"word{number}" for number in range(20))
SLOW: dict[str, Any] = {"token_ms": 60, "answer": f"You may return a boat within 77 days [1]. {WORDS}."}
QUESTION = "How do I return a boat?"


async def test_the_other_shard_answers_for_a_killed_one(
    model_product: Product, model: LlmControl, two_shops: tuple[Tenant, Tenant], http: aiohttp.ClientSession
) -> None:
    model.script(SLOW)
    visitors = [await _opened(http, shop) for shop in two_shops for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_ask_and_listen(visitor)) for visitor in visitors]
        async with visitors[0].listen() as stream:
            await stream.until("delta")
            owner = model_product.owner_of(visitors[0].dialog_id)
            model_product.kill(owner)
            turn = stream.seen[-1].data["turn_id"]
            answer = (await stream.until("message", role="assistant")).data
            assert answer["turn_id"] != turn
    for visitor, stream_seen in zip(visitors, [task.result() for task in asked], strict=True):
        await _answered_once(visitor, stream_seen)
    until(model_product.whole)


async def test_a_restarted_shard_gives_its_conversations_away(
    model_product: Product, model: LlmControl, two_shops: tuple[Tenant, Tenant], http: aiohttp.ClientSession
) -> None:
    model.script(SLOW)
    visitors = [await _opened(http, shop) for shop in two_shops for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_ask_and_listen(visitor)) for visitor in visitors]
        async with visitors[0].listen() as stream:
            await stream.until("delta")
            owner = model_product.owner_of(visitors[0].dialog_id)
            said = await asyncio.to_thread(model_product.control, "restart", owner)
            assert said == f"{owner}: stopped\n{owner}: started\n"
    for visitor, stream_seen in zip(visitors, [task.result() for task in asked], strict=True):
        await _answered_once(visitor, stream_seen)
    until(model_product.whole)
    attempts = model_product.rows("SELECT max(attempts) FROM inbox WHERE source = %s", visitors[0].dialog_id)
    assert attempts == [(1,)]  # being drained counts against nobody


async def test_a_stream_goes_on_at_the_other_gateway(
    model_product: Product, model: LlmControl, two_shops: tuple[Tenant, Tenant], http: aiohttp.ClientSession
) -> None:
    model.script(SLOW)
    for shop in two_shops:
        visitor = await _opened(http, shop)
        async with visitor.listen() as stream:
            await visitor.write(QUESTION)
            await stream.until("delta")
            before = stream.seen
            os.kill(model_product.gateway_behind(stream.local_port), signal.SIGKILL)
            assert await _ends(stream)
        last = [event.id for event in before if event.id][-1]
        async with visitor.listen(last_event_id=last) as again:
            answer = again.messages("assistant")
            answered = answer[0] if answer else (await again.until("message", role="assistant")).data
            # the snapshot and the deltas after it are one text
            assert answered["text"].startswith(again.text(answered["turn_id"]))
        ids = [event.id for event in [*before, *again.seen] if event.id]
        assert ids == [f"{visitor.dialog_id}:{seq}" for seq in range(1, len(ids) + 1)]
        await _answered_once(visitor, again)
        until(model_product.whole)


async def test_conversations_outlive_flushall(
    model_product: Product, model: LlmControl, two_shops: tuple[Tenant, Tenant], http: aiohttp.ClientSession
) -> None:
    model.script(SLOW)
    visitors = [await _opened(http, shop) for shop in two_shops for _ in range(10)]
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_ask_and_listen(visitor)) for visitor in visitors]
        async with visitors[-1].listen() as stream:
            await stream.until("delta")
            model_product.flush_redis()
            await stream.until("message", role="assistant")
            model_product.flush_redis()
    for visitor, stream_seen in zip(visitors, [task.result() for task in asked], strict=True):
        await _answered_once(visitor, stream_seen)


async def _opened(http: aiohttp.ClientSession, shop: Tenant) -> Visitor:
    return await Visitor.open(http, shop.url, shop.site_key)


async def _ask_and_listen(visitor: Visitor) -> Stream:
    """The stream up to the answer."""
    async with visitor.listen() as stream:
        await visitor.write(QUESTION)
        await stream.until("message", role="assistant")
        return stream


async def _answered_once(visitor: Visitor, stream: Stream) -> None:
    """One question, one answer, in the stream as in the transcript."""
    transcript = await visitor.transcript()
    assert [message["role"] for message in transcript] == ["customer", "assistant"]
    assert transcript[1]["text"].startswith("You may return a boat within 77 days [1].")
    assert [citation["title"] for citation in transcript[1]["citations"]] == ["boats"]
    assert stream.messages("assistant") == transcript[1:]


async def _ends(stream: Stream) -> bool:
    """Whether the connection is cut before the answer has come."""
    try:
        while event := await stream.next():
            if event.name == "message":
                return False
    except aiohttp.ClientError:
        return True
    return True
