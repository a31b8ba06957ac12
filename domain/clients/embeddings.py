"""Vectors for texts from any OpenAI-compatible embeddings endpoint: the local model's server, OpenAI, and others.

Questions and documents may go to two servers (EMBEDDINGS_URL, EMBEDDINGS_INGEST_URL), so that a question never waits
behind a document. Concurrent questions share one request; the vectors of recent questions are remembered.
"""

import asyncio
import base64
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

from domain.kit.batch import GroupCommit
from domain.kit.errors import Unavailable
from domain.kit.settings import Settings

LOCAL_MODEL: Final = "multilingual-e5-small"
QUERY_SECONDS: Final = 5.0  # a customer waits: past this, full text has to do
PASSAGE_SECONDS: Final = 60.0  # a batch of 8 long passages takes ~3 s on one core of the local model
MAX_QUERY_CHARS: Final = 1_000  # at worst ~1 s of the local model; more says nothing new about a question
_DIMENSIONS: Final = {LOCAL_MODEL: 384, "text-embedding-3-small": 1536, "text-embedding-3-large": 3072}


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how close their meanings are. Both methods raise Unavailable."""

    @property
    def model(self) -> str:
        """The model's name: with the dimension it identifies an index."""
        ...

    @property
    def dimension(self) -> int | None:
        """Numbers in a vector; None until a model we do not know has answered once."""
        ...

    async def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of documents' passages, in their order."""
        ...


class HttpEmbedder:
    """An Embedder over HTTP. Call `start` in the running loop before the first question, `close` at the end.

    `query_url` and `ingest_url` are bases that end in /v1. At most `cache` question vectors are remembered (1.6 kB
    each for 384 dimensions), at most 200 questions wait.
    """

    def __init__(
        self,
        *,
        query_url: str,
        ingest_url: str | None = None,
        model: str,
        api_key: str | None = None,
        cache: int = 2_000,
    ) -> None:
        self._query_url = query_url.rstrip("/") + "/embeddings"
        self._ingest_url = (ingest_url or query_url).rstrip("/") + "/embeddings"
        self._model = model
        self._dimension = _DIMENSIONS.get(model)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._cache = _VectorCache(cache)
        self._session: aiohttp.ClientSession | None = None
        self._queries: GroupCommit[str, list[float]] = GroupCommit(
            "embeddings", self._embed_queries, max_items=16, linger=0.002, max_pending=200
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """The embedder the settings describe; None when EMBEDDINGS_URL is unset (full text only)."""
        if not settings.embeddings_url:
            return None
        return cls(
            query_url=settings.embeddings_url,
            ingest_url=settings.embeddings_ingest_url,
            model=settings.embeddings_model,
            api_key=settings.embeddings_api_key or settings.openai_api_key,
        )

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    @property
    def dimension(self) -> int | None:
        """Numbers in a vector, once known."""
        return self._dimension

    def start(self) -> None:
        """Open the connections and begin to collect questions."""
        # The local server writes headers and body apart, and on a warm connection Nagle's algorithm then waits for our
        # delayed ACK: 48 ms a request, 9 ms on a fresh one, which costs 0.2 ms over plain HTTP. TLS ones are kept.
        plain = urlsplit(self._query_url).scheme == "http"
        connector = aiohttp.TCPConnector(limit=8, force_close=plain, ttl_dns_cache=300)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, trust_env=False)
        self._queries.start()

    async def close(self) -> None:
        """Answer the questions that wait, then close the connections."""
        await self._queries.close()
        if self._session is not None:
            await self._session.close()

    async def embed_query(self, text: str) -> list[float]:
        """The vector of a question. Raises Unavailable after 5 s or when the server cannot."""
        text = text[:MAX_QUERY_CHARS]
        if (known := self._cache.get(text)) is not None:
            return known
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                vector = await self._queries.add(text)
        except TimeoutError as error:
            raise Unavailable("The embeddings server is too slow.", retry_after=2) from error
        self._cache.put(text, vector)
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of passages, in their order. Raises Unavailable after 60 s or when the server cannot."""
        if not texts:
            return []
        return await self._post(self._ingest_url, texts, kind="passage", seconds=PASSAGE_SECONDS)

    async def _embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        different = list(dict.fromkeys(texts))
        vectors = await self._post(self._query_url, different, kind="query", seconds=QUERY_SECONDS)
        found = dict(zip(different, vectors, strict=True))
        return [found[text] for text in texts]

    async def _post(self, url: str, texts: Sequence[str], *, kind: str, seconds: float) -> list[list[float]]:
        if self._session is None:
            raise RuntimeError("the embedder was not started")
        body: dict[str, Any] = {"model": self._model, "input": list(texts), "encoding_format": "base64"}
        if self._model == LOCAL_MODEL:
            body["input_type"] = kind  # e5 embeds questions and passages differently; OpenAI refuses unknown fields
        try:
            async with self._session.post(
                url,
                data=orjson.dumps(body),
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=2),
                allow_redirects=False,
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"The embeddings server does not answer: {error!r}.", retry_after=2) from error
        if response.status != 200:
            raise Unavailable(f"The embeddings server answered {response.status}.", retry_after=2)
        vectors = _vectors(answer, len(texts))
        self._dimension = len(vectors[0])
        return vectors


class _VectorCache:
    """The vectors of recent questions, least recently used out first; 4 bytes a number."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._vectors: OrderedDict[str, array[float]] = OrderedDict()

    def get(self, text: str) -> list[float] | None:
        vector = self._vectors.get(text)
        if vector is None:
            return None
        self._vectors.move_to_end(text)
        return vector.tolist()

    def put(self, text: str, vector: list[float]) -> None:
        self._vectors[text] = array("f", vector)
        self._vectors.move_to_end(text)
        while len(self._vectors) > self._size:
            self._vectors.popitem(last=False)


def _vectors(answer: bytes, expected: int) -> list[list[float]]:
    """The vectors of a response in the order of its `index` fields. Raises Unavailable when they are not all there."""
    try:
        items = sorted(orjson.loads(answer)["data"], key=lambda item: item["index"])
        vectors = [_vector(item["embedding"]) for item in items]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("The embeddings server sent something that is not a list of vectors.") from error
    if len(vectors) != expected or len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise Unavailable("The embeddings server sent fewer vectors than texts, or of different lengths.")
    return vectors


def _vector(value: str | list[float]) -> list[float]:
    """OpenAI sends base64 of little-endian float32 when asked; servers that do not know it send numbers."""
    if isinstance(value, str):
        return array("f", base64.b64decode(value, validate=True)).tolist()
    return [float(number) for number in value]
