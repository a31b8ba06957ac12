"""The embeddings client against a server that counts, breaks and dawdles."""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.clients import embeddings
from domain.clients.embeddings import HttpEmbedder
from domain.kit.errors import Unavailable
from domain.kit.settings import load_settings


class Server:
    """An OpenAI-compatible endpoint. The vector of a text is (its length, 1); `answer` replaces a whole response."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answer: web.Response | None = None
        self.base64 = True
        self.hold: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("Authorization"))
        if self.hold is not None:
            await self.hold.wait()
        if self.answer is not None:
            return self.answer
        data = [{"index": n, "embedding": self._vector(text)} for n, text in enumerate(body["input"])]
        return web.json_response({"data": data[::-1]})

    def _vector(self, text: str) -> str | list[float]:
        values = [float(len(text)), 1.0]
        return base64.b64encode(struct.pack("<2f", *values)).decode() if self.base64 else values


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    fake = Server()
    app = web.Application()
    app.router.add_post("/v1/embeddings", fake.handle)
    async with TestServer(app) as running:
        yield fake, str(running.make_url("/v1"))
        if fake.hold is not None:
            fake.hold.set()


@pytest.fixture
async def client(server: tuple[Server, str]) -> AsyncIterator[HttpEmbedder]:
    embedder = HttpEmbedder(query_url=server[1], model="multilingual-e5-small", cache=2)
    embedder.start()
    yield embedder
    await embedder.close()


async def test_concurrent_questions_share_a_request(server: tuple[Server, str], client: HttpEmbedder) -> None:
    vectors = await asyncio.gather(*(client.embed_query("q" * n) for n in (1, 2, 3, 2)))
    assert [vector[0] for vector in vectors] == [1, 2, 3, 2]
    assert [sorted(request["input"]) for request in server[0].requests] == [["q", "qq", "qqq"]]
    assert server[0].requests[0]["input_type"] == "query"


async def test_recent_questions_are_remembered(server: tuple[Server, str], client: HttpEmbedder) -> None:
    for text in ("a", "a", "bb", "ccc", "a"):
        assert (await client.embed_query(text))[0] == len(text)
    assert [request["input"] for request in server[0].requests] == [["a"], ["bb"], ["ccc"], ["a"]]


async def test_passages_keep_their_order(server: tuple[Server, str], client: HttpEmbedder) -> None:
    assert await client.embed_passages(["aaa", "b"]) == [[3, 1], [1, 1]]
    assert server[0].requests[0]["input_type"] == "passage"
    assert client.dimension == 2
    assert await client.embed_passages([]) == []


async def test_another_model_gets_no_unknown_field_and_its_key(server: tuple[Server, str]) -> None:
    server[0].base64 = False
    settings = load_settings(
        embeddings_url=server[1], embeddings_model="some-model", openai_api_key="sk-1", database_url=None
    )
    embedder = HttpEmbedder.from_settings(settings)
    assert embedder is not None
    unknown_at_first = embedder.dimension is None
    embedder.start()
    assert await embedder.embed_query("four") == [4, 1]
    assert len(await embedder.embed_query("four")) == embedder.dimension
    assert unknown_at_first
    assert "input_type" not in server[0].requests[0]
    assert server[0].keys == ["Bearer sk-1"]
    await embedder.close()


def test_without_an_address_there_is_no_embedder() -> None:
    assert HttpEmbedder.from_settings(load_settings()) is None


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500, text="broken"),
        web.Response(status=429, text="slow down"),
        web.Response(text="not json"),
        web.json_response({"data": []}),
        web.json_response({"data": [{"index": 0, "embedding": []}]}),
        web.json_response({"data": [{"index": 0, "embedding": "%%%"}]}),
        web.json_response({"error": "no"}),
    ],
)
async def test_bad_answers_are_unavailable(
    server: tuple[Server, str], client: HttpEmbedder, answer: web.Response
) -> None:
    server[0].answer = answer
    with pytest.raises(Unavailable):
        await client.embed_query("hello")


async def test_a_server_that_is_away() -> None:
    embedder = HttpEmbedder(query_url="http://127.0.0.1:9/v1", model="multilingual-e5-small")
    embedder.start()
    with pytest.raises(Unavailable, match="does not answer"):
        await embedder.embed_query("hello")
    await embedder.close()


async def test_a_slow_server_is_given_up(
    server: tuple[Server, str], client: HttpEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "QUERY_SECONDS", 0.05)
    server[0].hold = asyncio.Event()
    with pytest.raises(Unavailable):
        await client.embed_query("hello")
