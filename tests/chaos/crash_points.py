"""F2: the process dies at each named point of the code, once, with one message under way; the table says what is true
at that moment and in the end. Only where a send is between its mark and its outcome may anything become uncertain.
"""

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass
from uuid import uuid4

from domain.kit.crashpoints import POINTS
from domain.kit.slots import slot_of
from simulators.telegram.faults import Fault as Script
from simulators.telegram.model import Bot
from tests.chaos.history import Verdict, nonces_of
from tests.chaos.programs import Program
from tests.chaos.run import Fault, Run
from tests.chaos.stack import SLOTS_OF

REACHED = 15.0  # seconds until the point must be reached
STATES = """
SELECT (SELECT state FROM inbox WHERE position(convert_to($1, 'UTF8') IN raw) > 0) AS inbox,
       (SELECT state FROM outbox WHERE payload::text LIKE '%' || $1 || '%') AS outbox
"""
ADD_JOB = "INSERT INTO jobs (tenant_id, kind, key, slot) VALUES ($1, 'knowledge.ingest', $2, $3)"
JOB = "SELECT state, attempts FROM jobs WHERE key = $1"


@dataclass(frozen=True)
class Point:
    """What must be true. `inbox` and `outbox`: the states at the moment of death (None: there is no row); `posted`:
    whether Telegram had the message then. In the end it was heard `heard` times, marked if `marked`. `way`: how the
    message comes: by webhook or by polling; an album goes the long way, through a turn."""

    name: str
    inbox: str | None
    outbox: str | None = None
    posted: bool = False
    heard: int = 1
    marked: bool = False
    way: str = "polling"


POINTS_OF_GATEWAY = (
    Point("inbox-written", None, way="webhook"),
    Point("inbox-committed", "ready", way="webhook"),
)
POINTS_OF_SHARD = (
    Point("inbox-written", None),
    Point("polled", "ready"),
    Point("accept-written", "ready"),
    Point("accept-committed", "done", "ready"),
    Point("turn-begun", "running", way="album"),
    Point("answer-ready", "running", way="album"),
    Point("answer-written", "running", way="album"),
    Point("answer-committed", "done", "ready", way="album"),
    Point("sending-committed", "done", "sending", marked=True),
    Point("send-admitted", "done", "sending", marked=True),
    Point("send-written", "done", "sending", posted=True, heard=2, marked=True),
    Point("send-answered", "done", "sending", posted=True, heard=2, marked=True),
    Point("sent-committed", "done", "sent", posted=True),
)
JOB_CLAIMED = "job-claimed"


async def crash_everywhere(run: Run) -> None:
    """Each point in turn: the gateways' with the other gateway dead, the shards' with the other shard alive."""
    for point in POINTS_OF_GATEWAY:
        await _in_a_gateway(run, point)
    victim = run.stack.shards[-1]
    victim.kept = False
    victim.kill(signal.SIGTERM)
    await victim.ended(20)
    for point in POINTS_OF_SHARD:
        await _in_a_shard(run, victim, point)
    await _in_a_job(run, victim)
    named = {point.name for point in (*POINTS_OF_GATEWAY, *POINTS_OF_SHARD)} | {JOB_CLAIMED}
    run.expect(named == POINTS, f"points without a row in the table: {POINTS - named}")


async def _in_a_gateway(run: Run, point: Point) -> None:
    bot, user = _chat(run, [bot for bot in run.stack.tenants[0].bots if bot.webhook])
    for gateway in run.stack.gateways:
        gateway.kept = False
        gateway.kill()
        await gateway.ended(5)
    victim = run.stack.gateways[0]
    victim.start(REPLYX_CRASH_POINT=point.name)
    nonce = run.crowd.say(bot, user)
    await _died_there(run, victim, point, nonce)
    for gateway in run.stack.gateways:
        gateway.start()
        gateway.kept = True
    await run.crowd.quiet(20)


