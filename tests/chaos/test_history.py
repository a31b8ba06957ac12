"""The checker itself: it must see each kind of fault in a history."""

from dataclasses import replace
from uuid import uuid4

from tests.chaos.history import Answer, Heard, History, Said, check, nonces_of

TENANT, OTHER = uuid4(), uuid4()
CHAT = (7, 70)
ONE, TWO = "N1-000001", "N1-000002"


def _good() -> History:
    return History(
        said=[Said(ONE, CHAT, TENANT, 1.0), Said(TWO, CHAT, TENANT, 2.0)],
        heard=[Heard(ONE, CHAT, 1.5), Heard(TWO, CHAT, 5.0)],
        answers=[Answer((ONE,), CHAT, TENANT, "sent", False), Answer((TWO,), CHAT, TENANT, "sent", False)],
    )


def test_a_good_history() -> None:
    verdict = check(_good())
    assert (verdict.violations, verdict.messages, verdict.lost, verdict.uncertain, verdict.gap) == ([], 2, 0, 0, 3.0)


def test_nonces_in_a_folded_answer_keep_their_order() -> None:
    assert nonces_of(f"{TWO} hello\n{ONE} again") == (TWO, ONE)


def test_what_nobody_heard_is_lost_unless_its_message_is_uncertain() -> None:
    history = _good()
    history.heard.pop()
    assert check(history).lost == 1
    history.answers[1] = replace(history.answers[1], delivery="uncertain")
    verdict = check(history)
    assert (verdict.lost, verdict.uncertain, verdict.violations) == (0, 1, [])


def test_what_was_heard_twice_must_be_marked() -> None:
    history = _good()
    history.heard.append(Heard(TWO, CHAT, 6.0))
    assert check(history).doubled_unmarked == 1
    history.answers[1] = replace(history.answers[1], told=True)
    verdict = check(history)
    assert (verdict.doubled_unmarked, verdict.doubled_marked, verdict.violations) == (0, 1, [])
    history.heard.append(Heard(TWO, CHAT, 7.0))  # a third time is never allowed
    assert check(history).doubled_unmarked == 1


def test_two_answers_to_one_message() -> None:
    history = _good()
    history.answers.append(history.answers[0])
    assert "more than one message" in check(history).violations[0]


def test_the_order_of_a_chat() -> None:
    history = _good()
    history.heard.reverse()
    assert check(history).violations[0].startswith("I3")
    history.answers[1] = replace(history.answers[1], delivery="uncertain")
    assert check(history).violations == []


def test_a_tenant_of_its_own() -> None:
    history = _good()
    history.answers[0] = replace(history.answers[0], tenant=OTHER)
    assert check(history).violations[0].startswith("I4")
    history = _good()
    history.heard[0] = replace(history.heard[0], chat=(7, 71))
    assert any(violation.startswith("I4") for violation in check(history).violations)


def test_what_is_left_open_and_what_nobody_said() -> None:
    history = _good()
    history.waiting, history.open_rows = 3, {"ready in the inbox": 2}
    history.heard.append(Heard("N9-000009", CHAT, 9.0))
    assert [violation[:2] for violation in check(history).violations] == ["I2", "I1", "I6"]
