"""An answer as Bot API sends: nothing lost, nothing too long, every entity where it belongs."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bots.rendering import MAX_UNITS, sends
from domain.outbox import OutboxDraft


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _sends(text: str, *, citations: list[dict[str, Any]] | None = None, address: str = "77") -> list[OutboxDraft]:
    nobody = UUID(int=0)
    return sends(
        tenant_id=nobody,
        slot=3,
        bot_id=1001,
        dialog_id=nobody,
        message_id=nobody,
        address=address,
        text=text,
        citations=citations or [],
        language="en",
    )


def _check(drafts: list[OutboxDraft]) -> None:
    assert [draft.part for draft in drafts] == list(range(len(drafts)))
    assert {draft.parts for draft in drafts} == {len(drafts)}
    for draft in drafts:
        text = draft.payload["text"]
        text.encode("utf-8")  # no half of an emoji
        assert 0 < _units(text) <= MAX_UNITS
        encoded = text.encode("utf-16-le")
        for entity in draft.payload.get("entities", []):
            start, end = entity["offset"], entity["offset"] + entity["length"]
            assert 0 <= start < end <= _units(text)
            encoded[start * 2 : end * 2].decode("utf-16-le")  # does not cut an emoji in two


def test_markup_becomes_entities() -> None:
    [draft] = _sends("Return it within **14 days**.")
    assert draft.payload["text"] == "Return it within 14 days."
    [entity] = draft.payload["entities"]
    assert (entity["type"], entity["offset"], entity["length"]) == ("bold", 17, 7)
    assert (draft.method, draft.chat_id, draft.payload["chat_id"]) == ("sendMessage", 77, 77)


@pytest.mark.parametrize("text", ["a < b and c > d", "use <b>bold</b> tags", "x<y", "<script>alert(1)</script>"])
def test_angle_brackets_are_kept(text: str) -> None:
    [draft] = _sends(text)
    assert draft.payload["text"].strip() == text


def test_code_keeps_its_brackets_too() -> None:
    [draft] = _sends("write `a < b` here")
    assert "a < b" in draft.payload["text"]
    assert "&lt;" not in draft.payload["text"]


def test_sources_are_listed_under_the_answer() -> None:
    citations = [{"n": 1, "title": "Returns", "heading": "Deadlines", "page": 3}, {"n": 2, "title": "Q&A"}]
    [draft] = _sends("Within 14 days [1].", citations=citations)
    assert draft.payload["text"].endswith("Sources:\n[1] Returns - Deadlines - p. 3\n[2] Q&A")


def test_a_topic_is_answered_in_its_topic() -> None:
    [draft] = _sends("hi", address="-100500/7")
    assert (draft.chat_id, draft.payload["message_thread_id"]) == (-100500, 7)


@pytest.mark.parametrize(
    "text", ["word " * 4000, "🙂" * 5000, "без пробелов" * 900, "**" + "bold text " * 900 + "end**"]
)
def test_long_texts_are_split_safely_and_whole(text: str) -> None:
    drafts = _sends(text)
    assert len(drafts) > 1
    _check(drafts)
    joined = "".join("".join(draft.payload["text"].split()) for draft in drafts)
    assert joined == "".join(text.replace("**", "").split())


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab я🙂👩‍👩‍👧*_`[]()<>&#-.!\n\\~|1"), min_size=1, max_size=300))
def test_any_text_becomes_valid_sends(text: str) -> None:
    _check(_sends(f"x {text * 40}"))
