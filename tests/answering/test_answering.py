"""The order of a turn's decisions, without a model and with a stand-in for one."""

import pytest

from domain.answering import Answering
from domain.answering.sentences import SENTENCES
from domain.clients.chat import LlmInterrupted, LlmUnavailable
from domain.knowledge.model import Retrieval
from tests.answering.stand_ins import NOTHING, Ears, HandClock, Parrot, Shelf, ask, found, pair, passage

RETURN = passage("Send it back within 30 days of receipt. Socks are excluded.", heading="How long you have", page=2)
DELIVERY = passage("The courier costs 350 roubles.", title="Delivery")
KNOWN = found(RETURN, DELIVERY)
EN, RU = SENTENCES["en"], SENTENCES["ru"]


def answering(shelf: Shelf | Retrieval = KNOWN, llm: Parrot | None = None) -> Answering:
    return Answering(shelf if isinstance(shelf, Shelf) else Shelf(shelf), llm, HandClock())


async def test_echo_repeats_without_any_search() -> None:
    shelf = Shelf(KNOWN)
    answer = await answering(shelf).answer(ask("  Позовите оператора ", mode="echo"), Ears())
    assert answer.text == "  Позовите оператора "
    assert (answer.handoff, shelf.asked, answer.receipt["way"]) == (None, [], "echo")


@pytest.mark.parametrize(("text", "language"), [("I want to talk to a human", EN), ("Позовите оператора", RU)])
async def test_a_person_is_called_when_asked_for(text: str, language: dict[str, str]) -> None:
    shelf = Shelf(KNOWN)
    answer = await answering(shelf, Parrot("x")).answer(ask(text), Ears())
    assert (answer.text, answer.handoff, shelf.asked) == (language["asked"], "asked", [])
    assert answer.receipt["why"] == "the customer asked for a person"


async def test_an_open_request_is_not_announced_again() -> None:
    asked = await answering().answer(ask("operator", handoff_open=True), Ears())
    unknown = await answering(NOTHING).answer(ask("Wer hat Faust geschrieben?", handoff_open=True), Ears())
    assert (asked.text, asked.handoff) == (EN["asked_open"], None)
    assert (unknown.text, unknown.handoff) == (EN["unknown_open"], None)
    assert unknown.receipt["handoff_was_open"] is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Привет!", RU["greeting"]),
        ("thanks!", EN["thanks"]),
        ("до свидания", RU["bye"]),
        ("👍👍", EN["wordless"]),
        ("?", EN["wordless"]),
    ],
)
async def test_small_talk_needs_nobody(text: str, expected: str) -> None:
    shelf = Shelf(NOTHING)
    answer = await answering(shelf).answer(ask(text), Ears())
    assert (answer.text, answer.handoff, shelf.asked) == (expected, None, [])


async def test_the_assistants_own_greeting_is_used() -> None:
    answer = await answering().answer(ask("hello", greeting={"en": "Ahoy! Nora here."}), Ears())
    assert answer.text == "Ahoy! Nora here."


async def test_a_verified_pair_answers_by_itself() -> None:
    llm, ears = Parrot("no"), Ears()
    answer = await answering(found(pair=pair("Refund?", "In 5 working days.")), llm).answer(ask("refunds when?"), ears)
    assert (answer.text, answer.verified, llm.requests) == ("In 5 working days. [1]", True, [])
    assert ears.heard == answer.text
    [citation] = answer.citations
    assert (citation.document_id, citation.title, citation.heading) == (None, "Q&A", "Refund?")


async def test_a_pair_in_another_language_is_given_to_the_model() -> None:
    llm = Parrot("За 5 рабочих дней [1].")
    shelf = Shelf(found(pair=pair("Refund?", "In 5 working days."), confident=False))
    answer = await answering(shelf, llm).answer(ask("Когда вернутся деньги?"), Ears())
    assert (answer.text, answer.verified) == ("За 5 рабочих дней [1].", False)
    assert "In 5 working days." in llm.requests[0].messages[-1].content
    alone = await answering(shelf).answer(ask("Когда вернутся деньги?"), Ears())
    assert alone.verified


async def test_an_extract_is_spoken_in_pieces_with_its_source() -> None:
    ears, clock = Ears(), HandClock()
    answer = await Answering(Shelf(KNOWN), None, clock).answer(ask("How many days do I have to send it back?"), ears)
    assert answer.text == "Send it back within 30 days of receipt. Socks are excluded. [1]"
    assert ears.heard == answer.text
    assert 3 <= len(ears.pieces) <= 10
    assert clock.slept == [0.01] * (len(ears.pieces) - 1)
    [citation] = answer.citations
    assert (citation.document_id, citation.page, citation.n) == (RETURN.document_id, 2, 1)
    assert citation.excerpt.startswith("Send it back")
    assert answer.usage.model == "extractive"


async def test_the_receipt_says_what_was_found() -> None:
    receipt = (await answering().answer(ask("How many days?"), Ears())).receipt
    assert [p["id"] for p in receipt["passages"]] == [str(RETURN.chunk_id), str(DELIVERY.chunk_id)]
    assert receipt["passages"][0] | {"score": 0.7, "cosine": 0.9, "coverage": 0.8} == receipt["passages"][0]
    assert (receipt["way"], receipt["confident"], receipt["handoff"]) == ("extractive", True, None)
    assert receipt["latency_ms"] >= 10


@pytest.mark.parametrize("llm", [None, Parrot("I think...")])
async def test_what_is_not_known_goes_to_a_person(llm: Parrot | None) -> None:
    answer = await answering(found(DELIVERY, confident=False), llm).answer(ask("Кто написал Фауста?"), Ears())
    assert (answer.text, answer.handoff, answer.citations) == (RU["unknown"], "unknown", ())
    assert llm is None or llm.requests == []


