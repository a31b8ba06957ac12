"""One delivery over HTTP, and what the bot's server made of it."""

import asyncio
from dataclasses import dataclass

import aiohttp

from simulators.telegram.clock import Clock
from simulators.telegram.model import Webhook

RESPONSE_TIMEOUT = 60.0
ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """The outcome of one attempt; `status` 0 when there was no answer, `error` as getWebhookInfo shows it."""

    status: int = 0
    error: str = ""
    retry_after: int = 0
    content_type: str = ""
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Any 2xx acknowledges the update."""
        return 200 <= self.status < 300


async def post_update(session: aiohttp.ClientSession, clock: Clock, webhook: Webhook, body: bytes) -> Answer:
    """POST one update; redirects count as failures. Never raises for anything the other side does."""
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
    if webhook.secret:
        headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret
    late = False
    task = asyncio.current_task()

    def expire() -> None:
        nonlocal late
        late = True
        if task is not None:
            task.cancel()

    timer = clock.call_later(RESPONSE_TIMEOUT, expire)
    try:
        async with session.post(webhook.url, data=body, headers=headers, allow_redirects=False) as response:
            return await _read_answer(response)
    except asyncio.CancelledError:
        if late and task is not None and task.uncancel() == 0:
            return Answer(error="Read timeout expired")
        raise
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, ConnectionRefusedError)
        return Answer(error="Connection refused" if refused else f"Failed to connect: {error.os_error}")
    except (aiohttp.ClientError, OSError) as error:
        return Answer(error=f"Connection closed: {error}" if str(error) else "Connection closed")
    finally:
        timer.cancel()


async def _read_answer(response: aiohttp.ClientResponse) -> Answer:
    body = await response.content.read(ANSWER_BYTES) if response.status < 300 else b""
    if 200 <= response.status < 300:
        return Answer(response.status, content_type=response.content_type, body=body)
    raw = response.headers.get("Retry-After", "")
    return Answer(
        response.status,
        f"Wrong response from the webhook: {response.status} {response.reason}",
        int(raw) if raw.isdigit() else 0,
    )
