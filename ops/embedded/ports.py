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


def remembered_ports(file: Path, names: tuple[str, ...]) -> dict[str, int]:
    """The ports of `names`, from `file` where they are still free, else new ones; `file` is written again."""
    known = _read(file)
    ports = {name: known[name] if name in known and is_free(known[name]) else free_port() for name in names}
    while len(set(ports.values())) < len(ports):
        ports = {name: free_port() for name in names}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**known, **ports}, indent=1))
    return ports


def _read(file: Path) -> dict[str, int]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): port for name, port in found.items() if isinstance(port, int)}
