"""supervisord as a child process, and its XML-RPC over the Unix socket."""

import http.client
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections import deque
from pathlib import Path
from typing import Any

from ops.refusal import FAILED, Refusal

BIN = Path(sys.executable).parent
_UP = "RUNNING"
_ON_THE_WAY = {"STARTING", "BACKOFF", "STOPPED", "EXITED"}


class Supervisord:
    """The supervisord of one data folder."""

    def __init__(self, data_dir: Path, config: Path) -> None:
        self.data_dir = data_dir
        self.config = config

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("getState")["statename"] == _UP)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def start(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start it with our environment, `environment` before it, and wait until it answers. Raises Refusal."""
        logs = self.data_dir / "logs"
        logs.mkdir(exist_ok=True)
        path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # noqa: TID251  # extended for the programs
        with (logs / "supervisord.out").open("wb") as out:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", str(BIN / "supervisord"), "-n", "-c", str(self.config), *_as_user()],
                env={**os.environ, **environment, "PATH": path},  # noqa: TID251  # passed on to the children
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to handle: it stops the programs in order
            )
        deadline = time.monotonic() + 15
        while not self.is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise Refusal(f"supervisord did not start: {self._tail(logs / 'supervisord.out')}", code=FAILED)
            time.sleep(0.02)
        return process

    def load(self, names: list[str]) -> None:
        """Read the include folder again and add these programs, if they are new."""
        self._call("reloadConfig")
        for name in names:
            try:
                self._call("addProcessGroup", name)
            except xmlrpc.client.Fault as fault:
                if "ALREADY_ADDED" not in fault.faultString:
                    raise

    def start_programs(self, names: list[str]) -> None:
        """Start every process of these groups, without waiting for them."""
        for name in names:
            self._call("startProcessGroup", name, False)

    def wait_running(self, groups: list[str], seconds: float = 30) -> None:
        """Wait until every process of the groups runs. Raises Refusal with the last line of a log."""
        deadline = time.monotonic() + seconds
        while True:
            late = [
                info for info in self._call("getAllProcessInfo") if info["group"] in groups and info["statename"] != _UP
            ]
            if not late:
                return
            failed = [info for info in late if info["statename"] not in _ON_THE_WAY]
            if failed or time.monotonic() > deadline:
                raise self.refusal((failed or late)[0]["name"])
            time.sleep(0.05)

    def pids(self, *, young: bool = True) -> dict[str, int]:
        """The pids of all programs that have a process, by name; without the `young` those that run for a second."""
        infos = self._call("getAllProcessInfo")
        return {info["name"]: info["pid"] for info in infos if info["pid"] and (young or info["statename"] == _UP)}

    def pid(self, program: str) -> int:
        """Its pid; 0 while it does not run."""
        return int(self._call("getProcessInfo", program)["pid"])

    def signal(self, program: str, name: str) -> None:
        """Send a signal to a program that runs; one that has just ended is left alone."""
        try:
            self._call("signalProcess", program, name)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise

    def stop_programs(self, keep: frozenset[str], seconds: float) -> None:
        """Stop every program but `keep`, all at once; returns when they have stopped, or after `seconds`.

        supervisord's own shutdown goes group by group, a second and more for each.
        """
        deadline = time.monotonic() + seconds
        try:
            infos = [info for info in self._call("getAllProcessInfo") if info["group"] not in keep]
            for group in sorted({info["group"] for info in infos if info["pid"]}):
                self._call("stopProcessGroup", group, False)
            while time.monotonic() < deadline:
                infos = [info for info in self._call("getAllProcessInfo") if info["group"] not in keep]
                if not any(info["pid"] for info in infos):
                    break
                time.sleep(0.05)
            for group in sorted({info["group"] for info in infos}):
                self._call("removeProcessGroup", group)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return  # it is going down already, and stops what is left by itself

    def refusal(self, program: str) -> Refusal:
        """Why `program` does not run, from its log."""
        log = self.data_dir / "logs" / f"{program}.log"
        return Refusal(f"{program} does not start: {self._tail(log)} (all of it: {log})", code=FAILED)

    def _call(self, method: str, *arguments: Any) -> Any:
        """One call on a connection of its own. Raises OSError and xmlrpc.client.Fault."""
        connection = _UnixConnection(str(self.data_dir / "supervisor.sock"))
        try:
            body = xmlrpc.client.dumps(arguments, f"supervisor.{method}")
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            return xmlrpc.client.loads(connection.getresponse().read())[0][0]
        finally:
            connection.close()

    @staticmethod
    def _tail(log: Path) -> str:
        try:
            lines = deque(log.read_text(errors="replace").splitlines(), maxlen=1)
        except OSError:
            return "it wrote no log"
        return lines[0].strip() if lines else "its log is empty"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _as_user() -> list[str]:
    """As root, say that this is meant: supervisord warns otherwise."""
    return ["-u", "root"] if os.geteuid() == 0 else []
