"""A dialog's queue and its turn, with everything around them scripted: folds at every moment, failures, hand-over."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.dialogs import service as dialogs
from domain.inbox.service import MAX_TURN_ATTEMPTS
from domain.kit.errors import Unavailable
from domain.kit.ids import uuid7
from shards import conversations as module
from shards.commits import TurnResult
from shards.conversations import Conversations, Pending
from tests.shards.stage import DIALOG, REF, TENANT, Stage, item


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, with dialogs that are in its mode."""
    found = Stage()

    async def find(*_: object) -> dict[Any, Any]:
        return {DIALOG: SimpleNamespace(tenant_id=TENANT, id=DIALOG, mode=found.mode, contact_language="en")}

    async def history(*_: object, **__: object) -> list[tuple[str, str]]:
        return []

    monkeypatch.setattr(dialogs, "find_dialogs", find)
    monkeypatch.setattr(dialogs, "history", history)
    monkeypatch.setattr(module, "RETRY_AFTER", 0.01)
    monkeypatch.setattr(module, "GRACE", 0.05)
    return found


@pytest.fixture
def queues(stage: Stage) -> Conversations:
    """The queues over the stage."""
    return Conversations(stage.make_turn)


async def idle(queues: Conversations) -> None:
    """Until every queue is empty and evicted."""
    async with asyncio.timeout(5):
        while len(queues):
            await asyncio.sleep(0.002)


def push(queues: Conversations, *items: Pending) -> None:
    """Push to the one dialog."""
    for one in items:
        queues.push(cast("Any", REF), one)


@pytest.mark.parametrize("moment", ["begin", "context", "ask", "answered"])
async def test_a_message_may_fold_in_at_any_moment_before_the_commit(
    stage: Stage, queues: Conversations, moment: str
) -> None:
    stage.at[moment] = lambda: push(queues, item(2))
    push(queues, item(1))
    await idle(queues)
    assert stage.answers == [((1, 2), "q1\nq2")]
    assert stage.states == {1: "done", 2: "done"}
    assert not queues.knows(1)
    assert not queues.knows(2)
    assert stage.ended.count("done") == 1
    assert len(set(stage.over)) == len(stage.over)  # clients drop what comes under a turn id that is over


async def test_a_message_that_comes_with_the_commit_is_answered_by_the_next_turn(
    stage: Stage, queues: Conversations
) -> None:
    stage.at["finish"] = lambda: push(queues, item(2))
    push(queues, item(1))
    await idle(queues)
    assert stage.answers == [((1,), "q1"), ((2,), "q2")]


@pytest.mark.parametrize("moment", ["begin", "context"])
async def test_a_fold_into_a_turn_that_a_person_took_over_is_done_with_it(
    stage: Stage, queues: Conversations, moment: str
) -> None:
    def take_over() -> None:
        stage.mode = "active"
        push(queues, item(2))

    stage.at[moment] = take_over
    push(queues, item(1))
    await idle(queues)
    assert stage.answers == []
    assert stage.states == {1: "done", 2: "done"}


async def test_a_burst_is_one_answer_of_at_most_five(stage: Stage, queues: Conversations) -> None:
    push(queues, *(item(n) for n in range(1, 8)))
    await idle(queues)
    assert [rows for rows, _ in stage.answers] == [(1, 2, 3, 4, 5), (6, 7)]


async def test_different_people_are_never_folded(stage: Stage, queues: Conversations) -> None:
    stage.at["ask"] = lambda: push(queues, item(4, sender="boris"))
    push(queues, item(1), item(2, sender="boris"), item(3))
    await idle(queues)
    assert [rows for rows, _ in stage.answers] == [(1,), (2,), (3,), (4,)]


async def test_suspects_and_commands_go_alone(stage: Stage, queues: Conversations) -> None:
    push(queues, item(1, suspect=True), item(2), item(3), item(4, command="help"), item(5))
    await idle(queues)
    assert [rows for rows, _ in stage.answers] == [(1,), (2, 3), (4,), (5,)]


