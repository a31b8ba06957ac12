"""getUpdates: long polling with everything that surprises people about it."""

import asyncio

from simulators.telegram.core import Call
from simulators.telegram.errors import ApiError, conflict
from simulators.telegram.methods.registry import method
from simulators.telegram.model import Bot, allowed_kinds
from simulators.telegram.update_queue import Queued

MAX_LIMIT = 100
MAX_TIMEOUT = 50
BATCHING_PAUSE = 0.001
_OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
_WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


class RawResult:
    """A result that is JSON already."""

    def __init__(self, updates: list[Queued]) -> None:
        self.data = b"[" + b",\n".join(update.body for update in updates) + b"]"


async def refuse_conflict(call: Call, reason: str) -> ApiError:
    """A 409: the first at once, others within 3 seconds of it 3 seconds late."""
    now = call.core.clock.now()
    if now >= call.bot.poll.next_conflict_at:
        call.bot.poll.next_conflict_at = now + 3.0
    else:
        await call.core.waits.sleep(3.0)
    return conflict(reason)


def end_poll(bot: Bot, reason: str) -> None:
    """Make the waiting getUpdates answer 409 with `reason`."""
    waiter = bot.poll.waiter
    if waiter is not None and not waiter.done():
        bot.poll.ended_by = reason
        waiter.set_result(None)
    bot.poll.waiter = None


@method("getUpdates")
async def get_updates(call: Call) -> object:
    """Updates from the head of the queue after applying `offset`; waits up to `timeout` seconds when there are none."""
    bot, params = call.bot, call.params
    if bot.webhook is not None:
        raise await refuse_conflict(call, _WEBHOOK_ACTIVE)
    keep_allowed_updates(call)
    offset = params.integer("offset")
    limit = min(max(params.integer("limit", MAX_LIMIT), 1), MAX_LIMIT)
    limit, timeout = _throttled(call, offset, limit, min(max(params.integer("timeout"), 0), MAX_TIMEOUT))
    bot.queue.acknowledge(offset)
    found = bot.queue.head(limit=limit, now=call.core.clock.now())
    if not found and timeout:
        await _wait_for_updates(call, timeout)
        found = bot.queue.head(limit=limit, now=call.core.clock.now())
    return RawResult(found)


def keep_allowed_updates(call: Call) -> None:
    """Remember `allowed_updates` when it was given; it holds for polling and webhooks alike."""
    if call.params.has("allowed_updates"):
        listed = call.params.json("allowed_updates", "can't parse allowed_updates JSON object")
        if isinstance(listed, list):
            call.bot.allowed = allowed_kinds(listed)


def _throttled(call: Call, offset: int, limit: int, timeout: int) -> tuple[int, int]:
    """The same offset again soon: one update at most, and at least 3 seconds of waiting for it."""
    poll, now = call.bot.poll, call.core.clock.now()
    if offset == poll.last_offset:
        if timeout < 3 and now < poll.last_start + 3.0:
            timeout = 3
        if now < poll.last_start + 0.5:
            limit = 1
    poll.last_offset, poll.last_start = offset, now
    return limit, timeout


async def _wait_for_updates(call: Call, seconds: float) -> None:
    poll = call.bot.poll
    end_poll(call.bot, _OTHER_POLLER)
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    poll.waiter, poll.ended_by = waiter, ""
    arrived = await call.core.waits.until(waiter, seconds)
    if poll.waiter is waiter:
        poll.waiter = None
        if arrived:
            await asyncio.sleep(BATCHING_PAUSE)
        return
    raise await refuse_conflict(call, poll.ended_by or _OTHER_POLLER)
