"""supervisor.conf and the generated program files: what supervisord and supervisorctl make of them."""

import shlex
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from domain.kit.settings import Settings, load_settings
from gateway import server
from ops.control import Supervisord
from ops.environment import running_host
from ops.programs import ROOT, main_config
from shards import worker
from shards.supervisor.program_file import ProgramFile
from shards.supervisor.programs import shard_program


def parse(file: Path) -> RawConfigParser:
    parser = RawConfigParser(inline_comment_prefixes=(";",), strict=True)
    parser.read(file)
    return parser


def test_programs_have_longer_to_stop_than_they_drain(tmp_path: Path) -> None:
    conf = parse(ROOT / "supervisor.conf")
    assert conf.getint("fcgi-program:gateway", "stopwaitsecs") > server.SHUTDOWN_SECONDS
    shard_program("shard-00", data_dir=tmp_path).write(tmp_path)
    assert parse(tmp_path / "shard-00.conf").getint("program:shard-00", "stopwaitsecs") > worker.SHUTDOWN_SECONDS


def test_every_program_dies_with_supervisord_and_rotates_its_log() -> None:
    conf = parse(ROOT / "supervisor.conf")
    for section in (name for name in conf.sections() if "program:" in name):
        assert conf.get(section, "command").startswith("setpriv --pdeathsig TERM ")
        assert conf.get(section, "stopsignal") == "TERM"
        assert conf.get(section, "stdout_logfile").startswith("%(here)s/var/logs/")
        assert conf.get(section, "stdout_logfile_maxbytes") == "20MB"


def test_supervisorctl_needs_no_environment_and_no_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "supervisorctl", "-c", ROOT / "supervisor.conf", "status"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no such file" in done.stdout or done.returncode in {0, 3}
    assert "ENV_" not in done.stdout + done.stderr


def test_what_supervisord_passes_on_has_no_owner_of_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    owner = settings.owner_dsn
    monkeypatch.setenv("DATABASE_URL", owner)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "database_url").write_text(owner)
    environment = running_host(settings).program_environment
    with TemporaryDirectory(prefix="replyx-test-") as name:
        process = Supervisord(Path(name), main_config(Path(name))).start(environment)
        passed_on = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
        process.kill()
        process.wait()
    assert owner not in str(passed_on)
    for variable, value in (line.split("=", 1) for line in passed_on if line):
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("REPLYX_SECRETS_DIR", str(tmp_path / "secrets"))
    seen = load_settings()
    assert seen.database_url is None
    assert (seen.app_dsn, seen.worker_dsn) == (settings.app_dsn, settings.worker_dsn)


def test_gateways_do_not_get_the_workers_login() -> None:
    conf = parse(ROOT / "supervisor.conf")
    assert 'DATABASE_WORKER_URL=""' in conf.get("fcgi-program:gateway", "environment", raw=True).split(",")


def test_another_data_folder_gets_a_copy_with_its_own_paths(tmp_path: Path) -> None:
    assert main_config(ROOT / "var") == ROOT / "supervisor.conf"
    conf = parse(main_config(tmp_path))
    assert conf.get("unix_http_server", "file") == "%(here)s/supervisor.sock"
    assert conf.get("fcgi-program:gateway", "directory") == str(ROOT)
    assert conf.get("include", "files") == "%(here)s/supervisor/*.conf"


@pytest.mark.parametrize("argument", ["plain", "two words", "100%", 'a "quote"', "back\\slash", "-c a=", ""])
def test_arguments_and_values_survive_the_file(tmp_path: Path, argument: str) -> None:
    program = ProgramFile("p", ["run", argument], tmp_path, tmp_path, priority=1, environment={"A": argument or "-"})
    assert program.write(tmp_path) is True
    assert program.write(tmp_path) is False
    conf = parse(tmp_path / "p.conf")
    assert shlex.split(conf.get("program:p", "command") % {}) == ["run", argument]
    assert (tmp_path / "p.conf").stat().st_mode & 0o777 == 0o600