async def test_a_row_that_killed_three_processes_is_buried_and_its_neighbour_answered(
    stage: Stage, queues: Conversations
) -> None:
    stage.attempts[1] = MAX_TURN_ATTEMPTS
    push(queues, item(1, suspect=True), item(2))
    await idle(queues)
    assert stage.states == {1: "dead", 2: "done"}
    assert stage.answers == [((2,), "q2")]
    assert not queues.knows(1)


async def test_a_commit_whose_confirmation_was_lost_is_not_repeated_and_takes_no_newer_message_along(
    stage: Stage, queues: Conversations
) -> None:
    def lose() -> None:
        push(queues, item(2))
        raise Unavailable("the database went away")

    stage.at["committed"] = lose
    push(queues, item(1))
    await idle(queues)
    assert stage.answers == [((1,), "q1"), ((2,), "q2")]
    assert stage.attempts == {1: 1, 2: 1}


async def test_a_database_that_is_away_costs_no_attempt(stage: Stage, queues: Conversations) -> None:
    def away() -> None:
        raise Unavailable("away")

    stage.at["finish"] = away
    push(queues, item(1))
    await idle(queues)
    assert stage.answers == [((1,), "q1")]
    assert stage.attempts == {1: 1}


async def test_a_fault_of_ours_is_tried_again_and_ends_in_a_polite_sentence(
    stage: Stage, queues: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(result: TurnResult) -> bool:
        if result.answer is not None and result.answer.handoff == "model_failed":
            return await Stage.finish(stage, result)
        raise RuntimeError("this text cannot be stored")

    monkeypatch.setattr(stage, "finish", broken)
    push(queues, item(1))
    await idle(queues)
    [(rows, text)] = stage.answers
    assert rows == (1,)
    assert text is not None
    assert "person" in text
    push(queues, item(2))  # and the dialog goes on
    await idle(queues)
    assert stage.states == {1: "done", 2: "done"}


async def test_what_cannot_even_be_apologised_for_is_buried(
    stage: Stage, queues: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: TurnResult) -> bool:
        raise RuntimeError("no")

    monkeypatch.setattr(stage, "finish", broken)
    push(queues, item(1))
    await idle(queues)
    assert stage.states == {1: "dead"}
    assert not queues.knows(1)


async def test_a_slot_that_was_lost_leaves_its_row_to_the_next_owner(stage: Stage, queues: Conversations) -> None:
    stage.lost = True
    push(queues, item(1))
    await idle(queues)
    assert stage.answers == []
    assert not queues.knows(1)


async def test_hand_over_gives_a_running_turn_back_with_its_attempt(stage: Stage, queues: Conversations) -> None:
    stage.gate.clear()
    push(queues, item(1))
    while not stage.asked:
        await asyncio.sleep(0)
    push(queues, item(9, sender="boris"))
    assert queues.freeze(frozenset({5})) == {5}
    await queues.settle(frozenset({5}))
    assert (stage.states[1], stage.attempts[1]) == ("accepted", 0)
    assert stage.ended[-1] == "aborted"
    queues.forget(frozenset({5}))
    assert not any(queues.knows(row) for row in (1, 9))
    stage.gate.set()
    push(queues, item(1), item(9, sender="boris"))  # the slot came back
    await idle(queues)
    assert [rows for rows, _ in stage.answers] == [(1,), (9,)]


async def test_forgetting_a_queue_that_waits_for_room_leaves_nothing_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TURNS", 1)
    queues = Conversations(stage.make_turn)
    stage.gate.clear()
    push(queues, item(1))
    other = replace(REF, id=uuid7(), slot=6)
    queues.push(cast("Any", other), item(2, slot=6))
    while not stage.asked:
        await asyncio.sleep(0)
    assert queues.freeze(frozenset({6})) == frozenset()
    queues.forget(frozenset({6}))
    assert not queues.knows(2)
    stage.gate.set()
    await idle(queues)
    await queues.stop()


async def test_pushing_again_changes_nothing(stage: Stage, queues: Conversations) -> None:
    push(queues, item(1), item(1))
    await idle(queues)
    assert stage.answers == [((1,), "q1")]
