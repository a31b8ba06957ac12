"""supervisord's XML-RPC over its Unix socket, from asyncio (0.7 ms a call)."""

import xmlrpc.client  # the only speaker is the supervisord that started us, on a 0700 socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp


class SupervisordError(Exception):
    """supervisord does not answer, or refused the call; `code` is its fault code (0: no answer)."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


BAD_NAME = 10
NOT_RUNNING = 70
ALREADY_ADDED = 90


@dataclass(frozen=True)
class ProcessInfo:
    """One process as supervisord sees it. `pid` is 0 when there is none; `state` is its name, such as RUNNING."""

    group: str
    name: str
    state: str
    pid: int


class SupervisordClient:
    """The few calls that the shard-supervisor makes. Every call raises SupervisordError."""

    def __init__(self, socket: Path) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(socket)), timeout=aiohttp.ClientTimeout(total=5)
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()

    async def processes(self) -> list[ProcessInfo]:
        """All processes."""
        rows = cast("list[dict[str, Any]]", await self._call("getAllProcessInfo"))
        return [ProcessInfo(row["group"], row["name"], row["statename"], int(row["pid"])) for row in rows]

    async def add(self, program: str) -> None:
        """Read the configuration again and add one program, which starts it; no other program is touched."""
        await self._call("reloadConfig")
        await self._unless((ALREADY_ADDED,), "addProcessGroup", program)

    async def stop(self, program: str) -> None:
        """SIGTERM, without waiting; supervisord does not start it again, and kills it after its stopwaitsecs."""
        await self._unless((NOT_RUNNING,), "stopProcess", program, False)

    async def remove(self, program: str) -> None:
        """Forget a program that has stopped."""
        await self._unless((BAD_NAME,), "removeProcessGroup", program)

    async def start_again(self, program: str) -> None:
        """Start a program that supervisord waits to start, or has given up: in one request, so that nobody finds it
        stopped and takes it for the wish of ops."""
        steps = [
            {"methodName": f"supervisor.{method}", "params": [program, False]}
            for method in ("stopProcess", "startProcess")
        ]
        await self._send("system.multicall", steps)

    async def kill(self, program: str) -> None:
        """SIGKILL; supervisord starts it again. A program that does not run is left alone."""
        await self._unless((NOT_RUNNING,), "signalProcess", program, "KILL")

    async def _unless(self, expected: tuple[int, ...], method: str, *arguments: str | bool) -> None:
        try:
            await self._call(method, *arguments)
        except SupervisordError as error:
            if error.code not in expected:
                raise

    async def _call(self, method: str, *arguments: str | bool) -> Any:
        return await self._send(f"supervisor.{method}", *arguments)

    async def _send(self, method: str, *arguments: Any) -> Any:
        body = xmlrpc.client.dumps(arguments, method)
        try:
            async with self._session.post(
                "http://localhost/RPC2", data=body, headers={"Content-Type": "text/xml"}
            ) as answer:
                text = await answer.text()
                answer.raise_for_status()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise SupervisordError(f"supervisord does not answer: {error!r}") from error
        try:
            return xmlrpc.client.loads(text)[0][0]
        except xmlrpc.client.Fault as fault:
            raise SupervisordError(f"{method}: {fault.faultString}", fault.faultCode) from fault
