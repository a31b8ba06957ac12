"""What Telegram's answers mean for a send: the catalogue, line by line."""

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clients.telegram import Done, NotSent, Outcome, Refused, Unknown
from domain.outbox.rules import GIVE_UP_AFTER, REST, TEXT_MAX, Fix, Verdict, judge, on_the_wire, repaired, rest_of


def _refused(code: int, description: str, **parameters: Any) -> Refused:
    return Refused(code, description, parameters)


CATALOGUE: list[tuple[Outcome, dict[str, Any]]] = [
    (Done({"message_id": 5}), {"state": "sent", "message_id": 5}),
    (Done(True), {"state": "sent", "message_id": None}),
    (Unknown("timeout"), {"state": "uncertain"}),
    (NotSent("refused"), {"state": "retry", "delay": 1.0}),
    (
        _refused(429, "Too Many Requests: retry after 37", retry_after=37),
        {"state": "retry", "delay": 37, "flood": True},
    ),
    (_refused(401, "Unauthorized"), {"state": "retry", "token_dead": True}),
    (_refused(401, "Unauthorized: invalid token specified"), {"state": "retry", "token_dead": True}),
    (_refused(404, "Not Found"), {"state": "retry", "token_dead": True}),
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
        _refused(400, "Bad Request: not enough rights to send photos to the chat"),
        {"state": "failed", "chat_gone": True},
    ),
    (_refused(400, "Bad Request: have no write access to the chat"), {"state": "failed", "chat_gone": True}),
    (_refused(400, "Bad Request: CHAT_RESTRICTED"), {"state": "failed", "chat_gone": True}),
    (_refused(400, "Bad Request: CHAT_ADMIN_REQUIRED"), {"state": "failed", "chat_gone": True}),
    (
        _refused(400, "Bad Request: need administrator rights in the channel chat"),
        {"state": "failed", "chat_gone": True},
    ),
    (_refused(400, "Bad Request: group is deactivated"), {"state": "failed", "chat_gone": True}),
    (_refused(400, "Bad Request: user not found"), {"state": "failed", "chat_gone": True}),
    (_refused(400, "Logged out"), {"state": "retry", "token_dead": True}),
    (_refused(400, "Bad Request: the bot has already been closed"), {"state": "retry", "token_dead": True}),
    (_refused(400, "Bad Request: FROZEN_METHOD_INVALID"), {"state": "retry", "token_dead": True}),
    (_refused(421, "Misdirected Request: unallowed token specified"), {"state": "retry", "token_dead": True}),
    (
        _refused(400, "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 0"),
        {"state": "fix", "fix": "plain"},
    ),
    (_refused(400, "Bad Request: ENTITY_BOUNDS_INVALID"), {"state": "fix", "fix": "plain"}),
    (_refused(400, "Bad Request: BUTTON_DATA_INVALID"), {"state": "fix", "fix": "markup"}),
    (_refused(400, "Bad Request: reply markup is too long"), {"state": "fix", "fix": "markup"}),
    (_refused(400, "Bad Request: object expected as reply markup"), {"state": "fix", "fix": "markup"}),
    (_refused(400, "Bad Request: TOPIC_CLOSED"), {"state": "fix", "fix": "thread"}),
    (_refused(400, "Bad Request: message thread not found"), {"state": "fix", "fix": "thread"}),
    (_refused(400, "Bad Request: message to be replied not found"), {"state": "fix", "fix": "reply"}),
    (_refused(400, "Bad Request: message is too long"), {"state": "fix", "fix": "split"}),
    (_refused(400, "Bad Request: MESSAGE_TOO_LONG"), {"state": "fix", "fix": "split"}),
    (_refused(400, "Bad Request: message to edit not found"), {"state": "fix", "fix": "new"}),
    (_refused(400, "Bad Request: message can't be edited"), {"state": "fix", "fix": "new"}),
    (
        _refused(
            400,
            "Bad Request: message is not modified: specified new message content and reply markup are exactly the same"
            " as a current content and reply markup of the message",
        ),
        {"state": "sent"},
    ),
    (_refused(400, "Bad Request: message to delete not found"), {"state": "sent"}),
    (
        _refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid"),
        {"state": "sent"},
    ),
    (_refused(400, "Bad Request: failed to get HTTP URL content"), {"state": "retry", "delay": 1.0}),
    (_refused(400, "Bad Request: message text is empty"), {"state": "failed", "chat_gone": False}),
    (_refused(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN"), {"state": "failed", "chat_gone": False}),
    (_refused(400, "Bad Request: business connection not found"), {"state": "failed", "chat_gone": False}),
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
def test_what_certainly_failed_is_tried_again_ever_later_and_given_up_after_a_day(outcome: Outcome) -> None:
    delays = [judge(outcome, attempts=n, age=GIVE_UP_AFTER).delay for n in (*range(1, 20), 32000)]
    assert delays == sorted(delays)
    assert delays[-1] <= 60
    assert judge(outcome, attempts=8, age=GIVE_UP_AFTER + 1).state == "failed"
    assert judge(outcome, attempts=1, age=GIVE_UP_AFTER + 1).state == "retry"  # somebody asked for it again


@pytest.mark.parametrize("age", [0.0, 10 * GIVE_UP_AFTER])
def test_a_flood_hold_never_uses_up_the_attempts(age: float) -> None:
    verdict = judge(_refused(429, "Too Many Requests: retry after 5", retry_after=5), attempts=1000, age=age)
    assert verdict == Verdict("retry", delay=5, flood=True, reason="Too Many Requests: retry after 5")


def test_a_429_without_a_time_still_waits() -> None:
    assert judge(_refused(429, "Too Many Requests"), attempts=1).delay > 0


def test_what_may_be_repeated_unseen_is_never_uncertain() -> None:
    assert judge(Unknown("timeout"), method="editMessageText", attempts=1).state == "retry"
    assert judge(Unknown("timeout"), method="sendMessage", attempts=1).state == "uncertain"


@pytest.mark.parametrize(
    ("fix", "part"),
    [
        ("plain", {"entities": []}),
        ("plain", {"parse_mode": "HTML"}),
        ("markup", {"reply_markup": {}}),
        ("thread", {"message_thread_id": 3}),
        ("reply", {"reply_parameters": {"message_id": 1}}),
    ],
)
def test_what_is_complained_about_is_left_out_once(fix: Fix, part: dict[str, Any]) -> None:
    payload = {"chat_id": 1, "text": "hi"}
    assert repaired(fix, "sendMessage", {**payload, **part}) == ("sendMessage", payload)
    assert repaired(fix, "sendMessage", payload) is None


def test_a_message_that_cannot_be_edited_is_sent_anew() -> None:
    edit = {"chat_id": 1, "message_id": 5, "text": "hi"}
    assert repaired("new", "editMessageText", edit) == ("sendMessage", {"chat_id": 1, "text": "hi"})
    assert repaired("new", "sendMessage", edit) is None


@given(st.text(min_size=2, max_size=40), st.integers(0, 3))
def test_what_is_too_long_is_sent_in_pieces_that_lose_no_word(text: str, more: int) -> None:
    waiting: list[dict[str, Any]] = [{"chat_id": 1, "text": text, "entities": [], "message_thread_id": 2}]
    for _ in range(more + 1):
        if (change := repaired("split", "sendMessage", waiting[0])) is not None:
            waiting[0] = change[1]
            assert len(on_the_wire(change[1])["text"]) <= TEXT_MAX
    sent = []
    payload: dict[str, Any] | None = waiting[0]
    while payload is not None:
        sent.append(on_the_wire(payload))
        payload = rest_of(payload)
    assert "".join("".join(part["text"] for part in sent).split()) == "".join(text.split())
    assert all(part["chat_id"] == 1 and part["message_thread_id"] == 2 and REST not in part for part in sent)
