"""Telegram's side of the benchmarks, a process of its own: `python -m bench.sink [CERTIFICATE KEY]`.

It answers the Bot API (sendMessage, getMe, setWebhook, getUpdates that hang, anything else with true) and brings
updates, by webhook or through getUpdates. Every update has a number in its text, and so has the echo: so it knows which
updates were answered, how often and how late. Commands come as JSON lines on stdin, one answer a line on stdout:

{"do": "hooks", "urls": [...], "secrets": [...], "port": N, "connections": C}   where webhooks go; one bot each
{"do": "load", "how": "hook" | "poll", "seconds": S, "waiting": W | "rate": R, "chats": K}
    at most W unanswered updates at once, or R a second; returns figures once all are answered (or 20 s later)
{"do": "store", "seconds": S, "bots": N}   an update on every connection as soon as the last one was acknowledged
{"do": "counts"}   calls by method, hanging polls
"""

import asyncio
import re
import ssl
import sys
from array import array
from collections import Counter, deque
from itertools import islice
from time import perf_counter
from typing import Any

import orjson
import uvloop

FIRST_BOT = 1_000_001
LATE = 20.0  # seconds after a run in which answers still count
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CALL = re.compile(rb"[A-Z]+ /bot(\d+):[^/]*/(\w+)")
_NONCE = re.compile(rb"nonce(\d+)")
_OFFSET = re.compile(rb'offset(?:"? *: *|=|"\r\n\r\n)(\d+)')
_TIMEOUT = re.compile(rb'"?timeout(?:"? *: *|=|"\r\n\r\n)(\d+)')
_SENT = '{"ok":true,"result":{"message_id":%d,"date":1790000000,"chat":{"id":1,"type":"private"},"text":"x"}}'
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_UPDATE = (
    '{"update_id":%d,"message":{"message_id":%d,"from":{"id":%d,"is_bot":false,"first_name":"Anna",'
    '"language_code":"en"},"chat":{"id":%d,"first_name":"Anna","type":"private"},"date":1790000000,"text":"nonce%d"}}'
)


