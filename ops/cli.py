"""The `replyx` command. Every failure is one clear line on stderr and an exit code (`ops.refusal`)."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from domain.kit.errors import ReplyxError
from domain.kit.settings import SettingsError
from ops.operator_cli import add_bots, add_deadletters
from ops.refusal import BAD_SETTINGS, FAILED, Refusal


def main(argv: list[str] | None = None) -> int:
    """Parse, run, and turn failures into exit codes."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except Refusal as refusal:
        return _fail(refusal.code, *refusal.lines)
    except SettingsError as error:
        return _fail(BAD_SETTINGS, *error.problems)
    except ReplyxError as error:
        return _fail(FAILED, error.detail)
    except KeyboardInterrupt:
        return _fail(130, "Interrupted.")
    return 0


def _fail(code: int, *lines: str) -> int:
    for line in lines:
        print(f"replyx: {line}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="replyx",
        description="Self-hosted AI customer support. Settings come from the environment: see docs/settings.md.",
        epilog="Exit codes: 1 failed, 2 wrong settings or arguments, 3 the database is newer than this release, "
        "4 a port or folder is in use, 5 Postgres or Redis cannot be used.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="run everything on this host, in the foreground"))
    migrating = commands.add_parser("migrate", help="bring the database up to date")
    migrating.add_argument(
        "--phase", choices=("pre", "all"), default="all", help="pre: only what the code in use can live with"
    )
    migrating.set_defaults(run=_migrate)
    seed = commands.add_parser("seed", help="make the demo tenant, once")
    seed.add_argument("--json", action="store_true", help="print the login and the site key as JSON")
    seed.set_defaults(run=_seed)
    _add_shards(commands.add_parser("shards", help="the slot table; scale; rolling restart"))
    add_deadletters(commands.add_parser("deadletters", help="what could not be read, answered or delivered"))
    add_bots(commands.add_parser("bots", help="many Telegram bots at once"))
    commands.add_parser("doctor", help="check settings, services and disk, a line each").set_defaults(run=_doctor)
    backup = commands.add_parser("backup", help="write the database to a file (pg_dump's custom format)")
    backup.add_argument("file", type=Path)
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="replace the database by a backup; stop the gateway and shards first")
    restore.add_argument("file", type=Path)
    restore.set_defaults(run=_restore)
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="seed a demo shop and run the Telegram simulator")
    parser.add_argument(
        "--no-embedded", action="store_true", help="never run Postgres or Valkey here: DATABASE_URL, REDIS_URL are set"
    )
    parser.add_argument("--port", type=int, help="the HTTP port (default: PORT, else 8080)")
    parser.add_argument("--again", type=int, default=0, help=argparse.SUPPRESS)  # by ops.foreground
    parser.set_defaults(run=_up)


def _add_shards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the table as one JSON object")
    parser.set_defaults(run=_shards)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    scale = actions.add_parser("scale", help="run so many shards on every host, now and after restarts")
    scale.add_argument("shards", type=int, metavar="N", help="1 to 64")
    scale.add_argument("--host", default="", help="on this host only (as `replyx shards` names it)")
    scale.add_argument("--no-wait", action="store_true", help="do not wait until it is so")
    scale.set_defaults(run=_scale)
    actions.add_parser("roll", help="restart the shards of this host, one at a time").set_defaults(run=_roll)


# The commands are imported when they run: `replyx --help` needs no database driver.
# ruff: noqa: PLC0415


def _up(arguments: argparse.Namespace) -> None:
    from ops.up import up

    up(demo=arguments.demo, embedded=not arguments.no_embedded, port=arguments.port, again=arguments.again)


def _migrate(arguments: argparse.Namespace) -> None:
    from ops.environment import running_settings
    from ops.migrate import migrate
    from ops.progress import say

    migrate(running_settings(), phase=arguments.phase, say=say)


def _seed(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from ops.environment import running_settings
    from ops.progress import say
    from ops.seed import seed

    seeded = seed(running_settings())
    plain = f"login: {seeded.email} / {seeded.password}, site key: {seeded.site_key}"
    say(json.dumps(asdict(seeded)) if arguments.json else plain)


def _shards(arguments: argparse.Namespace) -> None:
    from ops.environment import running_settings
    from ops.shards import print_shards

    print_shards(running_settings(), as_json=arguments.json)


def _scale(arguments: argparse.Namespace) -> None:
    from ops.environment import running_settings
    from ops.shards import scale

    scale(running_settings(), arguments.shards, host=arguments.host, wait=not arguments.no_wait)


def _roll(arguments: argparse.Namespace) -> None:
    from ops.control import Supervisord
    from ops.environment import running_settings
    from ops.roll import roll

    settings = running_settings()
    data_dir = settings.replyx_data_dir.absolute()
    roll(settings, Supervisord(data_dir, data_dir / "supervisor.conf"))


def _doctor(arguments: argparse.Namespace) -> None:
    from ops.doctor import doctor
    from ops.environment import read_settings, running_host

    doctor(running_host(read_settings()))


def _backup(arguments: argparse.Namespace) -> None:
    _archive("backup", arguments.file)


def _restore(arguments: argparse.Namespace) -> None:
    _archive("restore", arguments.file)


def _archive(name: str, file: Path) -> None:
    from ops import archive
    from ops.environment import running_settings

    command: Callable[..., None] = getattr(archive, name)
    command(running_settings(), file)


if __name__ == "__main__":
    sys.exit(main())
