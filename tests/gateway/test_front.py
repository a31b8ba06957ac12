"""The short way of webhooks: bytes in every shape, handed over to aiohttp where they are not the one known shape."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from domain.bots import service as bots
from domain.bots.service import Identity
from domain.inbox import Arrival
from domain.kit.errors import Unavailable
from gateway.front import BODY_MAX, UNTRUSTED_MAX
from tests.gateway.running import Gateway


class Wire:
    """Telegram's end of one connection to a gateway, in plain bytes, and a bot's secrets."""

    def __init__(self, gateway: Gateway, tenant_id: UUID, bot_id: int) -> None:
        self.gateway = gateway
        self.tenant_id = tenant_id
        self.secrets = bots.secrets_of(gateway.services.keyring, bot_id)
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    def request(self, body: bytes, *, secret: str | None = None, path: str | None = None, more: str = "") -> bytes:
        head = (
            f"POST /telegram/{path or self.secrets.path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {self.secrets.header if secret is None else secret}\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.005)

    async def status(self) -> int:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await self.reader.readexactly(length)
        return int(head.split()[1])

    async def stored(self) -> list[str]:
        async with self.gateway.services.db.tenant_tx(self.tenant_id) as conn:
            sql = "SELECT source_id FROM inbox WHERE tenant_id = $1 ORDER BY id"
            return [row["source_id"] for row in await conn.fetch(sql, self.tenant_id)]


@pytest.fixture
async def wire(gateway: Gateway) -> AsyncIterator[Wire]:
    """A connection, and a bot of a new tenant."""
    account = await gateway.register()
    bot_id = uuid4().int % 10**9 + 1
    async with gateway.services.db.tenant_tx(account.tenant_id) as conn:
        await bots.add(
            conn,
            gateway.services.keyring,
            tenant_id=account.tenant_id,
            assistant_id=UUID(await account.assistant()),
            token=f"{bot_id}:secret",
            me=Identity(bot_id, "shop_bot", "Shop"),
            mode="webhook",
        )
    made = Wire(gateway, account.tenant_id, bot_id)
    port = int(gateway.url.rpartition(":")[2])
    made.reader, made.writer = await asyncio.open_connection("127.0.0.1", port)
    made.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield made
    made.writer.close()


def update(number: int, **more: Any) -> bytes:
    return orjson.dumps({"update_id": number, **more})


async def test_updates_follow_each_other_on_one_connection_however_the_bytes_are_cut(wire: Wire) -> None:
    first, second, third = (wire.request(update(number)) for number in (1, 2, 3))
    await wire.send(first[:3], first[3:90], first[90:-4], first[-4:])
    assert await wire.status() == 200
    await wire.send(second + third)  # a pipeline
    assert [await wire.status(), await wire.status()] == [200, 200]
    assert await wire.stored() == ["1", "2", "3"]


async def test_another_request_on_the_connection_is_answered_by_aiohttp_and_webhooks_after_it_too(wire: Wire) -> None:
    await wire.send(wire.request(update(1)) + b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n" + wire.request(update(2)))
    assert [await wire.status(), await wire.status(), await wire.status()] == [200, 200, 200]
    assert await wire.stored() == ["1", "2"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"secret": "wrong"}, 403),
        ({"secret": ""}, 403),
        ({"path": "x" * 43}, 404),
        ({"path": "short"}, 404),
        ({"more": "Content-Length: 1\r\n"}, 400),
        # What others on the way may read differently: a second length, an end of line, a continued line.
        ({"more": "Content-Length : 1\r\n"}, 400),
        ({"more": "Content-Length: +1\r\n"}, 400),
        ({"more": "X: y\nContent-Length: 1\r\n"}, 400),
        ({"more": "X: y\rContent-Length: 1\r\n"}, 400),
        ({"more": "X: y\r\n Content-Length: 1\r\n"}, 400),
    ],
)
async def test_what_is_wrong_is_said_by_aiohttp(wire: Wire, change: dict[str, str], status: int) -> None:
    await wire.send(wire.request(update(1), **change))
    assert await wire.status() == status
    assert await wire.stored() == []


@pytest.mark.parametrize(("change", "status"), [({"path": "x" * 43}, 404), ({"secret": "wrong"}, 403)])
async def test_a_large_body_of_a_stranger_is_refused_before_it_is_there(
    wire: Wire, change: dict[str, str], status: int
) -> None:
    """So connections of strangers cannot fill the memory; what we know is kept until it is complete."""
    await wire.send(wire.request(update(1)))  # its path is remembered
    assert await wire.status() == 200
    large = wire.request(update(2, text="x" * UNTRUSTED_MAX))
    await wire.send(large[:-9000], large[-9000:])
    assert await wire.status() == 200
    await wire.send(wire.request(update(3, text="x" * UNTRUSTED_MAX), **change)[:-9000])
    assert await wire.status() == status
    assert await wire.stored() == ["1", "2"]


async def test_a_fault_of_the_look_up_is_a_503_and_not_the_end_of_the_connection(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: str) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(wire.gateway.services.webhooks, "find", broken)
        await wire.send(wire.request(update(1)))
        assert await wire.status() == 503
    await wire.send(wire.request(update(1)))
    assert await wire.status() == 200


async def test_chunks_large_bodies_and_bodies_that_are_no_update_are_stored_all_the_same(wire: Wire) -> None:
    body = update(1)
    chunked = wire.request(b"", more="Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
    large = wire.request(update(2, text="x" * BODY_MAX))
    await wire.send(wire.request(b"no update") + chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) + large)
    assert [await wire.status() for _ in range(3)] == [200, 200, 200]
    stored = await wire.stored()
    assert stored[1:] == ["1", "2"]
    assert stored[0].startswith("raw:")


async def test_a_database_that_is_away_or_a_full_queue_is_a_503_that_says_when(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Arrival) -> asyncio.Future[bool]:
        raise Unavailable("inbox is overloaded; try again in a moment.", retry_after=3)

    def away(_: Arrival) -> asyncio.Future[bool]:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(Unavailable("The database went away.", retry_after=2))
        return future

    for stand_in, seconds in ((full, b"3"), (away, b"2")):
        with monkeypatch.context() as patch:
            patch.setattr(wire.gateway.services.inbox, "submit", stand_in)
            await wire.send(wire.request(update(1)))
            head = await asyncio.wait_for(wire.reader.readuntil(b"\r\n\r\n"), 10)
            assert head.startswith(b"HTTP/1.1 503")
            assert b"\r\nRetry-After: " + seconds + b"\r\n" in head
            await wire.reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
    await wire.send(wire.request(update(1)))  # the connection is as good as before
    assert await wire.status() == 200
    assert await wire.stored() == ["1"]


async def test_at_the_end_an_idle_connection_is_closed_and_a_stored_update_still_answered(wire: Wire) -> None:
    await wire.send(wire.request(update(1)))
    assert await wire.status() == 200
    await wire.gateway.site.stop()
    assert await asyncio.wait_for(wire.reader.read(), 5) == b""
