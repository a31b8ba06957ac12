"""Responses of HTTP/1.1: whole ones, whatever packets they come in, and nothing else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clients.telegram.responses import BadResponse, Response, ResponseReader

OK = b'HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 11\r\nConnection: keep-alive\r\n\r\n{"ok":true}'
CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=1\r\n{"ok\r\n7\r\n":true}\r\n0\r\nTrailer: x\r\n\r\n'
)
WHOLE = [
    (OK, Response(200, b'{"ok":true}', True)),
    (CHUNKED, Response(200, b'{"ok":true}', True)),
    (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204, b"", True)),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Response(200, b'{"ok":true}', True)),
    (b"HTTP/1.1 500\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno", Response(500, b"no", False)),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nno", Response(200, b"no", False)),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2 \r\n\r\nno", Response(200, b"no", True)),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Response(200, b"", False)),
]


def _read(packets: list[bytes], max_body: int = 1000) -> Response | None:
    reader = ResponseReader(max_body)
    found = None
    for packet in packets:
        assert found is None
        found = reader.feed(packet)
    return found


@pytest.mark.parametrize(("data", "expected"), WHOLE)
def test_whole_in_one_packet_or_byte_by_byte(data: bytes, expected: Response) -> None:
    assert _read([data]) == expected
    assert _read([bytes([byte]) for byte in data]) == expected


@given(st.sampled_from(WHOLE), st.lists(st.integers(1, 120), max_size=6))
def test_any_packets(case: tuple[bytes, Response], cuts: list[int]) -> None:
    data, expected = case
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert _read([data[a:b] for a, b in itertools.pairwise(edges)]) == expected


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    reader = ResponseReader(1000)
    assert reader.feed(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>") is None
    assert reader.feed(b"</html>") is None
    assert reader.end() == Response(502, b"<html></html>", False)


@pytest.mark.parametrize("cut", [10, 40, len(OK) - 1])
def test_half_a_response_is_none(cut: int) -> None:
    reader = ResponseReader(1000)
    assert reader.feed(OK[:cut]) is None
    assert reader.end() is None


def test_half_a_chunked_response_is_none() -> None:
    reader = ResponseReader(1000)
    assert reader.feed(CHUNKED[:-2]) is None
    assert reader.end() is None


def test_what_follows_a_response_ends_the_connection() -> None:
    assert _read([OK + b"HTTP/1.1 200 OK"]) == Response(200, b'{"ok":true}', False)
    assert _read([CHUNKED + b"x"]) == Response(200, b'{"ok":true}', False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3ff\r\n" + b"x" * 1023 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 40_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000,
    ],
)
def test_what_is_no_response(data: bytes) -> None:
    with pytest.raises(BadResponse):
        _read([data])
