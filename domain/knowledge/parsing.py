"""Runs `parse_child` on a file: a fresh process without our environment, sockets or secrets, with a deadline."""

import asyncio
import contextlib
import sys
from pathlib import Path

import orjson

import domain
from domain.kit.log import logger
from domain.knowledge.model import Block, Kind
from domain.knowledge.parsers.outline import TOO_COMPLEX, Unreadable

WALL_SECONDS = 40.0  # twice the child's CPU limit: the machine may be busy
MAX_OUTPUT = 32 << 20  # bytes of JSON; a 25 MB text file fits
_ROOT = Path(domain.__file__).parent.parent

log = logger(__name__)


async def parse(kind: Kind, data: bytes, *, seconds: float = WALL_SECONDS) -> list[Block]:
    """The file's blocks in order. Raises Unreadable with one sentence for the tenant."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-E", "-s", "-m", "domain.knowledge.parse_child", kind),
        cwd=_ROOT,
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(_feed(child, data), name="parse:feed")
            reading = group.create_task(_read(child), name="parse:read")
        await child.wait()
    except TimeoutError as error:
        raise Unreadable(TOO_COMPLEX) from error
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return _blocks(kind, reading.result(), child.returncode)


async def _feed(child: asyncio.subprocess.Process, data: bytes) -> None:
    assert child.stdin is not None  # noqa: S101  # we asked for a pipe
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died early; its exit code says why
        child.stdin.write(data)
        await child.stdin.drain()
    child.stdin.close()


async def _read(child: asyncio.subprocess.Process) -> bytes:
    """The output; more than MAX_OUTPUT is cut, which makes it no JSON."""
    assert child.stdout is not None  # noqa: S101  # we asked for a pipe
    output = bytearray()
    while len(output) <= MAX_OUTPUT and (piece := await child.stdout.read(1 << 16)):
        output += piece
    if len(output) > MAX_OUTPUT:
        child.kill()
    return bytes(output)


def _blocks(kind: Kind, output: bytes, code: int | None) -> list[Block]:
    try:
        answer = orjson.loads(output)
    except ValueError as error:
        log.warning("parse.died", kind=kind, code=code, output_bytes=len(output))
        raise Unreadable(TOO_COMPLEX) from error
    if "error" in answer:
        raise Unreadable(answer["error"])
    return [Block(text, tuple(headings), page) for text, headings, page in answer["blocks"]]
