"""Faults of Telegram and of what comes from it."""

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import orjson

from simulators.telegram.faults import Fault as Script
from simulators.telegram.model import Bot
from tests.chaos.history import Verdict, nonces_of
from tests.chaos.run import Fault, Run
from tests.e2e.updates import poison

DEAD = "SELECT count(*) AS n FROM inbox WHERE state = 'dead'"


async def no_answer(run: Run) -> None:
    """F12: the connection closes without an answer, before or after the message is there."""
    async with run.talking():
        for _ in range(int(run.seconds(15))):
            bot, _ = run.rng.choice(run.crowd.chats)
            after = run.rng.random() < 0.5
            run.stack.telegram.core.faults.add(Script("sendMessage", "close", bot_id=bot.id, after=after))
            await asyncio.sleep(0.2)


async def sent_again_once(run: Run, verdict: Verdict) -> None:
    """One more send where the tenant wants one, and only there; each marked."""
    holds = {bot.id for tenant in run.stack.tenants if tenant.holds for bot in tenant.bots}
    posts = _posts(run)
    run.expect(any(count == 2 for count in posts.values()), "no send lost its answer: the fault was not met")
    for (bot_id, nonces), count in posts.items():
        limit = 1 if bot_id in holds else 2
        run.expect(count <= limit, f"{nonces} was posted {count} times (limit {limit})")
    run.expect(verdict.uncertain > 0, "nothing was marked")


def _posts(run: Run) -> Counter[tuple[int, tuple[str, ...]]]:
    ours = {said.nonce for said in run.crowd.history.said}
    found: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for call in run.stack.telegram.calls("sendMessage"):
        nonces = nonces_of(str(call.params.get("text", "")))
        if nonces and nonces[0] in ours:
            found[call.bot_id, nonces] += 1
    return found


async def flooded(run: Run) -> None:
    """F13: 429 for one chat, then 500 as JSON and 502 as a page here and there."""
    bot, user = run.crowd.chats[0]
    faults = run.stack.telegram.core.faults
    async with run.talking():
        faults.add(Script("sendMessage", "429", bot_id=bot.id, chat_id=user, retry_after=4))
        run.crowd.say(bot, user)
        for _ in range(int(run.seconds(20))):
            other, _ = run.rng.choice(run.crowd.chats)
            faults.add(Script("sendMessage", run.rng.choice(["500", "500", "500", "502"]), bot_id=other.id))
            await asyncio.sleep(0.15)


async def held_and_repeated(run: Run, verdict: Verdict) -> None:
    """Nothing goes to the flooded chat before its time; a refusal is repeated without a mark, a page is not known."""
    bot, user = run.crowd.chats[0]
    calls = [
        c
        for c in run.stack.telegram.calls("sendMessage")
        if (c.bot_id, str(c.params["chat_id"])) == (bot.id, str(user))
    ]
    refused = [call for call in calls if call.status == 429]
    run.expect(len(refused) >= 1, "the flood was not met")
    for refusal in refused:
        early = [call for call in calls if refusal.at < call.at < refusal.finished_at + 4 - 0.05]
        run.expect(not early, f"{len(early)} sends into a held chat")
    failed = Counter(call.status for call in run.stack.telegram.calls("sendMessage"))
    run.expect(failed[500] > 0, "no 500 was met")
    run.expect(verdict.uncertain <= 5 * failed[502], f"{verdict.uncertain} uncertain of {failed[502]} pages")


