"""Chat completions of any OpenAI-compatible provider, streamed, under deadlines and a retry policy of our own.

The `openai` client sends and authenticates; its own retries are off, and the event lines are read here: a sixth of the
CPU of its chunk objects (16 instead of 92 us a chunk). Transport: aiohttp. Importing it takes 14 MB, so only a process
with a provider should.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import openai
import orjson
from openai import AsyncOpenAI, DefaultAioHttpClient
from openai.types.chat import ChatCompletionMessageParam

from domain.clients.chat import ChatRequest, Completion, LlmError, LlmInterrupted, LlmRefused, LlmUnavailable
from domain.kit.clock import Clock, SystemClock
from domain.kit.log import logger
from domain.kit.metrics import Counter, Histogram
from domain.kit.settings import Settings

log = logger(__name__)
CALLS = Counter("replyx_llm_calls", "Calls of a model provider by outcome", ("outcome",))
FIRST_TOKEN = Histogram("replyx_llm_first_token_seconds", "Seconds from the call to the first text of the answer")

RETRY_WAIT_MAX = 3.0  # seconds; a provider that asks for more is not asked again in this turn
RETRY_WAIT = 0.3  # seconds, when the provider names no time
MAX_LINE = 256 * 1024  # bytes of one event; a real one has hundreds
BROKEN = (openai.APIConnectionError, httpx2.TransportError, httpx2.StreamError)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds: until the first text, between two texts, and for the call with its retry."""

    first_token: float = 15.0
    between: float = 15.0
    total: float = 60.0


@dataclass(slots=True)
class _Stream:
    """One HTTP answer being read. `text` is everything said so far."""

    lines: AsyncIterator[bytes]
    request: ChatRequest
    model: str
    text: str = ""
    finish_reason: str = ""
    done: bool = False
    usage: dict[str, Any] = field(default_factory=dict)

    async def piece(self) -> str | None:
        """The next text, or None at the proper end. Raises LlmError(garbled | cut | in_stream)."""
        async for line in self.lines:
            if not line.startswith(b"data:"):
                continue  # comments and event names
            data = line[5:].strip()
            if data == b"[DONE]":
                self.done = True
                return None
            if said := self._take(data):
                self.text += said
                return said
        if not self.done and not self.finish_reason:
            raise LlmInterrupted("cut", retryable=True)
        return None

    def _take(self, data: bytes) -> str:
        try:
            chunk = orjson.loads(data)
            if "error" in chunk:
                raise LlmInterrupted("in_stream", retryable=True)
            self.model = chunk.get("model") or self.model
            self.usage = chunk.get("usage") or self.usage
            said = ""
            for choice in chunk.get("choices") or ():
                said += (choice.get("delta") or {}).get("content") or ""
                self.finish_reason = choice.get("finish_reason") or self.finish_reason
        except (ValueError, TypeError, AttributeError) as error:
            raise LlmInterrupted("garbled", retryable=True) from error
        return said

    def completion(self, *, finish_reason: str = "") -> Completion:
        """The counts, estimated at four characters a token where the provider gave none."""
        asked = sum(len(message.content) for message in self.request.messages)
        prompt, said = self.usage.get("prompt_tokens"), self.usage.get("completion_tokens")
        return Completion(
            model=self.model,
            prompt_tokens=prompt if isinstance(prompt, int) else asked // 4,
            completion_tokens=said if isinstance(said, int) else (len(self.text) + 3) // 4,
            finish_reason=finish_reason or self.finish_reason or "stop",
            estimated=not (isinstance(prompt, int) and isinstance(said, int)),
        )


