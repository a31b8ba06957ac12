"""The model client against the simulator: what is retried, what is not, and what is kept when a stream breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from domain.clients.chat import (
    ChatMessage,
    ChatRequest,
    Completion,
    LlmError,
    LlmInterrupted,
    LlmRefused,
    LlmUnavailable,
)
from domain.clients.llm import Deadlines, LlmClient
from domain.kit.settings import load_settings
from simulators.llm import Call, LlmSimulator, running_llm
from tests.answering.stand_ins import HandClock

HURRIED = Deadlines(first_token=0.2, between=0.2, total=5)
HELLO = ChatRequest((ChatMessage("system", "Be brief."), ChatMessage("user", "Hello?")), model="sim-chat")


@pytest.fixture
async def sim() -> AsyncIterator[LlmSimulator]:
    async with running_llm() as simulator:
        yield simulator


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def llm(sim: LlmSimulator, clock: HandClock) -> AsyncIterator[LlmClient]:
    client = LlmClient(api_key="k", base_url=sim.base_url, default_model="sim-chat", clock=clock, deadlines=HURRIED)
    yield client
    await client.close()


async def read(llm: LlmClient, request: ChatRequest = HELLO) -> tuple[list[str], Completion]:
    texts: list[str] = []
    async for piece in llm.stream(request):
        if isinstance(piece, Completion):
            return texts, piece
        texts.append(piece)
    raise AssertionError("the stream ended without a completion")


async def ended(call: Call) -> str:
    """How the simulator saw the call end, once it did."""
    async with asyncio.timeout(5):
        while call.outcome == "running":
            await asyncio.sleep(0)
    return call.outcome


async def test_pieces_then_the_count(sim: LlmSimulator, llm: LlmClient) -> None:
    sim.once(answer="Yes, within 30 days.", prompt_tokens=12, completion_tokens=5)
    texts, end = await read(llm)
    assert "".join(texts) == "Yes, within 30 days."
    assert len(texts) == 4
    assert end == Completion("sim-chat", 12, 5, "stop")
    body = sim.calls[0].body
    assert (body["stream"], body["max_tokens"], body["temperature"]) == (True, 900, pytest.approx(0.2))


async def test_the_model_of_the_request_wins(sim: LlmSimulator, llm: LlmClient) -> None:
    await read(llm, ChatRequest(HELLO.messages))
    await read(llm, ChatRequest(HELLO.messages, model="other"))
    assert [call.model for call in sim.calls] == ["sim-chat", "other"]


@pytest.mark.parametrize(
    ("first", "waited"),
    [
        ({"status": 500}, 0.3),
        ({"status": 429, "retry_after": 2}, 2.0),
        ({"status": 429}, 0.3),
        ({"cut_after": 0}, 0.3),
        ({"garbage_after": 0}, 0.3),
    ],
)
async def test_one_retry_before_the_first_text(
    sim: LlmSimulator, llm: LlmClient, clock: HandClock, first: dict[str, Any], waited: float
) -> None:
    sim.once(**first)
    sim.once(answer="Hello there.")
    texts, _ = await read(llm)
    assert "".join(texts) == "Hello there."
    assert clock.slept == [waited]


@pytest.mark.parametrize(
    ("step", "why", "kind", "calls"),
    [
        ({"status": 500}, "status_500", LlmUnavailable, 2),
        ({"status": 503, "retry_after": 1}, "status_503", LlmUnavailable, 2),
        ({"status": 429, "retry_after": 30}, "status_429", LlmUnavailable, 1),
        ({"status": 401}, "status_401", LlmRefused, 1),
        ({"status": 400}, "status_400", LlmRefused, 1),
        ({"cut_after": 0}, "connection", LlmUnavailable, 2),
        ({"hang_after": 0}, "first_token_timeout", LlmUnavailable, 1),
        ({"answer": "", "finish_reason": "content_filter"}, "empty_content_filter", LlmRefused, 1),
    ],
)
async def test_nothing_came(
    sim: LlmSimulator, llm: LlmClient, step: dict[str, Any], why: str, kind: type[LlmError], calls: int
) -> None:
    sim.always(**step)
    with pytest.raises(LlmError) as caught:
        await read(llm)
    assert type(caught.value) is kind
    assert caught.value.why == why
    assert caught.value.partial == ""
    assert len(sim.calls) == calls


@pytest.mark.parametrize(
    ("step", "why"), [({"cut_after": 2}, "cut"), ({"garbage_after": 2}, "garbled"), ({"hang_after": 2}, "timeout")]
)
async def test_a_stream_that_breaks_keeps_what_was_said(
    sim: LlmSimulator, llm: LlmClient, step: dict[str, Any], why: str
) -> None:
    sim.once(answer="One two three four", **step)
    with pytest.raises(LlmInterrupted) as caught:
        await read(llm)
    assert (caught.value.why, caught.value.partial) == (why, "One two")
    assert len(sim.calls) == 1


async def test_the_total_deadline_ends_a_dripping_stream(sim: LlmSimulator) -> None:
    sim.once(answer="word " * 200, token_ms=10)
    client = LlmClient(
        api_key=None, base_url=sim.base_url, default_model="m", deadlines=Deadlines(first_token=5, between=5, total=0.2)
    )
    with pytest.raises(LlmInterrupted, match="timeout"):
        await read(client)
    await client.close()
    assert await ended(sim.calls[0]) == "client_gone"


async def test_nobody_listens_there() -> None:
    client = LlmClient(api_key="k", base_url="http://127.0.0.1:9/v1", default_model="m", clock=HandClock())
    with pytest.raises(LlmUnavailable, match="connection"):
        await read(client)
    await client.close()


async def test_a_long_answer_is_cut_off_and_the_stream_closed(sim: LlmSimulator, llm: LlmClient) -> None:
    sim.once(answer="word " * 100, token_ms=1)
    texts, end = await read(llm, ChatRequest(HELLO.messages, max_chars=50))
    assert 50 <= len("".join(texts)) < 60
    assert (end.finish_reason, end.estimated) == ("length", True)
    assert end.completion_tokens > 0
    assert await ended(sim.calls[0]) == "client_gone"


async def test_leaving_early_closes_the_stream(sim: LlmSimulator, llm: LlmClient) -> None:
    sim.once(answer="One " * 500, token_ms=20)
    async with aclosing(llm.stream(HELLO)) as stream:
        assert await anext(stream) == "One"
    assert await ended(sim.calls[0]) == "client_gone"


async def test_cancellation_closes_the_stream(sim: LlmSimulator, llm: LlmClient) -> None:
    sim.once(answer="One " * 500, token_ms=20)
    started = asyncio.Event()

    async def listen() -> None:
        async with aclosing(llm.stream(HELLO)) as stream:
            async for _ in stream:
                started.set()

    task = asyncio.create_task(listen())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ended(sim.calls[0]) == "client_gone"


def test_without_a_key_or_an_address_there_is_no_model() -> None:
    assert LlmClient.from_settings(load_settings()) is None


async def test_a_local_server_needs_no_key(sim: LlmSimulator) -> None:
    client = LlmClient.from_settings(load_settings(openai_base_url=sim.base_url, openai_model="local"))
    assert client is not None
    texts, _ = await read(client)
    await client.close()
    assert texts
    assert client.default_model == "local"
