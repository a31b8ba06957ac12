"""The unmodified openai client against the simulator: what works, and what is made to fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import openai
import pytest
from aiohttp import ClientSession
from openai import AsyncOpenAI, DefaultAioHttpClient

from simulators.llm import LlmSimulator, running_llm

PROMPT = """Answer from the passages.
<passages>
[1] Delivery - Courier
The courier calls an hour before arrival. Delivery in the city costs 350 roubles.
[2] Returns - How to return
You can return an item within 30 days of receipt. The money is back in 5 working days.
[3] Возврат - Как вернуть товар
Вернуть товар можно в течение 30 дней после получения. Деньги придут за 5 рабочих дней.
</passages>"""


@pytest.fixture
async def llm() -> AsyncIterator[LlmSimulator]:
    async with running_llm() as sim:
        yield sim


@asynccontextmanager
async def client_of(llm: LlmSimulator, key: str = "any", *, aio: bool = False) -> AsyncIterator[AsyncOpenAI]:
    transport = DefaultAioHttpClient() if aio else None
    async with AsyncOpenAI(base_url=llm.base_url, api_key=key, max_retries=0, timeout=10, http_client=transport) as c:
        yield c


@pytest.fixture(params=[False, True], ids=["httpx", "aiohttp"])
async def client(llm: LlmSimulator, request: pytest.FixtureRequest) -> AsyncIterator[AsyncOpenAI]:
    async with client_of(llm, aio=request.param) as c:
        yield c


async def ask(client: AsyncOpenAI, question: str, system: str = PROMPT) -> str:
    done = await client.chat.completions.create(
        model="sim-chat", messages=[{"role": "system", "content": system}, {"role": "user", "content": question}]
    )
    return done.choices[0].message.content or ""


async def read(client: AsyncOpenAI, question: str = "hi", got: list[str] | None = None) -> list[str]:
    """Stream an answer; `got` keeps what arrived when the stream breaks."""
    got = [] if got is None else got
    stream = await client.chat.completions.create(
        model="sim-chat", messages=[{"role": "user", "content": question}], stream=True
    )
    async for chunk in stream:
        got += [c.delta.content or "" for c in chunk.choices]
    return got


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How do I return an item?", "You can return an item within 30 days of receipt. [2]"),
        ("Как вернуть товар?", "Вернуть товар можно в течение 30 дней после получения. [3]"),
        ("What does delivery in the city cost?", "Delivery in the city costs 350 roubles. [1]"),
        ("Who wrote War and Peace?", "I do not know: the documents do not say."),
        ("Когда родился Пушкин?", "Я не знаю: в документах об этом ничего нет."),
        ("🙂", "I do not know: the documents do not say."),
    ],
)
async def test_answers_from_the_passages_of_the_prompt(llm: LlmSimulator, question: str, expected: str) -> None:
    async with client_of(llm) as client:
        assert await ask(client, question) == expected


async def test_passages_may_stand_in_the_user_message(llm: LlmSimulator) -> None:
    async with client_of(llm) as client:
        assert (await ask(client, PROMPT + "\nHow do I return an item?", "Be kind.")).endswith("[2]")


async def test_the_prompt_may_mention_the_tag_and_order_the_words_of_a_refusal(llm: LlmSimulator) -> None:
    rules = "Use the <passages> block. If it does not hold the answer, reply with exactly NOTHING_FOUND and stop."
    async with client_of(llm) as client:
        block = PROMPT.partition("\n")[2]
        assert (await ask(client, block + "\n\nHow do I return an item?", rules)).endswith("[2]")
        assert await ask(client, block + "\n\nWho wrote War and Peace?", rules) == "NOTHING_FOUND"


async def test_streams_word_by_word_with_usage(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="sim-chat",
        messages=[{"role": "system", "content": PROMPT}, {"role": "user", "content": "How do I return an item?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(texts) == "You can return an item within 30 days of receipt. [2]"
    assert len([t for t in texts if t]) == 11
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens == 11


async def test_whole_answer_has_usage_and_honours_max_tokens(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.once(answer="one two three", prompt_tokens=70)
    done = await client.chat.completions.create(
        model="sim-chat", messages=[{"role": "user", "content": "hi"}], max_tokens=2
    )
    assert done.choices[0].message.content == "one two"
    assert done.choices[0].finish_reason == "length"
    assert done.usage is not None
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (70, 2)


async def test_tool_calls_pass_through(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.always(tool_calls=[{"name": "handoff", "arguments": '{"reason":"angry"}', "id": "call_x"}])
    done = await client.chat.completions.create(model="sim-chat", messages=[{"role": "user", "content": "hi"}])
    assert done.choices[0].finish_reason == "tool_calls"
    call = (done.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    assert (call.id, call.function.name, call.function.arguments) == ("call_x", "handoff", '{"reason":"angry"}')
    stream = await client.chat.completions.create(
        model="sim-chat", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    deltas = [d for c in [chunk async for chunk in stream] for d in c.choices[0].delta.tool_calls or []]
    assert [d.function.name for d in deltas if d.function] == ["handoff"]


async def test_echoes_a_nonce_and_keeps_the_script_order(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.always(echo=r"nonce=(\w+)")
    llm.once(answer="scripted", times=2)
    assert [await ask(client, "say nonce=ab12") for _ in range(3)] == ["scripted", "scripted", "ab12"]


async def test_steps_wait_for_the_message_they_are_for(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.once(contains="Refund", answer="for refunds")
    llm.always(answer="standing")
    assert await ask(client, "hello") == "standing"
    assert await ask(client, "about my refund") == "for refunds"
    llm.reset()
    assert await ask(client, "about my refund", "") == "I do not know: the documents do not say."


async def test_embeddings_in_both_encodings(client: AsyncOpenAI) -> None:
    texts = ["Return within 30 days", "Return within thirty days", "Courier delivery"]
    floats = await client.embeddings.create(model="sim-embedding", input=texts, encoding_format="float")
    packed = await client.embeddings.create(model="sim-embedding", input=texts)
    vectors = [d.embedding for d in floats.data]
    assert [len(v) for v in vectors] == [384] * 3
    assert all(abs(sum(x * x for x in v) - 1) < 1e-9 for v in vectors)
    for exact, short in zip(vectors, packed.data, strict=True):
        assert short.embedding == pytest.approx(exact, abs=1e-6)
    assert dot(vectors[0], vectors[1]) > dot(vectors[0], vectors[2]) + 0.3
    small = await client.embeddings.create(model="sim-embedding", input="x", dimensions=64)
    assert len(small.data[0].embedding) == 64
    assert floats.usage.prompt_tokens == 10


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_bad_requests_are_refused_like_openai_does(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="not empty"):
        await client.embeddings.create(model="sim-embedding", input=["ok", ""])
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        await client.embeddings.create(model="sim-embedding", input="x", dimensions=100_000)
    with pytest.raises(openai.BadRequestError, match="messages"):
        await client.chat.completions.create(model="sim-chat", messages=[])
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("no-such-model")


async def test_models_are_listed(client: AsyncOpenAI) -> None:
    assert "sim-chat" in [m.id async for m in client.models.list()]


async def test_keys_are_checked_when_there_are_any() -> None:
    async with running_llm(keys={"right"}) as llm:
        async with client_of(llm, "wrong") as client:
            with pytest.raises(openai.AuthenticationError):
                await ask(client, "hi")
        async with client_of(llm, "right") as client:
            assert await ask(client, "hi")
        assert [c.key for c in llm.calls] == ["right"]


@pytest.mark.parametrize("status", [500, 503])
async def test_server_errors(client: AsyncOpenAI, llm: LlmSimulator, status: int) -> None:
    llm.once(status=status)
    with pytest.raises(openai.InternalServerError) as refused:
        await ask(client, "hi")
    assert refused.value.status_code == status


async def test_rate_limit_carries_retry_after(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.once(status=429, retry_after=7, message="Slow down.")
    llm.once(endpoint="embeddings", status=429, retry_after=3)
    with pytest.raises(openai.RateLimitError, match="Slow down") as refused:
        await read(client)
    assert refused.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.RateLimitError) as refused:
        await client.embeddings.create(model="sim-embedding", input="x")
    assert refused.value.response.headers["retry-after"] == "3"


async def test_a_cut_stream_breaks_after_the_pieces_that_were_sent(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.once(answer="one two three", cut_after=2)
    got: list[str] = []
    with pytest.raises(openai.APIConnectionError):
        await read(client, got=got)
    assert got == ["", "one", " two"]
    assert [(c.outcome, c.chunks) for c in llm.calls] == [("cut", 2)]


async def test_a_cut_whole_answer_is_a_connection_error(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.once(cut_after=0, answer="one")
    with pytest.raises(openai.APIConnectionError):
        await ask(client, "hi")


async def test_garbage_is_not_json(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.once(answer="one two", garbage_after=1, times=2)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await read(client)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await ask(client, "hi")


async def test_a_hanging_call_ends_when_the_client_gives_up(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    llm.once(answer="one two", hang_after=1)
    with pytest.raises(openai.APITimeoutError):
        await ask(client.with_options(timeout=0.05), "hi")
    assert await ask(client, "How do I return an item?")
    assert llm.calls[0].outcome == "hang"


async def test_control_api_scripts_and_logs_over_http(client: AsyncOpenAI, llm: LlmSimulator) -> None:
    async with ClientSession(llm.url) as http:
        script = {
            "reset": True,
            "once": [{"answer": "a", "first_token_ms": 1, "token_ms": 1}],
            "always": [{"status": 500}],
        }
        async with http.post("/control/script", json=script) as r:
            assert (await r.json())["always"] == [{"status": 500}]
        async with http.post("/control/script", json={"once": [{"stauts": 500}]}) as r:
            assert r.status == 400
        assert await read(client, "first") == ["", "a", ""]
        with pytest.raises(openai.InternalServerError):
            await read(client, "second")
        async with http.get("/control/calls") as r:
            calls = (await r.json())["items"]
        assert [(c["text"], c["stream"], c["outcome"]) for c in calls] == [
            ("first", True, "ok"),
            ("second", True, "500"),
        ]
        async with http.delete("/control/calls") as r:
            assert r.status == 200
    assert llm.calls == []