async def test_a_third_language_gets_english_sentences_and_the_models_own_words() -> None:
    unknown = await answering(NOTHING).answer(ask("Wer hat Faust geschrieben?"), Ears())
    assert unknown.text == EN["unknown"]
    spoken = await answering(KNOWN, Parrot("Innerhalb von 30 Tagen [1].")).answer(
        ask("Wie lange habe ich Zeit?"), Ears()
    )
    assert (spoken.text, spoken.handoff) == ("Innerhalb von 30 Tagen [1].", None)


async def test_a_follow_up_is_searched_with_the_last_question() -> None:
    together = "How do I return a tent?\nand how long does it take?"
    shelf = Shelf(NOTHING, {together: KNOWN})
    answer = await answering(shelf).answer(ask("and how long does it take?", "How do I return a tent?", "…"), Ears())
    assert shelf.asked == [together]
    assert answer.receipt["query"] == together


async def test_a_pair_met_by_the_last_question_does_not_repeat_its_answer() -> None:
    together = "How do I return a tent?\nand how long does it take?"
    shelf = Shelf(NOTHING, {together: found(RETURN, pair=pair("How do I return a tent?", "Press Return."))})
    answer = await answering(shelf).answer(ask("and how long does it take?", "How do I return a tent?", "…"), Ears())
    assert "30 days" in answer.text


async def test_a_short_question_may_open_a_new_subject() -> None:
    shelf = Shelf(NOTHING, {"Delivery cost?": KNOWN})
    await answering(shelf).answer(ask("Delivery cost?", "How do I return a tent?", "…"), Ears())
    assert shelf.asked == ["Delivery cost?"]


async def test_the_model_answers_from_the_passages_and_streams() -> None:
    llm, ears = Parrot("Within", " 30", " days [", "1] of", " receipt."), Ears()
    answer = await answering(KNOWN, llm).answer(ask("How long?", model="big", temperature=0.7), ears)
    assert answer.text == ears.heard == "Within 30 days [1] of receipt."
    assert len(ears.pieces) > 2
    assert [c.document_id for c in answer.citations] == [RETURN.document_id]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (100, 10)
    assert (llm.requests[0].model, llm.requests[0].temperature) == ("big", 0.7)
    assert answer.receipt["prompt_version"] == "answer-1"
    assert answer.receipt["first_token_ms"] == 0


async def test_markers_are_renumbered_and_unknown_ones_dropped() -> None:
    answer = await answering(KNOWN, Parrot("350 roubles [2], 30 days [1], nonsense [9].")).answer(ask("q"), Ears())
    assert answer.text == "350 roubles [1], 30 days [2], nonsense."
    assert [(c.n, c.title) for c in answer.citations] == [(1, "Delivery"), (2, "Returns")]


async def test_an_answer_without_a_marker_gets_the_best_passage() -> None:
    ears = Ears()
    answer = await answering(KNOWN, Parrot("Within 30 days.")).answer(ask("q"), ears)
    assert answer.text == ears.heard == "Within 30 days. [1]"
    assert [c.title for c in answer.citations] == ["Returns"]


@pytest.mark.parametrize("said", ["NO_ANSWER", '"NO_ANSWER".', "I do not know: the documents do not say.", "", "  "])
async def test_a_model_that_finds_no_answer_hands_over(said: str) -> None:
    ears = Ears()
    answer = await answering(KNOWN, Parrot(said)).answer(ask("Who wrote Faust?"), ears)
    assert (answer.text, answer.handoff, answer.citations) == (EN["unknown"], "unknown", ())
    assert "NO_ANSWER" not in ears.heard
    assert answer.usage.prompt_tokens == 100


@pytest.mark.parametrize("pieces", [(), ("Within ", "30 days ")])
async def test_a_failed_model_is_excused_and_a_person_called(pieces: tuple[str, ...]) -> None:
    error = LlmInterrupted("cut", partial="Within 30 days ") if pieces else LlmUnavailable("status_500")
    answer = await answering(KNOWN, Parrot(*pieces, error=error)).answer(ask("Сколько дней?"), Ears())
    assert answer.text.startswith(RU["model_failed"])
    assert answer.text.endswith("Send it back within 30 days of receipt. Socks are excluded. [1]")
    assert answer.handoff == "model_failed"
    assert [c.title for c in answer.citations] == ["Returns"]
    assert answer.receipt["failure"] == error.why
    assert "500" not in answer.text


class Lost(Exception):
    """What the shard's emit raises when the turn must stop."""


async def test_what_emit_raises_stops_the_model() -> None:
    llm = Parrot("one ", "two ", "three ")

    async def emit(text: str) -> None:
        raise Lost

    with pytest.raises(Lost):
        await answering(KNOWN, llm).answer(ask("q"), emit)
    assert llm.closed == 1


async def test_an_injected_link_does_not_come_through() -> None:
    ears = Ears()
    evil = "See [here](https://evil.com/?d=secret) ![x](https://evil.com/p.png) https://evil.com/a [1]"
    answer = await answering(KNOWN, Parrot(evil)).answer(ask("q"), ears)
    assert "evil.com" not in answer.text
    assert "evil.com" not in ears.heard


async def test_links_of_the_passages_and_instructions_stay() -> None:
    shelf = Shelf(found(passage("Fill in https://shop.example/returns first.")))
    llm = Parrot("Fill in https://shop.example/returns?x=1 or ask at help.example.org/chat [1].")
    answer = await answering(shelf, llm).answer(ask("q", instructions="Chat: https://help.example.org/"), Ears())
    assert answer.text == "Fill in https://shop.example/returns?x=1 or ask at help.example.org/chat [1]."
