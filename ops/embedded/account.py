"""PostgreSQL refuses to run as root: as root, the servers run as a system account without a login.

An ordinary user runs them as himself. `setpriv` (util-linux) changes the account and, in both cases, ties the
server's life to its parent: a supervisord that was killed leaves no server behind.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ops.refusal import Refusal

SYSTEM_USER = "replyx-pg"


@dataclass(frozen=True)
class Account:
    """Who runs the servers. `switch` is false when that is the current user."""

    uid: int
    gid: int
    switch: bool

    def command(self, *argv: str, parent_death_signal: str | None = None) -> list[str]:
        """`argv` run as this account; `parent_death_signal` (such as TERM) is sent when the parent dies."""
        options: list[str] = []
        if parent_death_signal:
            options += ["--pdeathsig", parent_death_signal]
        if self.switch:
            options += ["--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups"]
        return ["setpriv", *options, *argv] if options else list(argv)

    def make_folder(self, folder: Path) -> None:
        """Make `folder`, readable by this account only, and let the account walk down to it."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.switch:
            os.chown(folder, self.uid, self.gid)
            self.open_path(folder.parent)
        folder.chmod(0o700)

    def own(self, path: Path) -> None:
        """Hand a file over to this account, for its eyes only."""
        if self.switch:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o600)

    def open_path(self, folder: Path) -> None:
        """Give `folder` and its parents the right to be walked through (not listed) by others, where it lacks."""
        if not self.switch:
            return
        for step in [folder.absolute(), *folder.absolute().parents]:
            mode = step.stat().st_mode
            if not mode & 0o001:
                step.chmod((mode & 0o7777) | 0o001)


def current_account() -> Account:
    """The account for the servers of this process's user; as root, the system account is made when missing."""
    if shutil.which("setpriv") is None:
        raise Refusal("setpriv is missing: install util-linux (`apt-get install util-linux`).")
    if os.geteuid() != 0:
        return Account(uid=os.getuid(), gid=os.getgid(), switch=False)
    entry = _find_system_user() or _make_system_user()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, switch=True)


def _find_system_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return None


def _make_system_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        reason = done.stderr.strip()
    except FileNotFoundError:
        reason = "there is no useradd"
    # Asked again even after a failure: another process may have made it at the same moment.
    entry = _find_system_user()
    if entry is None:
        raise Refusal(
            f"Postgres cannot run as root and the account {SYSTEM_USER} could not be made ({reason}): "
            f"make it yourself, or run as an ordinary user."
        )
    return entry