class LlmClient:
    """A provider. One instance a process; close it at the end."""

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None,
        default_model: str,
        deadlines: Deadlines | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.default_model = default_model
        self._deadlines = deadlines or Deadlines()
        self._clock = clock or SystemClock()
        # Other servers know the older name only; OpenAI's newer models refuse it.
        self._limit_name = "max_tokens" if base_url else "max_completion_tokens"
        self._client = AsyncOpenAI(
            api_key=api_key or "none",
            base_url=base_url or "https://api.openai.com/v1",
            max_retries=0,
            timeout=openai.Timeout(None, connect=5.0),  # reading is bounded by the deadlines
            http_client=DefaultAioHttpClient(),
        )

    @classmethod
    def from_settings(cls, settings: Settings, *, clock: Clock | None = None) -> "LlmClient | None":
        """The configured provider; None without a key and a base URL: answers are then extracts."""
        if not settings.openai_api_key and not settings.openai_base_url:
            return None
        return cls(
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
            default_model=settings.openai_model,
            clock=clock,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str | Completion, None]:
        """Texts as they come, then one Completion. Leaving early, or cancellation, closes the HTTP stream.

        Raises LlmUnavailable, LlmRefused or (after the first text) LlmInterrupted with the partial text.
        """
        end = asyncio.get_running_loop().time() + self._deadlines.total
        outcome = "left"
        async with AsyncExitStack() as stack:
            try:
                stream, first = await self._first(stack, request, end)
                piece: str | None = first
                while piece is not None:
                    yield piece
                    if len(stream.text) >= request.max_chars:
                        outcome = "ok"
                        yield stream.completion(finish_reason="length")
                        return
                    piece = await self._next(stream, end)
                outcome = "ok"
                yield stream.completion()
            except LlmError as error:
                outcome = error.why
                log.warning("llm.failed", why=error.why, model=request.model or self.default_model)
                raise
            finally:
                CALLS.labels(outcome).inc()

    async def _first(self, stack: AsyncExitStack, request: ChatRequest, end: float) -> tuple[_Stream, str]:
        """Open the call and wait for its first text; once more if the provider may do better at once."""
        try:
            return await self._attempt(stack, request, end)
        except LlmError as error:
            wait = RETRY_WAIT if error.retry_after is None else error.retry_after
            if not error.retryable or wait > RETRY_WAIT_MAX:
                raise
            log.info("llm.retried", why=error.why, wait=wait)
        await stack.aclose()
        await self._clock.sleep(wait)
        return await self._attempt(stack, request, end)

    async def _attempt(self, stack: AsyncExitStack, request: ChatRequest, end: float) -> tuple[_Stream, str]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout_at(min(started + self._deadlines.first_token, end)):
                stream = await self._open(stack, request)
                piece = await stream.piece()
        except TimeoutError as error:
            raise LlmUnavailable("first_token_timeout") from error
        except openai.APIStatusError as error:
            raise _of_status(error) from error
        except BROKEN as error:
            raise LlmUnavailable("connection", retryable=True) from error
        except LlmInterrupted as error:  # nothing was said yet, so this is not half an answer
            raise LlmUnavailable(error.why, retryable=True) from error
        if piece is None:
            raise LlmRefused(f"empty_{stream.finish_reason or 'answer'}")
        FIRST_TOKEN.observe(loop.time() - started)
        return stream, piece

    async def _open(self, stack: AsyncExitStack, request: ChatRequest) -> _Stream:
        model = request.model or self.default_model
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        response = await stack.enter_async_context(
            self._client.chat.completions.with_streaming_response.create(
                model=model,
                messages=cast("list[ChatCompletionMessageParam]", messages),
                temperature=request.temperature,
                stream=True,
                stream_options={"include_usage": True},
                extra_body={self._limit_name: request.max_tokens},
            )
        )
        return _Stream(_lines(response.iter_bytes()), request, model)

    async def _next(self, stream: _Stream, end: float) -> str | None:
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + self._deadlines.between, end)):
                return await stream.piece()
        except TimeoutError as error:
            raise LlmInterrupted("timeout", partial=stream.text) from error
        except BROKEN as error:
            raise LlmInterrupted("cut", partial=stream.text) from error
        except LlmInterrupted as error:
            raise LlmInterrupted(error.why, partial=stream.text) from error


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of the body. Raises LlmInterrupted(garbled) for one that does not end."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
        if len(rest) > MAX_LINE:
            raise LlmInterrupted("garbled")
    if rest:
        yield rest.rstrip(b"\r")


def _of_status(error: openai.APIStatusError) -> LlmError:
    """429 and 5xx may pass; an exhausted quota and every other 4xx will not."""
    status = error.status_code
    passing = status in {408, 409, 429} or status >= 500
    if passing and error.code != "insufficient_quota":
        return LlmUnavailable(f"status_{status}", retryable=True, retry_after=_retry_after(error.response.headers))
    return LlmRefused(f"status_{status}")


def _retry_after(headers: Any) -> float | None:
    """Seconds the provider asks for; None if it names none or a date."""
    try:
        return max(float(headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return None