async def repeated_updates(run: Run) -> None:
    """F24: the same update five times at once, in any order, late, and after the ids began again elsewhere."""
    async with aiohttp.ClientSession() as http, run.talking(10):
        for tenant in run.stack.tenants[:8]:
            bot = next(bot for bot in tenant.bots if bot.webhook)
            # people to whom nobody else is talking: what they say has one order
            users = [run.stack.telegram.add_user() for _ in range(2)]
            start = run.rng.randint(1, 2**31)
            bodies = [_update(run, bot, user, start + index) for index, user in enumerate(users)]
            start = run.rng.randint(1, 1000)  # ids begin again below, as after a quiet week
            bodies += [_update(run, bot, user, start + index, late=True) for index, user in enumerate(users)]
            posts = bodies * 5
            run.rng.shuffle(posts)
            # within a chat, the first copies come in order: it is Telegram that keeps them so
            posts = [*bodies, *posts]
            codes = [await _post(http, bot, body) for body in posts[: len(bodies)]]
            codes += await asyncio.gather(*(_post(http, bot, body) for body in posts[len(bodies) :]))
            run.expect(set(codes) == {200}, f"webhooks were answered {set(codes)}")


def _update(run: Run, bot: Bot, user: int, update_id: int, *, late: bool = False) -> bytes:
    nonce = run.crowd.next_nonce()
    run.crowd.note(nonce, bot, user)
    run.stack.telegram.world.private_chat(bot, user).started = True
    person = run.stack.telegram.world.users[user]
    date = int(run.stack.telegram.core.clock.now()) - (23 * 3600 if late else 0)
    message = {"message_id": update_id % 10**6, "date": date, "chat": {"id": user, "type": "private"}, "from": person}
    return orjson.dumps({"update_id": update_id, "message": {**message, "text": nonce}})


async def _post(http: aiohttp.ClientSession, bot: Bot, body: bytes) -> int:
    assert bot.webhook is not None
    headers = {"X-Telegram-Bot-Api-Secret-Token": bot.webhook.secret, "Content-Type": "application/json"}
    async with http.post(bot.webhook.url, data=body, headers=headers) as response:
        return response.status


async def poisoned(run: Run) -> None:
    """F25: updates that cannot be read, between others in the same chats: stored, buried, and nobody stumbles."""
    starts = {program.name: program.starts for program in run.stack.programs}
    async with aiohttp.ClientSession() as http, run.talking(20):
        for tenant in run.stack.tenants[:10]:
            bot = next(bot for bot in tenant.bots if bot.webhook)
            user = next(user for other, user in run.crowd.chats if other is bot)
            person = run.stack.telegram.world.users[user]
            for update in poison(person):
                code = await _post(http, bot, orjson.dumps({"update_id": run.rng.randint(1, 2**40), **update}))
                run.expect(code == 200, f"poison was answered {code}")
            for body in _unreadable(run, person):
                code = await _post(http, bot, body)
                run.expect(code in {200, 413}, f"bytes were answered {code}")
            run.crowd.say(bot, user)
    for program in run.stack.programs:
        run.expect(program.starts == starts[program.name], f"{program.name} was killed by an update")


def _unreadable(run: Run, person: dict[str, Any]) -> list[bytes]:
    """Bytes that kill parsers: half an emoji, NUL, a nest of a megabyte, no JSON."""
    number = run.rng.randint(1, 2**40)
    head = b'{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"},"text":'
    start = head % (number, person["id"])
    return [
        start + b'"\\ud83d"}}',
        b'{"update_id":%d,"message":' % (number + 1) + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b"\x00\xff\xfe not json",
        b"",
        b"[]",
    ]


async def buried(run: Run, verdict: Verdict) -> None:
    """Each is a dead letter."""
    dead = (await run.stack.rows(DEAD))[0]["n"]
    run.expect(dead >= 10 * 6, f"only {dead} dead letters")
    run.expect(verdict.gap < 10 * run.size.patience, f"somebody waited {verdict.gap:.1f} s behind a poisoned update")


FAULTS = (
    Fault("F12", "no answer to a send", no_answer, judge=sent_again_once),
    Fault("F13", "429, 500 and 502", flooded, judge=held_and_repeated),
    Fault("F24", "updates repeated, reordered, late", repeated_updates),
    Fault("F25", "poisoned updates", poisoned, judge=buried),
)
