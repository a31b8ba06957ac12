"""A call to the Bot API has one outcome, is written once, and never looks more certain than it is."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.clients.telegram import Done, NotSent, Outcome, Refused, Session, TelegramClient, Unknown, pool, wire
from domain.kit.tasks import Tasks
from tests.clients.server import Server, ok, running_server

TOKEN = f"1001:{'A' * 35}"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that says yes unless told otherwise."""
    async with running_server() as found:
        yield found


async def _calls(server: Server, count: int = 1, *, seconds: float = 5.0, connections: int = 10) -> list[Outcome]:
    async with Session(connections=connections) as session:
        client = TelegramClient(session, server.url)
        return [await client.call(TOKEN, "sendMessage", {"text": "hé"}, seconds=seconds) for _ in range(count)]


async def test_calls_share_a_connection(server: Server) -> None:
    server.answers = [ok(b'{"message_id":5}')]
    assert await _calls(server, 3) == [Done({"message_id": 5})] * 3
    assert server.connections == 1
    request = server.requests[0]
    assert request.startswith(b"POST /bot" + TOKEN.encode() + b"/sendMessage HTTP/1.1\r\nHost: 127.0.0.1:")
    assert request.endswith('\r\n\r\n{"text":"hé"}'.encode())


async def test_telegrams_no_is_its_own_word(server: Server) -> None:
    body = b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":7}}'
    server.answers = [b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: %d\r\n\r\n" % len(body) + body]
    [outcome] = await _calls(server)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after) == (429, 7.0)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        ok()[:-3],
        ok()[:20],
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html></html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
    ],
)
async def test_bytes_were_written_and_no_answer_came(server: Server, answer: bytes | None) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(answer or b"")
        await writer.drain()
        writer.close()

    server.answers = [cut, ok()]
    [outcome] = await _calls(server, seconds=2)
    assert isinstance(outcome, Unknown)
    assert len(server.requests) == 1


async def test_an_answer_that_ends_with_the_connection_is_one(server: Server) -> None:
    async def to_the_end(writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"ok":true,')
        await writer.drain()
        writer.write(b'"result":1}')
        writer.close()

    server.answers = [to_the_end]
    assert await _calls(server) == [Done(1)]


async def test_headers_that_come_too_slowly_are_no_answer(server: Server) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        for byte in ok():
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)

    server.answers = [drip, ok()]
    first, second = await _calls(server, 2, seconds=0.1)
    assert first == Unknown("no answer in time")
    assert second == Done(True)
    assert server.connections == 2  # a late answer cannot be taken for the next one's


async def test_what_comes_unasked_is_never_an_answer(server: Server) -> None:
    server.answers = [ok(b"1") + ok(b"99"), ok(b"2")]
    assert await _calls(server, 2) == [Done(1), Done(2)]
    assert server.connections == 2


async def test_a_connection_that_the_server_closed_while_idle_is_not_written_to(server: Server) -> None:
    async with Session(connections=10) as session:
        client = TelegramClient(session, server.url)
        assert await client.call(TOKEN, "getMe") == Done(True)
        server.writers[0].close()
        async with asyncio.timeout(5):
            while len(session.pool(client._origin)):
                await asyncio.sleep(0.005)
        assert await client.call(TOKEN, "getMe") == Done(True)
    assert server.connections == 2


async def test_a_connection_is_retired_before_the_server_would(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "RETIRE_AFTER", 0.0)
    assert await _calls(server, 2) == [Done(True)] * 2
    assert server.connections == 2


async def test_a_refused_connection_is_not_sent() -> None:
    async with running_server() as server:
        pass
    [outcome] = await _calls(server)
    assert isinstance(outcome, NotSent)


async def test_no_place_in_the_pool_is_not_sent(server: Server) -> None:
    blocked, entered = asyncio.Event(), asyncio.Event()

    async def late(writer: asyncio.StreamWriter) -> None:
        entered.set()
        await blocked.wait()
        writer.write(ok())

    server.answers = [late, ok()]
    tasks = Tasks("calls")
    async with Session(connections=1) as session:
        client = TelegramClient(session, server.url)
        first = tasks.short("first", client.call(TOKEN, "sendMessage"))
        await entered.wait()
        assert isinstance(await client.call(TOKEN, "sendMessage", seconds=0.05), NotSent)
        polled = tasks.short("poll", client.call(TOKEN, "getUpdates"))  # has a place of its own
        assert await polled == Done(True)
        waiting = tasks.short("waiting", client.call(TOKEN, "sendMessage"))
        await asyncio.sleep(0)
        blocked.set()
        assert (await first, await waiting) == (Done(True), Done(True))
    assert len(server.requests) == 3


