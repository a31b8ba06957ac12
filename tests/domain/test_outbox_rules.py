"""What Telegram's answers mean for a send: the catalogue, line by line."""

from dataclasses import asdict
from typing import Any

import pytest

from domain.clients.telegram import Done, NotSent, Outcome, Refused, Unknown
from domain.outbox.rules import MAX_ATTEMPTS, Verdict, judge


def _refused(code: int, description: str, **parameters: Any) -> Refused:
    return Refused(code, description, parameters)


CATALOGUE: list[tuple[Outcome, dict[str, Any]]] = [
    (Done({"message_id": 5}), {"state": "sent", "message_id": 5}),
    (Done(True), {"state": "sent", "message_id": None}),
    (Unknown("timeout"), {"state": "uncertain"}),
    (NotSent("refused"), {"state": "retry", "delay": 1.0}),
    (_refused(429, "Too Many Requests: retry after 37", retry_after=37), {"state": "retry", "delay": 37, "hold": 37}),
    (_refused(401, "Unauthorized"), {"state": "failed", "token_dead": True}),
    (_refused(401, "Unauthorized: invalid token specified"), {"state": "failed", "token_dead": True}),
    (_refused(404, "Not Found"), {"state": "failed", "token_dead": True}),
    (_refused(404, "Not Found: method not found"), {"state": "failed", "token_dead": False, "chat_gone": False}),
    (_refused(403, "Forbidden: bot was blocked by the user"), {"state": "failed", "chat_gone": True}),
    (_refused(403, "Forbidden: user is deactivated"), {"state": "failed", "chat_gone": True}),
    (_refused(403, "Forbidden: bot can't initiate conversation with a user"), {"state": "failed", "chat_gone": True}),
    (_refused(403, "Forbidden: bot was kicked from the supergroup chat"), {"state": "failed", "chat_gone": True}),
    (_refused(403, "Forbidden: the group chat was deleted"), {"state": "failed", "chat_gone": True}),
    (
        _refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001),
        {"state": "retry", "moved_to": -1001, "delay": 0},
    ),
    (_refused(400, "Bad Request: chat not found"), {"state": "failed", "chat_gone": True}),
    (_refused(400, "Bad Request: PEER_ID_INVALID"), {"state": "failed", "chat_gone": True}),
    (
        _refused(400, "Bad Request: not enough rights to send text messages to the chat"),
        {"state": "failed", "chat_gone": True},
    ),
    (_refused(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), {"state": "failed", "chat_gone": True}),
    (
        _refused(400, "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 0"),
        {"state": "plain"},
    ),
    (_refused(400, "Bad Request: ENTITY_BOUNDS_INVALID"), {"state": "plain"}),
    (_refused(400, "Bad Request: message is too long"), {"state": "failed", "chat_gone": False}),
    (_refused(400, "Bad Request: something nobody has seen"), {"state": "failed", "chat_gone": False}),
    (_refused(413, "Request Entity Too Large"), {"state": "failed"}),
    (_refused(500, "Internal Server Error: restart"), {"state": "retry", "delay": 1.0}),
]


@pytest.mark.parametrize(("outcome", "expected"), CATALOGUE, ids=lambda value: getattr(value, "description", None))
def test_the_catalogue(outcome: Outcome, expected: dict[str, Any]) -> None:
    verdict = asdict(judge(outcome, attempts=1))
    assert {key: verdict[key] for key in expected} == expected


def test_only_a_known_failure_names_its_reason() -> None:
    assert judge(Done(True), attempts=1).reason is None
    assert judge(_refused(403, "Forbidden: user is deactivated"), attempts=1).reason == "Forbidden: user is deactivated"


@pytest.mark.parametrize("outcome", [NotSent("refused"), _refused(502, "Bad Gateway")])
def test_what_certainly_failed_is_tried_again_ever_later_and_given_up_in_the_end(outcome: Outcome) -> None:
    delays = [judge(outcome, attempts=n).delay for n in range(1, MAX_ATTEMPTS)]
    assert delays == sorted(delays)
    assert delays[-1] <= 60
    assert judge(outcome, attempts=MAX_ATTEMPTS).state == "failed"


def test_a_flood_hold_never_uses_up_the_attempts() -> None:
    verdict = judge(_refused(429, "Too Many Requests: retry after 5", retry_after=5), attempts=1000)
    assert verdict == Verdict("retry", delay=5, hold=5, reason="Too Many Requests: retry after 5")


def test_a_429_without_a_time_still_waits() -> None:
    assert judge(_refused(429, "Too Many Requests"), attempts=1).delay > 0
