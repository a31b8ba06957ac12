"""What was said, what was heard, what the product knows of it; and the invariants over the three. Pure.

Every text that a person writes carries a nonce of its own, and an echo assistant answers with the text, so each answer
can be told apart from outside. The invariants (the numbers are those of the failure catalogue):

I1  everything received is heard, or its message says that nobody knows whether it arrived
I2  heard once, or twice where its message says so; answered by one message
I3  heard in the order in which it was said, within a chat; a send whose outcome nobody knows, and that is held, may
    still arrive late, whenever the process that was stopped in it goes on
I4  said to one tenant's bot, heard in that chat, stored with that tenant
I6  nothing is left open when all is quiet
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

NONCE = re.compile(r"\bN\d+-\d{6}\b")
SHOWN = 5  # nonces named in a violation

Chat = tuple[int, int]  # bot, person


@dataclass(frozen=True, slots=True)
class Said:
    """A person wrote. `at` on the loop's clock."""

    nonce: str
    chat: Chat
    tenant: UUID
    at: float


@dataclass(frozen=True, slots=True)
class Heard:
    """One nonce in a message that a bot sent."""

    nonce: str
    chat: Chat
    at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A message of an assistant as the product stores it. `told`: its reader is told it may have arrived twice."""

    nonces: tuple[str, ...]
    chat: Chat
    tenant: UUID
    delivery: str
    told: bool


@dataclass(slots=True)
class History:
    """Everything about one run. `waiting`: updates that Telegram still holds; `open_rows`: what, how many."""

    said: list[Said] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    waiting: int = 0
    open_rows: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Verdict:
    """The counts of a run and what was violated. `gap`: the longest that anybody waited, in seconds."""

    messages: int = 0
    lost: int = 0
    doubled_marked: int = 0
    doubled_unmarked: int = 0
    uncertain: int = 0
    gap: float = 0.0
    p95: float = 0.0
    violations: list[str] = field(default_factory=list)


def nonces_of(text: str) -> tuple[str, ...]:
    """The nonces in a text, in order."""
    return tuple(NONCE.findall(text))


def check(history: History) -> Verdict:
    """Judge a run that has come to rest."""
    verdict = Verdict(messages=len(history.said))
    by_nonce: dict[str, list[Answer]] = defaultdict(list)
    for answer in history.answers:
        for nonce in answer.nonces:
            by_nonce[nonce].append(answer)
    times = Counter(heard.nonce for heard in history.heard)
    _check_delivery(history, verdict, times, by_nonce)
    _check_order(history, verdict, by_nonce)
    _check_tenants(history, verdict, by_nonce)
    if history.waiting:
        verdict.violations.append(f"I1: Telegram still holds {history.waiting} updates")
    for what, count in history.open_rows.items():
        verdict.violations.append(f"I6: {count} rows are {what}")
    waits = sorted(waited(history).values())
    if waits:
        verdict.gap, verdict.p95 = waits[-1], waits[min(int(len(waits) * 0.95), len(waits) - 1)]
    return verdict


def waited(history: History) -> dict[str, float]:
    """Nonce -> seconds until it was first heard."""
    first: dict[str, float] = {}
    for heard in history.heard:
        first.setdefault(heard.nonce, heard.at)
    return {said.nonce: first[said.nonce] - said.at for said in history.said if said.nonce in first}


def _check_delivery(history: History, verdict: Verdict, times: Counter[str], by_nonce: dict[str, list[Answer]]) -> None:
    lost, unmarked, answered_twice = [], [], []
    for said in history.said:
        answers, heard = by_nonce.get(said.nonce, []), times[said.nonce]
        unknown = any(answer.delivery == "uncertain" for answer in answers)
        marked = unknown or any(answer.told for answer in answers)
        verdict.uncertain += marked
        if len(answers) > 1:
            answered_twice.append(said.nonce)
        if heard == 0 and not unknown:
            lost.append(said.nonce)
        if heard > 2 or (heard == 2 and not marked):
            unmarked.append(said.nonce)
        verdict.doubled_marked += heard == 2 and marked
    verdict.lost, verdict.doubled_unmarked = len(lost), len(unmarked)
    _complain(verdict, "I1: lost", lost)
    _complain(verdict, "I2: heard twice, and nothing says so", unmarked)
    _complain(verdict, "I2: answered by more than one message", answered_twice)
    known = {said.nonce for said in history.said}
    _complain(verdict, "I2: heard, and said by nobody in this run", {nonce for nonce in times if nonce not in known})


def _check_order(history: History, verdict: Verdict, by_nonce: dict[str, list[Answer]]) -> None:
    held = {nonce for nonce, answers in by_nonce.items() if any(answer.delivery == "uncertain" for answer in answers)}
    said: dict[Chat, list[str]] = defaultdict(list)
    heard: dict[Chat, list[str]] = defaultdict(list)
    for one in history.said:
        said[one.chat].append(one.nonce)
    for other in history.heard:
        late = other.nonce in held or other.nonce in heard[other.chat]
        if other.nonce in said[other.chat] and not late:
            heard[other.chat].append(other.nonce)
    for chat, order in heard.items():
        there = set(order)
        if order != [nonce for nonce in said[chat] if nonce in there]:
            _complain(verdict, f"I3: chat {chat} heard another order", order)


def _check_tenants(history: History, verdict: Verdict, by_nonce: dict[str, list[Answer]]) -> None:
    origin = {said.nonce: said for said in history.said}
    strayed = {
        heard.nonce for heard in history.heard if heard.nonce in origin and heard.chat != origin[heard.nonce].chat
    }
    for nonce, answers in by_nonce.items():
        said = origin.get(nonce)
        if said and any((answer.chat, answer.tenant) != (said.chat, said.tenant) for answer in answers):
            strayed.add(nonce)
    _complain(verdict, "I4: in a chat or a tenant that is not its own", strayed)


def _complain(verdict: Verdict, what: str, nonces: Iterable[str]) -> None:
    found = list(nonces)
    if found:
        more = ", ..." if len(found) > SHOWN else ""
        verdict.violations.append(f"{what}: {len(found)} ({', '.join(found[:SHOWN])}{more})")
