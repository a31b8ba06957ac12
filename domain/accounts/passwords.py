"""Password hashes: argon2id, t=2, m=19 MiB, p=1 (the minimum of OWASP ASVS 5.0, appendix C; about 20 ms here).

Hashing runs in two threads of its own, or a burst of logins would stall every open stream of the process.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.kit.errors import Unavailable

T = TypeVar("T")

_THREADS = 2
_MAX_WAITING = 64  # about half a second of work; more would only pile up


class Passwords:
    """Hashes and verifies; `close` ends its threads."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        # verified against when there is no such user, so that the answer takes as long
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """A new hash with its parameters and salt. Raises Unavailable when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password fits; `stored` None (no such user) takes as long and is False."""

        def check() -> bool:
            try:
                self._hasher.verify(stored or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
            return stored is not None

        return await self._run(check)

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MAX_WAITING:
            raise Unavailable("Too many people are signing in at once; try again in a moment.", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1
