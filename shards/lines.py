"""Rows that wait, a line per chat; chats take turns by when they may be written to."""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from domain.outbox import OutboxRow


class Lines:
    """The lines of one bot. A chat with rows has one turn in the heap, unless its send is under way."""

    __slots__ = ("_count", "_lines", "_queued", "_tie", "_turns")

    def __init__(self) -> None:
        self._lines: dict[int, deque[OutboxRow]] = {}
        self._turns: list[tuple[float, int, int]] = []  # (ready at, tie, chat)
        self._queued: set[int] = set()
        self._tie = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[OutboxRow]:
        for line in self._lines.values():
            yield from line

    def __contains__(self, chat_id: int) -> bool:
        return chat_id in self._lines

    def insert(self, row: OutboxRow) -> None:
        """A row takes its place: in a chat the lower id goes first."""
        line = self._lines.setdefault(row.chat_id, deque())
        place = len(line)
        while place and line[place - 1].id > row.id:
            place -= 1
        line.insert(place, row)
        self._count += 1

    def queue(self, chat_id: int, ready: float) -> None:
        """A chat with rows waits for its turn."""
        if chat_id not in self._queued:
            self._queued.add(chat_id)
            self._tie += 1
            heapq.heappush(self._turns, (ready, self._tie, chat_id))

    def reorder(self, ready: Callable[[int], float]) -> None:
        """When chats may be written to has changed, and not by their own sends."""
        self._turns = [(ready(chat_id), tie, chat_id) for _, tie, chat_id in self._turns]
        heapq.heapify(self._turns)

    def first(self) -> tuple[float, int] | None:
        """(ready at, chat) of the next turn."""
        return (self._turns[0][0], self._turns[0][2]) if self._turns else None

    def skip(self) -> None:
        """Take the next turn away; the chat is queued again when it may be written to."""
        self._queued.discard(heapq.heappop(self._turns)[2])

    def take(self) -> OutboxRow | None:
        """The row whose turn it is; None if its line is empty by now."""
        chat_id = heapq.heappop(self._turns)[2]
        self._queued.discard(chat_id)
        line = self._lines.get(chat_id)
        if line is None:
            return None
        row = line.popleft()
        self._count -= 1
        if not line:
            del self._lines[chat_id]
        return row

    def drop(self, chat_id: int) -> Iterable[OutboxRow]:
        """Take a chat's rows away; returns them."""
        dropped = self._lines.pop(chat_id, deque())
        self._count -= len(dropped)
        return dropped

    def clear(self) -> None:
        """Take everything away."""
        self._lines.clear()
        self._turns.clear()
        self._queued.clear()
        self._count = 0
