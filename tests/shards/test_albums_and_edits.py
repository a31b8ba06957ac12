"""Albums and edits in a dialog's queue, with everything around it scripted."""

import asyncio

import pytest

from shards import conversations as module
from shards.conversations import Conversations
from tests.shards.stage import REF, Stage, item
from tests.shards.test_turns import idle, push, queues, stage

__all__ = ["queues", "stage"]  # fixtures


@pytest.fixture(autouse=True)
def _short_albums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALBUM_QUIET", 0.15)


async def test_an_album_is_collected_before_its_turn(stage: Stage, queues: Conversations) -> None:
    for number in range(1, 9):
        push(queues, item(number, album="a", question="what is it?" if number == 3 else ""))
        for _ in range(50):  # in so many turns of the loop the first one would be answered
            await asyncio.sleep(0)
    await idle(queues)
    assert stage.asked == ["what is it?"]
    assert stage.answers == [((1, 2, 3, 4, 5, 6, 7, 8), "what is it?")]


async def test_an_album_that_comes_while_something_else_is_asked_is_collected_behind_it(
    stage: Stage, queues: Conversations
) -> None:
    stage.at["ask"] = lambda: push(queues, item(2, album="a"))
    stage.at["answered"] = lambda: push(queues, item(3, album="a"))
    push(queues, item(1))
    await idle(queues)
    assert [rows for rows, _ in stage.answers] == [(1,), (2, 3)]


async def test_the_rows_of_an_album_stay_together_after_a_crash(stage: Stage, queues: Conversations) -> None:
    push(queues, *(item(number, album="a", suspect=True) for number in (1, 2, 3)), item(4, suspect=True))
    await idle(queues)
    assert [rows for rows, _ in stage.answers] == [(1, 2, 3), (4,)]


async def test_an_edit_replaces_the_words_of_its_message_in_a_running_turn(stage: Stage, queues: Conversations) -> None:
    def edit() -> None:
        stage.states[1] = "done"  # as the edit's commit leaves it
        push(queues, item(3, seq=1, question="better"))

    stage.at["ask"] = edit
    push(queues, item(1, question="worse"), item(2, seq=2, question="and this"))
    await idle(queues)
    assert stage.asked == ["worse\nand this", "better\nand this"]
    assert stage.answers == [((1, 2, 3), "better\nand this")]


async def test_an_edit_that_comes_with_the_commit_leaves_no_answer_to_the_old_words(
    stage: Stage, queues: Conversations
) -> None:
    def edit() -> None:
        stage.states[1] = "done"
        push(queues, item(2, seq=1, question="better"))

    stage.at["finish"] = edit
    push(queues, item(1, question="worse"))
    await idle(queues)
    assert stage.answers == [((2,), "better")]


async def test_a_draft_that_is_over_stops_nothing(stage: Stage, queues: Conversations) -> None:
    stage.at["ask"] = lambda: queues.stop_turn(REF.source, REF.address, 12345)
    push(queues, item(1))
    await idle(queues)
    assert stage.answers == [((1,), "q1")]
