"""Memory of one shard with idle polling bots: `python -m bench.idle_bots [--seconds S] [--json]`.

For 0, 100, 1,000 and 5,000 bots, plain and over TLS: resident memory once every bot hangs in getUpdates. `--seconds` is
how long they hang before it is read.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from bench.echo import receiving
from bench.installation import installation, rss_mb, running_sink
from bench.report import options, report

COUNTS = (0, 100, 1000, 5000)
LIMIT_MB = 150


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key, by openssl."""
    files = str(folder / "certificate.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    return files


def measure(count: int, seconds: float, tls: tuple[str, ...]) -> float:
    """Megabytes of a shard with so many bots."""
    scheme = "https" if tls else "http"
    trust = {"SSL_CERT_FILE": tls[0]} if tls else {}
    with (
        running_sink(*tls) as sink,
        installation(f"{scheme}://127.0.0.1:{sink.port}", count=count, mode="polling", gateways=0, env=trust) as found,
    ):
        receiving(sink, "poll", count)
        time.sleep(seconds)
        return rss_mb(found.shards[0].pid)


def main() -> None:
    """Each number of bots in an installation of its own."""
    chosen = options(__doc__, seconds=3)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="replyx-bench-") as folder:
        made = certificate(Path(folder))
        for name, tls in (("plain", ()), ("TLS", made)):
            for count in COUNTS:
                figures[f"{count} bots {name} MB"] = measure(count, chosen.seconds, tls)
    for name in ("plain", "TLS"):
        figures[f"1000 bots {name} / limit"] = figures[f"1000 bots {name} MB"] / LIMIT_MB
        figures[f"KB a bot {name}"] = (figures[f"5000 bots {name} MB"] - figures[f"0 bots {name} MB"]) * 1024 / 5000
    report("idle_bots", figures, only_json=chosen.json)


if __name__ == "__main__":
    main()
