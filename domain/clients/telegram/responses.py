"""HTTP/1.1 responses out of bytes as they arrive. Pure, and strict: what is ambiguous is no response."""

import re
from typing import NamedTuple

MAX_HEAD = 32 << 10  # bytes of a status line and its headers
_FIELDS = re.compile(rb"\r\n(content-length|transfer-encoding|connection):[ \t]*([^\r\n]*)")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?(?:\r\n|$)")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?")
_BODYLESS = frozenset({204, 304})


class BadResponse(Exception):
    """These bytes are no response; the connection is of no further use."""


class Response(NamedTuple):
    """A whole response. `keep`: the connection may carry another request."""

    status: int
    body: bytes
    keep: bool


class ResponseReader:
    """Reads one response; interim ones (1xx) are passed over."""

    __slots__ = ("_at", "_body", "_chunked", "_data", "_keep", "_length", "_max_body", "_status")

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._data: bytes | bytearray = b""
        self._at = 0  # up to where it is read
        self._status = 0
        self._keep = True
        self._chunked = False
        self._length: int | None = None  # None: until the connection ends
        self._body = bytearray()  # of chunks

    def feed(self, data: bytes) -> Response | None:
        """More bytes; the response once it is whole. Raises BadResponse."""
        if not self._data:
            self._data = data
        elif isinstance(self._data, bytearray):
            self._data += data
        else:
            self._data = bytearray(self._data) + data
        while not self._status:
            if not self._read_head():
                return None
        if self._chunked:
            return self._read_chunks()
        if self._length is None:
            self._check_size(len(self._data) - self._at)
            return None
        end = self._at + self._length
        if len(self._data) < end:
            return None
        body = bytes(self._data[self._at : end])
        return Response(self._status, body, self._keep and len(self._data) == end)

    def end(self) -> Response | None:
        """The connection ended: the response if that is how its body ends, else None."""
        if not self._status or self._chunked or self._length is not None:
            return None
        return Response(self._status, bytes(self._data[self._at :]), False)

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n", self._at)
        if end - self._at > MAX_HEAD or (end < 0 and len(self._data) - self._at > MAX_HEAD):
            raise BadResponse("the headers are too long")
        if end < 0:
            return False
        head = bytes(self._data[self._at : end])
        self._at = end + 4
        line = _STATUS.match(head)
        if line is None:
            raise BadResponse("it does not speak HTTP/1.1")
        status = int(line[2])
        if status == 101:
            raise BadResponse("it switched protocols")
        if status >= 200:
            self._keep = line[1] == b"1"
            self._read_fields(head.lower())
            self._status = status
            if status in _BODYLESS:
                self._length, self._chunked = 0, False
        return True

    def _read_fields(self, head: bytes) -> None:
        lengths = set()
        for name, given in _FIELDS.findall(head):
            value = given.rstrip(b" \t")
            if name == b"content-length":
                lengths.add(value)
            elif name == b"transfer-encoding":
                if value != b"chunked" or self._chunked:
                    raise BadResponse("its transfer coding is unknown")
                self._chunked = True
            elif b"close" in value:
                self._keep = False
            elif b"keep-alive" in value:
                self._keep = True
        if self._chunked:
            self._keep = self._keep and not lengths
        elif lengths:
            length = lengths.pop()
            if lengths or not length.isdigit() or len(length) > 12:
                raise BadResponse("its length is unclear")
            self._length = int(length)
            self._check_size(self._length)

    def _read_chunks(self) -> Response | None:
        while (end := self._data.find(b"\r\n", self._at)) >= 0:
            line = _CHUNK.fullmatch(self._data, self._at, end)
            if line is None:
                raise BadResponse("a chunk has no size")
            size = int(line[1], 16)
            if size == 0:
                return self._read_trailers(end)
            self._check_size(len(self._body) + size)
            after = end + 2 + size
            if len(self._data) < after + 2:
                return None
            if self._data[after : after + 2] != b"\r\n":
                raise BadResponse("a chunk is longer than its size")
            self._body += self._data[end + 2 : after]
            self._at = after + 2
        if len(self._data) - self._at > MAX_HEAD:
            raise BadResponse("a chunk has no size")
        return None

    def _read_trailers(self, end: int) -> Response | None:
        """What follows the last chunk; `end` is where that chunk's line ends. Ends in an empty line."""
        last = self._data.find(b"\r\n\r\n", end)
        if last >= 0:
            return Response(self._status, bytes(self._body), self._keep and len(self._data) == last + 4)
        if len(self._data) - end > MAX_HEAD:
            raise BadResponse("the trailers are too long")
        return None

    def _check_size(self, size: int) -> None:
        if size > self._max_body:
            raise BadResponse(f"the body is longer than {self._max_body} bytes")