async def _in_a_shard(run: Run, victim: Program, point: Point) -> None:
    stack = run.stack
    victim.start(REPLYX_CRASH_POINT=point.name)
    await stack.shared()
    bot, user = _chat(run, await stack.bots_of(victim.name, webhook=False))
    nonce = run.crowd.next_nonce()
    # Bytes that have left are no answer yet: it must not be faster than the signal.
    stack.telegram.core.faults.add(Script("sendMessage", "delay", contains=nonce, seconds=0.3))
    if point.way == "album":
        run.crowd.show(bot, user)
    else:
        run.crowd.say(bot, user)
    await _died_there(run, victim, point, nonce)
    stack.telegram.core.faults.clear()
    await stack.died(victim.pid)
    await run.crowd.quiet(20)


async def _died_there(run: Run, victim: Program, point: Point, nonce: str) -> None:
    """It was this point that killed it, with our message under way, and the world is as the table says."""
    code = await victim.ended(REACHED)
    run.expect(code == -signal.SIGKILL, f"{point.name}: ended with {code}: {victim.tail()}")
    await asyncio.sleep(0.1)  # what was on the wire arrives
    states = (await run.stack.rows(STATES, nonce))[0]
    posted = any(nonce in str(call.params.get("text")) for call in run.stack.telegram.calls("sendMessage"))
    found = (states["inbox"], states["outbox"], posted)
    wanted = (point.inbox, point.outbox, point.posted)
    # Behind a gateway lives a shard, whose own look at the inbox may come first.
    moved_on = point in POINTS_OF_GATEWAY and point.inbox == "ready" and states["inbox"] is not None
    run.expect(found == wanted or moved_on, f"{point.name}: (inbox, outbox, posted) is {found}, not {wanted}")
    run.ends[nonce] = point


async def _in_a_job(run: Run, victim: Program) -> None:
    """A job that was claimed is run by the next owner."""
    stack = run.stack
    victim.start(REPLYX_CRASH_POINT=JOB_CLAIMED)
    await stack.shared()
    slots = {row["slot"] for row in await stack.rows(SLOTS_OF, victim.name)}
    tenant = next(tenant for tenant in stack.tenants if slot_of(tenant.id) in slots)
    key = str(uuid4())
    await stack.rows(ADD_JOB, tenant.id, key, slot_of(tenant.id))
    code = await victim.ended(REACHED)
    run.expect(code == -signal.SIGKILL, f"{JOB_CLAIMED}: ended with {code}")
    rows = [tuple(row) for row in await stack.rows(JOB, key)]
    run.expect(rows == [("running", 1)], f"{JOB_CLAIMED}: the job is {rows}")
    await stack.died(victim.pid)
    for _ in range(200):
        if not (rows := [tuple(row) for row in await stack.rows(JOB, key)]):
            return
        await asyncio.sleep(0.05)
    run.expect(False, f"{JOB_CLAIMED}: nobody ran the job again: {rows}")


def _chat(run: Run, bots: list[Bot]) -> tuple[Bot, int]:
    """A person of one of these bots who has not written in this run: his chat's limits are untouched."""
    busy = {said.chat for said in run.crowd.history.said}
    return run.rng.choice([chat for chat in run.crowd.chats if chat[0] in bots and (chat[0].id, chat[1]) not in busy])


async def as_the_table_says(run: Run, _: Verdict) -> None:
    """The end of each message."""
    history = run.crowd.history
    times = Counter(heard.nonce for heard in history.heard)
    told = {nonce for answer in history.answers if answer.told for nonce in answer.nonces}
    for nonce, point in run.ends.items():
        found, wanted = (times[nonce], nonce in told), (point.heard, point.marked)
        run.expect(found == wanted, f"{point.name}: (heard, marked) is {found}, not {wanted}")
    posts = Counter(
        nonce for call in run.stack.telegram.calls("sendMessage") for nonce in nonces_of(str(call.params.get("text")))
    )
    for nonce in run.ends:
        run.expect(posts[nonce] <= 2, f"{nonce} was posted {posts[nonce]} times")


FAULTS = (Fault("F2", "kill -9 at every named point of the code", crash_everywhere, judge=as_the_table_says),)
