"""The LLM simulator as a process of its own: the product's gateways and shards reach it by its address."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ops.embedded import free_port
from tests.product.host import ROOT, until


@dataclass(frozen=True)
class LlmControl:
    """Its control API. `url` has no /v1."""

    url: str

    def script(self, *always: dict[str, Any], once: tuple[dict[str, Any], ...] = ()) -> None:
        """Forget what was scripted and received; then follow these rules (the fields of simulators.llm.Step)."""
        self._send("/control/script", {"reset": True, "always": list(always), "once": list(once)})

    def calls(self) -> list[Any]:
        """The requests received."""
        return list(self._send("/control/calls")["items"])

    def _send(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            self._send("/control/calls")
        except (OSError, urllib.error.HTTPError):
            return False
        return True


@contextmanager
def running_model() -> Iterator[LlmControl]:
    """Start it on a free port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators.llm", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        control = LlmControl(f"http://127.0.0.1:{port}")
        until(control.is_up)
        yield control
    finally:
        process.terminate()
        process.wait(10)
