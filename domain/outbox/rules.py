"""What an outcome means for a send (TELEGRAM: the error catalogue). Pure.

Classified by status and parameters first; descriptions changed over the years and are only a hint.
"""

from dataclasses import dataclass
from typing import Literal

from domain.clients.telegram import Done, NotSent, Outcome, Refused, Unknown

MAX_ATTEMPTS = 8
_BLOCKED = ("blocked", "deactivated", "kicked", "not a member", "chat was deleted", "initiate conversation")
_NO_CHAT = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "write access",
    "write_forbidden",
    "not enough rights",
)
_PLAIN = ("can't parse entities", "entity_")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with the row.

    sent       it is there; `message_id` is Telegram's.       retry      again, in `delay` seconds.
    failed     it will never arrive; `reason` says why.       uncertain  nobody knows; the tenant's policy decides.
    plain      again at once, without entities.               `hold` (seconds) keeps the whole chat quiet.
    `chat_gone`: the customer blocked the bot or the chat is no more. `token_dead`: the bot's token is revoked.
    """

    state: Literal["sent", "retry", "failed", "uncertain", "plain"]
    message_id: int | None = None
    delay: float = 0
    reason: str | None = None
    hold: float = 0
    chat_gone: bool = False
    token_dead: bool = False
    moved_to: int | None = None


def judge(outcome: Outcome, *, attempts: int) -> Verdict:
    """The verdict on one send that was attempt number `attempts` (from 1)."""
    if isinstance(outcome, Done):
        result = outcome.result
        message_id = result.get("message_id") if isinstance(result, dict) else None
        return Verdict("sent", message_id=message_id)
    if isinstance(outcome, Unknown):
        return Verdict("uncertain", reason=outcome.reason)
    if isinstance(outcome, NotSent):
        return _again(attempts, outcome.reason)
    return _refused(outcome, attempts)


def _refused(outcome: Refused, attempts: int) -> Verdict:
    text = outcome.description.lower()
    if outcome.code == 429:
        # Waiting is not failing: a flood hold never uses up the attempts.
        wait = outcome.retry_after or 5.0
        return Verdict("retry", delay=wait, hold=wait, reason=outcome.description)
    if outcome.code == 401 or text == "not found":
        return Verdict("failed", reason="Telegram does not accept this bot's token any more.", token_dead=True)
    moved = outcome.parameters.get("migrate_to_chat_id")
    if moved is not None:
        return Verdict("retry", delay=0, moved_to=int(moved), reason=outcome.description)
    if outcome.code >= 500:
        return _again(attempts, outcome.description)
    if any(hint in text for hint in _PLAIN):
        return Verdict("plain", reason=outcome.description)
    gone = outcome.code == 403 or any(hint in text for hint in (*_BLOCKED, *_NO_CHAT))
    return Verdict("failed", reason=outcome.description, chat_gone=gone)


def _again(attempts: int, reason: str) -> Verdict:
    if attempts >= MAX_ATTEMPTS:
        return Verdict("failed", reason=f"given up after {attempts} attempts: {reason}")
    return Verdict("retry", delay=min(60.0, 0.5 * 2**attempts), reason=reason)
