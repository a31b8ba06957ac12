"""What an outcome means for a send (TELEGRAM: the error catalogue). Pure.

Classified by status and parameters first; descriptions changed over the years and are only a hint.
"""

from dataclasses import dataclass
from typing import Any, Literal

from domain.clients.telegram import Done, NotSent, Outcome, Refused, Unknown

GIVE_UP_AFTER = 24 * 3600.0  # seconds since the send was asked for; no outage of Telegram has been longer
MIN_ATTEMPTS = 8  # before giving up, however old the send is: somebody may have asked for it again
BACKOFF_MAX = 60.0  # seconds
TOKEN_PAUSE = 5.0  # seconds a send waits whose token was refused: by then its bot is stopped, or has another one
TEXT_MAX = 4096  # code points of a message; half of it always fits

Fix = Literal["plain", "markup", "thread", "reply", "split", "new"]
Payload = dict[str, Any]

# What may be repeated without anybody seeing it: when nobody knows whether it arrived, it is simply sent again.
REPEATABLE = frozenset({"editMessageText", "editMessageReplyMarkup", "deleteMessage", "answerCallbackQuery"})

TOKEN_REFUSED = "Telegram does not accept this bot's token any more."  # noqa: S105 a sentence
_TOKEN_DEAD = (
    "logged out",
    "bot has already been closed",
    "frozen_method_invalid",
    "unallowed token",
)
_GONE = (
    *("blocked", "deactivated", "kicked", "not a member", "chat was deleted", "initiate conversation"),
    *("chat not found", "user not found", "peer_id_invalid", "bots can't send messages to bots"),
    *("write access", "write_forbidden", "chat_restricted", "chat_admin_required", "need administrator rights"),
    "not enough rights",
)
_DONE = ("message is not modified", "message to delete not found", "message can't be deleted", "query is too old")
_FIXES: tuple[tuple[Fix, tuple[str, ...]], ...] = (
    ("plain", ("can't parse entities", "entity_", "entity begins", "entities")),
    ("markup", ("reply markup", "button_data_invalid", "button_url_invalid", "button_type_invalid", "inline keyboard")),
    ("thread", ("topic_closed", "topic_deleted", "message thread not found")),
    ("reply", ("message to be replied not found", "reply message not found", "replied message not found")),
    ("split", ("message is too long", "text is too long", "message_too_long", "caption is too long")),
    ("new", ("message to edit not found", "message can't be edited", "message_id_invalid")),
)
_ONCE_MORE = ("temporarily unavailable", "failed to get http url content")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with the row.

    sent       it is there; `message_id` is Telegram's.       retry      again, in `delay` seconds.
    failed     it will never arrive; `reason` says why.       uncertain  nobody knows; the tenant's policy decides.
    fix        again at once, changed as `fix` says (`repaired`).
    `flood`: a 429, that keeps the whole chat quiet for `delay`, and asks whether the bot may go on.
    `chat_gone`: the customer blocked the bot or the chat is no more. `token_dead`: the bot's token is of no use.
    """

    state: Literal["sent", "retry", "failed", "uncertain", "fix"]
    message_id: int | None = None
    delay: float = 0
    reason: str | None = None
    flood: bool = False
    chat_gone: bool = False
    token_dead: bool = False
    moved_to: int | None = None
    fix: Fix | None = None


def judge(outcome: Outcome, *, method: str = "sendMessage", attempts: int, age: float = 0.0) -> Verdict:
    """The verdict on attempt number `attempts` (from 1) of a send that was asked for `age` seconds ago."""
    if isinstance(outcome, Done):
        result = outcome.result
        message_id = result.get("message_id") if isinstance(result, dict) else None
        return Verdict("sent", message_id=message_id)
    if isinstance(outcome, Unknown):
        if method in REPEATABLE:
            return _again(attempts, age, outcome.reason)
        return Verdict("uncertain", reason=outcome.reason)
    if isinstance(outcome, NotSent):
        return _again(attempts, age, outcome.reason)
    return _refused(outcome, attempts, age)


def _refused(outcome: Refused, attempts: int, age: float) -> Verdict:
    text = outcome.description.lower()
    if outcome.code == 429:
        # Waiting is not failing: a flood hold never uses up the attempts.
        return Verdict("retry", delay=outcome.retry_after or 5.0, flood=True, reason=outcome.description)
    if outcome.code == 401 or text == "not found" or _has(text, _TOKEN_DEAD):
        # Nothing is wrong with the message: it waits with its bot, and goes out with the bot's next token.
        return Verdict("retry", delay=TOKEN_PAUSE, reason=TOKEN_REFUSED, token_dead=True)
    moved = outcome.parameters.get("migrate_to_chat_id")
    if moved is not None:
        return Verdict("retry", moved_to=int(moved), reason=outcome.description)
    if outcome.code >= 500:
        return _again(attempts, age, outcome.description)
    if _has(text, _DONE):
        return Verdict("sent")
    gone = outcome.code == 403 or _has(text, _GONE)
    fix = None if gone else next((name for name, hints in _FIXES if _has(text, hints)), None)
    if fix is not None:
        return Verdict("fix", fix=fix, reason=outcome.description)
    if attempts == 1 and _has(text, _ONCE_MORE):
        return Verdict("retry", delay=1.0, reason=outcome.description)
    return Verdict("failed", reason=outcome.description, chat_gone=gone)


def repaired(fix: Fix, method: str, payload: Payload) -> tuple[str, Payload] | None:
    """The send as it may be accepted; None if what is complained about is not in it, or was taken out already.

    "split" keeps what does not fit in `rest_of`: it follows when the first half is sent.
    """
    if fix == "split":
        return _split(method, payload)
    if fix == "new":
        if method != "editMessageText":
            return None
        return "sendMessage", {key: value for key, value in payload.items() if key != "message_id"}
    without = _PARTS[fix]
    if not payload.keys() & without:
        return None
    return method, {key: value for key, value in payload.items() if key not in without}


REST = "rest"  # the key of a payload under which the text waits that did not fit; never sent
_PLACE = frozenset({"chat_id", "message_thread_id", "business_connection_id"})
_PARTS: dict[Fix, frozenset[str]] = {
    "plain": frozenset({"entities", "caption_entities", "parse_mode"}),
    "markup": frozenset({"reply_markup"}),
    "thread": frozenset({"message_thread_id"}),
    "reply": frozenset({"reply_parameters", "reply_to_message_id"}),
}


def rest_of(payload: Payload) -> Payload | None:
    """What has to be sent after this, to the same place; None: nothing."""
    rest = payload.get(REST)
    if rest is None:
        return None
    return {**{key: value for key, value in payload.items() if key in _PLACE}, "text": rest}


def on_the_wire(payload: Payload) -> Payload:
    """What Telegram gets of it."""
    return {key: value for key, value in payload.items() if key != REST} if REST in payload else payload


def _split(method: str, payload: Payload) -> tuple[str, Payload] | None:
    """In two at a space near the middle; entities, whose places would be wrong, are left out."""
    text = payload.get("text")
    if method not in {"sendMessage", "editMessageText"} or not isinstance(text, str) or len(text) < 2:
        return None
    middle = min(len(text) // 2, TEXT_MAX)
    space = max(text.rfind("\n", 1, middle), text.rfind(" ", 1, middle))
    cut = space if space > middle // 2 else middle
    rest = text[cut:].lstrip() + (f"\n{payload[REST]}" if payload.get(REST) else "")
    plain = {key: value for key, value in payload.items() if key not in _PARTS["plain"]}
    return method, {**plain, "text": text[:cut].rstrip(), REST: rest}


def _again(attempts: int, age: float, reason: str) -> Verdict:
    if age > GIVE_UP_AFTER and attempts >= MIN_ATTEMPTS:
        return Verdict("failed", reason=f"given up after {attempts} attempts: {reason}")
    return Verdict("retry", delay=min(BACKOFF_MAX, 0.5 * 2 ** min(attempts, 10)), reason=reason)


def _has(text: str, hints: tuple[str, ...]) -> bool:
    return any(hint in text for hint in hints)