class Telegram:
    """The updates, who answered them, and who waits for them."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.calls: Counter[str] = Counter()
        self.sent_at = array("d")
        self.latency = array("d")
        self.answers = bytearray()
        self.unanswered = 0
        self.on_answer: Any = None
        self.polls: dict[int, tuple[Server, Any]] = {}
        self.queues: dict[int, deque[tuple[int, str]]] = {}
        self.hooks: list[bytes] = []
        self.idle: list[Hook] = []
        self.backlog: deque[tuple[int, str]] = deque()
        self.refused = 0
        self.acknowledged: list[float] | None = None  # seconds each took, while "store" runs
        self.storing_until = 0.0
        self.bots = 1

    def issue(self, bots: int, chats: int) -> tuple[int, int, str]:
        """A new update: (bot's index, update id, JSON). Bots take turns, and each bot's chats."""
        number = len(self.answers)
        self.answers.append(0)
        self.sent_at.append(perf_counter())
        self.latency.append(-1.0)
        self.unanswered += 1
        bot = number % bots
        chat = 10_000_000 + bot * 1000 + number // bots % chats
        return bot, number + 1, _UPDATE % (number + 1, number + 1, chat, chat, number)

    def answered(self, number: int) -> None:
        """An echo came."""
        if number >= len(self.answers):
            return
        self.answers[number] = min(255, self.answers[number] + 1)
        if self.answers[number] == 1:
            self.latency[number] = perf_counter() - self.sent_at[number]
            self.unanswered -= 1
            if self.on_answer is not None:
                self.on_answer()

    def by_hook(self, bots: int, chats: int) -> None:
        """One update by webhook."""
        bot, _, update = self.issue(bots, chats)
        if self.idle:
            self.idle.pop().post(bot, update)
        else:
            self.backlog.append((bot, update))

    def by_poll(self, bots: int, chats: int) -> None:
        """One update into a bot's queue."""
        bot, number, update = self.issue(bots, chats)
        bot_id = FIRST_BOT + bot
        self.queues.setdefault(bot_id, deque()).append((number, update))
        if (waiting := self.polls.pop(bot_id, None)) is not None:
            server, timer = waiting
            timer.cancel()
            self.deliver(server, bot_id)

    def deliver(self, server: "Server", bot_id: int) -> None:
        """Answer getUpdates with what waits."""
        queue = self.queues.get(bot_id, deque())
        waiting = ",".join(update for _, update in islice(queue, 100))
        server.respond(f'{{"ok":true,"result":[{waiting}]}}')

    def get_updates(self, server: "Server", bot_id: int, body: bytes) -> None:
        """Acknowledge, then answer or hang."""
        offset = int(found[1]) if (found := _OFFSET.search(body)) else 0
        queue = self.queues.get(bot_id)
        while queue and queue[0][0] < offset:
            queue.popleft()
        if queue:
            self.deliver(server, bot_id)
            return
        seconds = int(found[1]) if (found := _TIMEOUT.search(body)) else 0
        self.polls[bot_id] = (server, self.loop.call_later(seconds, self.give_up, bot_id, server))

    def give_up(self, bot_id: int, server: "Server") -> None:
        """Nothing came within the poll's timeout."""
        self.polls.pop(bot_id, None)
        server.respond('{"ok":true,"result":[]}')


class Server(asyncio.Protocol):
    """One connection to the Bot API."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._transport: Any = None
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        while self._data:
            head = self._data.find(b"\r\n\r\n")
            if head < 0:
                return
            length = _LENGTH.search(self._data, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self._data) < end:
                return
            call, body = _CALL.match(self._data), self._data[head + 4 : end]
            self._data = self._data[end:]
            self._answer(int(call[1]) if call else 0, call[2].decode() if call else "?", body)

    def _answer(self, bot_id: int, method: str, body: bytes) -> None:
        telegram = self._telegram
        telegram.calls[method] += 1
        if method == "getUpdates":
            telegram.get_updates(self, bot_id, body)
        elif method == "sendMessage":
            found = _NONCE.search(body)
            self.respond(_SENT % telegram.calls[method])
            if found:
                telegram.answered(int(found[1]))
        elif method == "getMe":
            name = f'"username":"bot{bot_id}","first_name":"Bot"'
            self.respond(f'{{"ok":true,"result":{{"id":{bot_id},"is_bot":true,{name}}}}}')
        elif method == "getWebhookInfo":
            self.respond('{"ok":true,"result":{"url":"","has_custom_certificate":false,"pending_update_count":0}}')
        else:
            self.respond('{"ok":true,"result":true}')

    def respond(self, body: str) -> None:
        """One JSON answer."""
        self._transport.write((_HEAD % len(body) + body).encode())


class Hook(asyncio.Protocol):
    """One connection to the webhooks, with one update at a time on it, as Telegram does."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._transport: Any = None
        self._data = b""
        self._sent: tuple[int, str] | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def post(self, bot: int, update: str) -> None:
        """Bring one update."""
        self._sent, self._sent_at = (bot, update), perf_counter()
        self._transport.write(self._telegram.hooks[bot] + b"Content-Length: %d\r\n\r\n" % len(update) + update.encode())

    def data_received(self, data: bytes) -> None:
        self._data += data
        head = self._data.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._data, 0, head)
        if len(self._data) < head + 4 + (int(length[1]) if length else 0):
            return
        ok = self._data.startswith(b"HTTP/1.1 2")
        self._data = b""
        if ok and self._telegram.acknowledged is not None:
            self._telegram.acknowledged.append(perf_counter() - self._sent_at)
        if not ok and self._sent is not None:
            self._telegram.refused += 1  # Telegram repeats what is not acknowledged
            self._telegram.loop.call_later(0.2, self._telegram.backlog.append, self._sent)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._telegram.idle:
            self._telegram.idle.remove(self)

    def _next(self) -> None:
        if self._telegram.backlog:
            self.post(*self._telegram.backlog.popleft())
        elif self._telegram.acknowledged is not None and perf_counter() < self._telegram.storing_until:
            bot, _, update = self._telegram.issue(self._telegram.bots, 10)
            self.post(bot, update)
        else:
            self._telegram.idle.append(self)


