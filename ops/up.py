"""`replyx up`: everything on this host, in the foreground, each step on a line of its own.

Order: settings, port, supervisord with Postgres, Valkey and embeddings, migration, seed, gateways and shards. Ctrl-C
stops in the opposite order (supervisord goes by priority: shop, shard-supervisor, gateways, shards, ..., databases).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

from domain.kit.sealing import create_key_file
from ops.control import Supervisord
from ops.environment import Host, host_to_start, make_data_dir, read_settings
from ops.foreground import StopRequested, stay, stop, stop_requests
from ops.probes import probe_http, probe_postgres, probe_redis, wait_until
from ops.programs import demo_programs, forget_programs, main_config, service_programs, write_programs
from ops.progress import say, step
from ops.refusal import PORT_IN_USE, Refusal

SLOTS_WITHOUT_OWNER = """
SELECT count(*) FROM slot_owners AS slot
LEFT JOIN shard_members AS member ON member.id = slot.member_id AND member.expires_at > clock_timestamp()
WHERE member.id IS NULL
"""

# How far the reading of the documents is, and what is left of the pairs.
KNOWLEDGE = """
SELECT (SELECT count(*) FROM documents WHERE state IN ('ready', 'failed')), (SELECT count(*) FROM documents),
       (SELECT count(*) FROM qa_pairs WHERE index_id IS NULL)
"""


def up(*, demo: bool, embedded: bool, port: int | None, again: int = 0) -> None:
    """Start everything, then become the process that waits for Ctrl-C or `supervisorctl shutdown`. Raises Refusal.

    `again`: how many times in a row supervisord has died before this start.
    """
    settings = read_settings(port)
    data_dir = make_data_dir(settings)
    config = main_config(data_dir)
    supervisord = Supervisord(data_dir, config)
    if supervisord.is_up():
        raise Refusal(
            f"ReplyX already runs from {data_dir}: see `supervisorctl -c {config} status`, stop it with `make stop`.",
            code=PORT_IN_USE,
        )
    host = host_to_start(settings, embedded=embedded, demo=demo)
    environment = host.program_environment
    say(f"ReplyX starts from {data_dir}")
    if host.postgres is None:
        probe_postgres(host.settings.owner_dsn)
    if host.valkey is None:
        probe_redis(host.settings.redis_dsn)
    services = _prepare(host)
    _clear_metrics(data_dir / "metrics")
    process = supervisord.start(environment)
    try:
        with stop_requests():
            _bring_up(host, supervisord, services, demo=demo)
    except StopRequested:
        stop(supervisord, process.pid)
    except BaseException:
        stop(supervisord, process.pid)
        raise
    else:
        arguments = [*["--demo"] * demo, *["--no-embedded"] * (not embedded)]
        if port is not None:
            arguments += ["--port", str(port)]
        stay(supervisord, process.pid, again=again, arguments=arguments)


def _clear_metrics(folder: Path) -> None:
    """The processes write their metrics there; those of the last run are over."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _bring_up(host: Host, supervisord: Supervisord, services: list[str], *, demo: bool) -> None:
    _start_services(host, supervisord, services)
    with step("migrating the database"):
        _command(host, "migrate")
    seeded = _start_demo(host, supervisord) if demo else {}
    _start_product(host, supervisord, services)
    if seeded:
        _wait_for_knowledge(host)
    _print_addresses(host, supervisord, seeded)


def _prepare(host: Host) -> list[str]:
    """Everything that must be on disk before supervisord starts; returns the names of the service programs."""
    forget_programs(host)
    if host.postgres:
        with step("preparing the embedded Postgres"):
            host.postgres.prepare()
    if host.valkey:
        host.valkey.prepare()
    if host.settings.secret_key_file is None:
        create_key_file(host.settings.key_file)
    return write_programs(host, service_programs(host))


