"""Ports of the embedded services: free ones, picked once and remembered, so that a restart keeps addresses."""

import json
import socket
from pathlib import Path


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host:port` now (a port in TIME_WAIT counts as free, as it does for servers)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def remembered_ports(file: Path, wishes: dict[str, int]) -> dict[str, int]:
    """A free port for each name: the one in `file`, else the wished one (0: none), else any; `file` is rewritten."""
    known = known_ports(file)
    ports: dict[str, int] = {}
    for name, wish in wishes.items():
        candidates = [known.get(name, 0), wish]
        taken = set(ports.values())
        ports[name] = next((port for port in candidates if port and port not in taken and is_free(port)), 0)
        while not ports[name] or ports[name] in taken:
            ports[name] = free_port()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**known, **ports}, indent=1))
    return ports


def known_ports(file: Path) -> dict[str, int]:
    """The ports that `file` remembers, whether or not anything listens there."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): port for name, port in found.items() if isinstance(port, int)}
