"""The kernel tells when a process ends (pidfd), milliseconds after it happened; polling would take a second."""

import asyncio
import os
from collections.abc import Callable, Iterable


class Deaths:
    """Calls `on_death(pid)` once for each watched process that ends."""

    def __init__(self, on_death: Callable[[int], None]) -> None:
        self._on_death = on_death
        self._watched: dict[int, int] = {}

    def watch(self, pids: Iterable[int]) -> None:
        """Watch these; those already watched stay so."""
        loop = asyncio.get_running_loop()
        for pid in set(pids) - self._watched.keys():
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:  # it ended between two looks
                self._on_death(pid)
                continue
            except OSError:  # too many descriptors: the poll will find out
                continue
            self._watched[pid] = descriptor
            loop.add_reader(descriptor, self._ended, pid)

    def close(self) -> None:
        """Stop watching."""
        for pid in list(self._watched):
            self._drop(pid)

    def _ended(self, pid: int) -> None:
        self._drop(pid)
        self._on_death(pid)

    def _drop(self, pid: int) -> None:
        descriptor = self._watched.pop(pid)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
