"""One supervisord program as a file of the include folder.

The folder belongs to the running supervisord: a file written here is seen by `reloadConfig` and started by
`addProcessGroup`, which touches no other program.
"""

from dataclasses import dataclass, field
from pathlib import Path

_TEMPLATE = """\
[program:{name}]
command={command}
directory={directory}
environment={environment}
priority={priority}
autostart={autostart}
autorestart=true
startsecs=1
startretries=100000
stopsignal={stop_signal}
stopwaitsecs={stop_wait}
redirect_stderr=true
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=5
"""


@dataclass(frozen=True)
class ProgramFile:
    """A program: what runs, where, and how it is asked to stop (`stop_wait` seconds before SIGKILL)."""

    name: str
    command: list[str]
    directory: Path
    logs: Path
    priority: int
    autostart: bool = True
    stop_signal: str = "TERM"
    stop_wait: int = 10
    environment: dict[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """The file's text."""
        return _TEMPLATE.format(
            name=self.name,
            command=" ".join(_quoted(part) for part in self.command),
            directory=_literal(str(self.directory)),
            environment=",".join(f"{name}={_quoted(value)}" for name, value in self.environment.items()),
            priority=self.priority,
            autostart=str(self.autostart).lower(),
            stop_signal=self.stop_signal,
            stop_wait=self.stop_wait,
            logs=_literal(str(self.logs)),
        )

    def write(self, folder: Path) -> bool:
        """Write `<name>.conf` into `folder`, for its owner's eyes only; False if it was already so."""
        file = folder / f"{self.name}.conf"
        text = self.render()
        if file.exists() and file.read_text() == text:
            return False
        folder.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")  # supervisord reads *.conf at any moment: never a half-written one
        fresh.touch(0o600)
        fresh.write_text(text)
        fresh.rename(file)
        return True


def _literal(text: str) -> str:
    """supervisord expands % in every value."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """An argument or a value as supervisord's shlex reads it back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return _literal(f'"{escaped}"')