def _start_services(host: Host, supervisord: Supervisord, services: list[str]) -> None:
    with step(f"starting {', '.join(services)}" if services else "looking at your Postgres and Redis"):
        supervisord.wait_running([name for name in services if not name.startswith("embeddings")])
        if host.postgres:
            host.postgres.wait_ready()
            host.postgres.bootstrap()
        if host.valkey:
            host.valkey.wait_ready()
        for name in services:
            if name.startswith("embeddings"):
                _wait_answers(supervisord, name, f"http://127.0.0.1:{host.port(name)}/health")


def _start_demo(host: Host, supervisord: Supervisord) -> dict[str, str]:
    """Seed on the first run, then the simulators: the bots of the demo talk to them from their first second."""
    with step("making the demo tenant"):
        seeded: dict[str, str] = json.loads(_command(host, "seed", "--json"))
    names = write_programs(host, demo_programs(host, site_key=seeded["site_key"]))
    with step(f"starting {', '.join(names)}"):
        supervisord.load(names)
        supervisord.start_programs(names)
        supervisord.wait_running(names)
    return seeded


def _start_product(host: Host, supervisord: Supervisord, services: list[str]) -> None:
    programs = ["gateway", "shard-supervisor"]
    many = f"{host.settings.replyx_gateways} gateway(s) and {host.settings.replyx_shards} shard(s)"
    with step(f"starting {many}"):
        supervisord.start_programs(programs)
        supervisord.wait_running([*programs, *services])
        _wait_answers(supervisord, "gateway-00", f"http://127.0.0.1:{host.settings.port}/health")
        with psycopg.connect(host.settings.owner_dsn, autocommit=True) as conn:
            wait_until(
                lambda: conn.execute(SLOTS_WITHOUT_OWNER).fetchone() == (0,),
                f"The shards did not take all slots: look into {host.data_dir / 'logs' / 'shard-00.log'}",
                seconds=45,
            )


def _wait_for_knowledge(host: Host) -> None:
    """The first run reads and embeds the demo's documents; counts them, so that it is seen to go on."""
    shown = 0
    with step("reading the documents of the demo"), psycopg.connect(host.settings.owner_dsn, autocommit=True) as conn:

        def known() -> bool:
            nonlocal shown
            done, documents, pairs = conn.execute(KNOWLEDGE).fetchone() or (0, 0, 0)
            if done >= shown + 5:
                shown = done
                print(f"{done} of {documents}, ", end="", flush=True)
            return bool(done == documents and pairs == 0)

        wait_until(
            known, f"The documents were not read: look into {host.data_dir / 'logs' / 'shard-00.log'}", seconds=300
        )


def _command(host: Host, *arguments: str) -> str:
    """What `replyx <arguments>` prints, run as a process of its own: we stay here, and small, for days."""
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        env={**os.environ, **host.overrides},  # noqa: TID251  # passed on
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(code=done.returncode)  # it has said why on our stderr
    return done.stdout


def _wait_answers(supervisord: Supervisord, program: str, url: str) -> None:
    def answers() -> bool:
        try:
            return probe_http(url) < 500
        except Refusal:
            return False

    try:
        wait_until(answers, f"{url} does not answer", seconds=45)
    except Refusal as error:
        raise supervisord.refusal(program) from error


def _print_addresses(host: Host, supervisord: Supervisord, seeded: dict[str, str]) -> None:
    base = host.settings.base_url
    lines = {"API and its documentation": f"{base}/api/docs"}
    if seeded:
        lines["Login of the demo"] = f"{seeded['email']} / {seeded['password']}"
        lines["Chat page"] = f"{base}/chat/{seeded['site_key']}"
    if shop := host.port("demo-shop"):
        lines["Demo shop with the widget"] = f"http://localhost:{shop}/"
    if telegram := host.port("sim-telegram"):
        lines["Telegram simulator"] = f"http://localhost:{telegram}/"
    ctl = shutil.which("supervisorctl") or ".venv/bin/supervisorctl"
    lines["Processes"] = f"{ctl} -c {supervisord.config} status"
    lines["Logs"] = str(host.data_dir / "logs")
    say("\nReplyX is running. Ctrl-C stops it.\n")
    for title, value in lines.items():
        say(f"  {title:<27} {value}")
    say()