async def test_a_call_that_is_cancelled_takes_its_connection_along(server: Server) -> None:
    blocked, entered = asyncio.Event(), asyncio.Event()

    async def late(writer: asyncio.StreamWriter) -> None:
        entered.set()
        await blocked.wait()
        writer.write(ok(b"1"))

    server.answers = [late, ok(b"2")]
    async with Session(connections=1) as session:
        client = TelegramClient(session, server.url)
        task = Tasks("calls").short("first", client.call(TOKEN, "sendMessage"))
        await entered.wait()
        task.cancel()
        blocked.set()
        assert await client.call(TOKEN, "sendMessage") == Done(2)


class _Gate:
    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked = self.told = 0

    def ask(self) -> bool:
        self.asked += 1
        return self.answer

    def written(self) -> None:
        self.told += 1


async def test_who_is_not_admitted_writes_nothing(server: Server) -> None:
    async with Session(connections=1) as session:
        client = TelegramClient(session, server.url)
        gate = _Gate(False)
        assert isinstance(await client.call(TOKEN, "sendMessage", gate=gate), NotSent)
        assert (server.requests, gate.told) == ([], 0)
        gate = _Gate(True)
        assert await client.call(TOKEN, "sendMessage", gate=gate) == Done(True)
        assert gate.told == 1
    assert server.connections == 1


async def test_a_write_that_the_socket_does_not_take_is_no_write_until_it_did() -> None:
    async def reads_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read.wait()
        await reader.readexactly(size)
        writer.write(ok())
        await reader.read()
        writer.close()
        ended.set()

    read, ended, size = asyncio.Event(), asyncio.Event(), 20_000_000
    listening = await asyncio.start_server(reads_later, "127.0.0.1", limit=1 << 16)
    host, port = listening.sockets[0].getsockname()
    gate = _Gate(True)
    async with listening, Session(connections=1) as session:
        client = TelegramClient(session, f"http://{host}:{port}")
        call = Tasks("calls").short("big", client.call(TOKEN, "sendMessage", {"text": "x" * size}, gate=gate))
        while not gate.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert gate.told == 0
        read.set()
        assert await call == Done(True)
    await ended.wait()
    assert gate.told == 1


async def test_a_connection_that_ends_as_it_opens_is_not_written_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(self: wire.Connection, transport: asyncio.BaseTransport) -> None:
        made(self, transport)
        transport.close()

    made = wire.Connection.connection_made
    monkeypatch.setattr(wire.Connection, "connection_made", closed)
    gate = _Gate(True)
    async with Session(connections=1) as session:
        assert isinstance(await TelegramClient(session, server.url).call(TOKEN, "sendMessage", gate=gate), NotSent)
    assert (gate.asked, server.requests) == (0, [])


async def test_a_write_whose_connection_ends_counts_as_written() -> None:
    async def never_reads(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await end.wait()
        writer.transport.abort()
        await asyncio.sleep(0)  # closed at the next turn of the loop
        ended.set()

    connected, end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    listening = await asyncio.start_server(never_reads, "127.0.0.1", limit=1 << 16)
    host, port = listening.sockets[0].getsockname()
    gate = _Gate(True)
    async with listening, Session(connections=1) as session:
        client = TelegramClient(session, f"http://{host}:{port}")
        call = Tasks("calls").short("big", client.call(TOKEN, "sendMessage", {"text": "x" * 20_000_000}, gate=gate))
        await connected.wait()
        end.set()
        assert isinstance(await call, Unknown)
        await ended.wait()
    assert gate.told == 1


async def test_a_token_cannot_add_headers(server: Server) -> None:
    async with Session(connections=1) as session:
        await TelegramClient(session, server.url).call("1:A HTTP/1.1\r\nX: y\r\n\r\n", "getMe")
    [request] = server.requests
    assert request.startswith(b"POST /bot1:A%20HTTP%2F1.1%0D%0AX:%20y%0D%0A%0D%0A/getMe HTTP/1.1\r\nHost:")


async def test_a_file_is_read_up_to_its_limit(server: Server) -> None:
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfile"]
    async with Session(connections=1) as session:
        client = TelegramClient(session, server.url)
        assert await client.download(TOKEN, "photos/a b.jpg", max_bytes=4) == Done(b"file")
        assert isinstance(await client.download(TOKEN, "x", max_bytes=3), Unknown)
        server.answers = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]
        assert isinstance(await client.download(TOKEN, "x", max_bytes=3), Refused)
    assert server.requests[0].startswith(b"GET /file/bot" + TOKEN.encode() + b"/photos/a%20b.jpg HTTP/1.1\r\n")


async def test_tls_with_a_certificate_that_is_checked(tmp_path: Path) -> None:
    _make_certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    async with running_server(serving) as server:
        async with Session(connections=1, context=trusting) as session:
            assert await TelegramClient(session, server.url).call(TOKEN, "getMe") == Done(True)
            wrong_name = server.url.replace("localhost", "127.0.0.2")
            assert isinstance(await TelegramClient(session, wrong_name).call(TOKEN, "getMe"), NotSent)
        async with Session(connections=1) as session:
            assert isinstance(await TelegramClient(session, server.url).call(TOKEN, "getMe"), NotSent)
    assert len(server.requests) == 1


def _make_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