async def set_hooks(telegram: Telegram, command: dict[str, Any]) -> dict[str, Any]:
    """Prepare the requests' heads and connect."""
    telegram.hooks = [
        (
            f"POST {url} HTTP/1.1\r\nHost: 127.0.0.1:{command['port']}\r\nContent-Type: application/json\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
        ).encode()
        for url, secret in zip(command["urls"], command["secrets"], strict=True)
    ]
    for old in telegram.idle:
        old._transport.close()
    telegram.idle.clear()
    for _ in range(command["connections"]):
        await telegram.loop.create_connection(lambda: Hook(telegram), "127.0.0.1", command["port"])
    return {}


async def load(telegram: Telegram, command: dict[str, Any]) -> dict[str, Any]:
    """One run."""
    bring = telegram.by_hook if command["how"] == "hook" else telegram.by_poll
    bots, chats, seconds = command["bots"], command["chats"], command["seconds"]
    first, began = len(telegram.answers), telegram.loop.time()
    until = began + seconds
    if "rate" in command:
        await _steadily(telegram, lambda: bring(bots, chats), command["rate"], until)
    else:
        telegram.on_answer = lambda: telegram.loop.time() < until and bring(bots, chats)
        for _ in range(command["waiting"]):
            bring(bots, chats)
        await asyncio.sleep(seconds)
        telegram.on_answer = None
    answered_in_time = sum(1 for number in range(first, len(telegram.answers)) if telegram.answers[number])
    passed = telegram.loop.time() - began
    while telegram.unanswered and telegram.loop.time() < until + LATE:  # noqa: ASYNC110  # cheaper than an event
        await asyncio.sleep(0.01)
    answers = telegram.answers[first:]
    took = sorted(value for value in telegram.latency[first:] if value >= 0)
    return {
        "updates": len(answers),
        "per second": answered_in_time / passed,
        "unanswered": answers.count(0),
        "twice": len(answers) - answers.count(0) - answers.count(1),
        "refused": telegram.refused,
        "p50": 1000 * took[len(took) // 2] if took else -1,
        "p99": 1000 * took[len(took) * 99 // 100] if took else -1,
    }


async def store(telegram: Telegram, command: dict[str, Any]) -> dict[str, Any]:
    """Nothing but acknowledgements."""
    telegram.bots, telegram.acknowledged = command["bots"], []
    telegram.storing_until = perf_counter() + command["seconds"]
    idle, telegram.idle = telegram.idle, []
    for hook in idle:
        hook._next()
    await asyncio.sleep(command["seconds"])
    took, telegram.acknowledged = sorted(telegram.acknowledged), None
    await asyncio.sleep(0.5)
    return {
        "per second": len(took) / command["seconds"],
        "p50": 1000 * took[len(took) // 2],
        "p99": 1000 * took[len(took) * 99 // 100],
        "refused": telegram.refused,
    }


async def _steadily(telegram: Telegram, bring: Any, rate: float, until: float) -> None:
    due, last = 0.0, telegram.loop.time()
    while last < until:
        await asyncio.sleep(0.002)
        now = telegram.loop.time()
        due, last = due + (now - last) * rate, now
        while due >= 1:
            bring()
            due -= 1


async def counts(telegram: Telegram, command: dict[str, Any]) -> dict[str, Any]:
    """What has been called so far."""
    del command
    return {"calls": dict(telegram.calls), "polls": len(telegram.polls)}


DOES = {"hooks": set_hooks, "load": load, "store": store, "counts": counts}


async def main(*tls: str) -> None:
    """Listen on a free port, print it, and do as told until stdin ends."""
    telegram = Telegram()
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    server = await telegram.loop.create_server(lambda: Server(telegram), "127.0.0.1", 0, ssl=context, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    commands = asyncio.StreamReader(limit=1 << 24)
    await telegram.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = orjson.loads(line)
        print(orjson.dumps(await DOES[command["do"]](telegram, command)).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
