"""Real processes, and what can be done to them: started, killed, stopped for a while, weighed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ops.embedded import EmbeddedPostgres, EmbeddedValkey

ROOT = Path(__file__).parents[2]
LOOK_EVERY = 0.05  # seconds between looks at a process
REMIND_EVERY, REMEMBERED = 1.0, 5  # seconds between announcements of the same death, and of how many of the last ones
PAGE = os.sysconf("SC_PAGE_SIZE")


class Program:
    """One process of the product. `more` is put before its environment for the next start only."""

    def __init__(
        self, name: str, module: str, environment: dict[str, str], logs: Path, *, stdin: int = subprocess.DEVNULL
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-m", module]
        self._environment = {**os.environ, **environment, "REPLYX_INSTANCE": name}
        self._log = logs / f"{name}.log"
        self._stdin = stdin
        self._process: subprocess.Popen[bytes] | None = None
        self.kept = True  # whether the keeper starts it again
        self.starts = 0
        self._begun = 0

    def start(self, **more: str) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._begun = log.tell()
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env={**self._environment, **more},
                stdin=self._stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.starts += 1

    @property
    def pid(self) -> int:
        """Of the last start; 0 before it."""
        return self._process.pid if self._process else 0

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll() if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether it runs (a stopped one does)."""
        return self.code is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def ended(self, seconds: float) -> int:
        """Its exit code, once it has ended. AssertionError after `seconds`."""
        async with deadline(f"{self.name} does not end", seconds):
            while (code := self.code) is None:
                await asyncio.sleep(LOOK_EVERY)
        return code

    @property
    def stopped(self) -> bool:
        """Whether SIGSTOP holds it."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def memory_mb(self) -> float:
        """Resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE / 1e6

    def open_files(self) -> int:
        """Open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def has_said(self, event: str) -> bool:
        """Whether it lives and has logged this event since its last start."""
        return self.alive and event.encode() in self._log.read_bytes()[self._begun :]

    def tail(self, lines: int = 5) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:]) if self._log.exists() else ""


class Server:
    """Postgres or Valkey as a child process that can be killed and started again."""

    def __init__(self, server: EmbeddedPostgres | EmbeddedValkey) -> None:
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, if it does not run, and wait until it answers."""
        self.launch()
        await asyncio.to_thread(self.wait_ready)

    def launch(self) -> None:
        """Start it, if it does not run. In the main thread: the server dies with the thread that made it."""
        if self._process is None or self._process.poll() is not None:
            self._server.prepare()
            with (self._server.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(self._server.command(), stdout=log, stderr=subprocess.STDOUT, cwd="/")

    def wait_ready(self) -> None:
        """Wait until it answers."""
        self._server.wait_ready()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; after SIGKILL and SIGQUIT it is gone when this returns."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(number)
        if number in {signal.SIGKILL, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM}:
            self._process.wait(20)


class Keeper:
    """Restarts what died, like supervisord, and says who died, like the shard-supervisor."""

    def __init__(self, programs: Callable[[], list[Program]], died: Callable[[int], Awaitable[bool]]) -> None:
        self._programs = programs
        self._died = died
        self._seen: dict[int, float] = {}  # the dead, and when they were last announced
        self.announces = True
        self.restarts = True

    async def run(self) -> None:
        """Eternal."""
        while True:
            for program in self._programs():
                if program.kept and program.starts and program.code is not None:
                    await self._tend(program)
            await self._remind()
            await asyncio.sleep(LOOK_EVERY)

    async def _remind(self) -> None:
        """What a process sent in its last moment may make it a member after it was declared dead."""
        now = asyncio.get_running_loop().time()
        for pid, told_at in list(self._seen.items())[-REMEMBERED:]:
            if self.announces and now - told_at >= REMIND_EVERY and await self._died(pid):
                self._seen[pid] = now

    async def _tend(self, program: Program) -> None:
        if program.pid not in self._seen and self.announces and await self._died(program.pid):
            self._seen[program.pid] = asyncio.get_running_loop().time()  # else the database is away: later
        # Others may have started it meanwhile, or want it dead.
        if self.restarts and program.kept and program.code is not None:
            program.start()


@asynccontextmanager
async def deadline(what: str, seconds: float) -> AsyncIterator[None]:
    """An AssertionError that says what did not happen in time."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise AssertionError(f"{what} in {seconds:g} s") from None
