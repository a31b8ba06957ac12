"""Language of the reply, follow-ups, the operator's summary, and the table of sentences."""

import pytest

from domain.answering.rules import handoff_summary, is_follow_up, reply_language, script_language, search_queries
from domain.answering.sentences import SENTENCES, sentence
from tests.answering.stand_ins import ask

RETURN = "How do I return an item?"


@pytest.mark.parametrize(
    ("text", "before", "contact", "expected"),
    [
        ("Как вернуть товар?", (), None, "ru"),
        ("How do I return it?", (), "ru", "en"),
        ("ok", ("Как вернуть товар?",), None, "ru"),
        ("iPhone 15", ("Как вернуть товар?",), None, "ru"),
        ("How long does delivery take?", ("Как вернуть товар?",), None, "en"),
        ("iPhone 15", (), "ru-RU", "ru"),
        ("🙂", (), "ru", "ru"),
        ("🙂", (), None, "en"),
        ("🙂", ("Добрый день",), "en", "ru"),
        ("Wie kann ich zurückgeben?", (), "de", "en"),
        ("Сколько стоит iPhone 15 Pro Max 256?", (), None, "ru"),
        ("Як повернути товар, якщо він не підійшов?", (), None, "en"),
    ],
)
def test_reply_language(text: str, before: tuple[str, ...], contact: str | None, expected: str) -> None:
    assert reply_language(ask(text, *before, contact=contact)) == expected


def test_an_assistant_may_have_a_language_of_its_own() -> None:
    assert reply_language(ask("How do I return it?", language="ru")) == "ru"
    assert reply_language(ask("Как вернуть?", language="de")) == "de"
    assert sentence("unknown", "de") == SENTENCES["en"]["unknown"]


def test_letters_decide_the_script() -> None:
    assert script_language("12345 !?") is None


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("How much does delivery to Kazan cost for furniture?", ["alone"]),
        ("How do I pay by card?", ["alone", "together"]),
        ("Warranty?", ["alone", "together"]),
        ("How long does it take?", ["together", "alone"]),
        ("why?", ["together", "alone"]),
        ("And in Kazan?", ["together", "alone"]),
        ("а в Казань?", ["together", "alone"]),
        ("сколько это стоит", ["together", "alone"]),
        ("да", ["together", "alone"]),
        ("А как вернуть товар?", ["alone", "together"]),
    ],
)
def test_follow_ups_are_read_with_the_last_question(text: str, order: list[str]) -> None:
    question = ask(text, RETURN, "Within 30 days.")
    readings = {"alone": text, "together": f"{RETURN}\n{text}"}
    assert list(search_queries(question)) == [readings[name] for name in order]
    assert [is_follow_up(query, question) for query in search_queries(question)] == [n == "together" for n in order]


def test_without_history_there_is_one_reading() -> None:
    assert search_queries(ask("How long does it take?")) == ("How long does it take?",)


def test_small_talk_in_the_history_is_passed_over() -> None:
    assert search_queries(ask("and in Kazan?", RETURN, "…", "ok", "…"))[0] == f"{RETURN}\nand in Kazan?"


def test_a_very_long_question_is_cut_for_the_search() -> None:
    assert len(search_queries(ask("слово " * 4000))[0]) <= 1000


def test_summary_for_the_operator() -> None:
    assert handoff_summary(ask("Где мой заказ 12345 из Казани?")) == "Где мой заказ 12345 из Казани?"
    assert handoff_summary(ask("operator", RETURN, "…")) == f"{RETURN} / operator"
    assert len(handoff_summary(ask("word " * 500))) <= 300


def test_every_sentence_exists_in_every_language() -> None:
    keys = {frozenset(table) for table in SENTENCES.values()}
    assert len(keys) == 1
    assert all(text.strip() for table in SENTENCES.values() for text in table.values())
