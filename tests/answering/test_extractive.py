"""Answers without a model: the right sentence, the whole list, the rows that were asked for."""

import pytest

from domain.answering.extractive import extract
from domain.answering.sources import Source, of_passage
from tests.answering.stand_ins import passage

TIME = """We want you to keep what you use. You have 30 days from the day you received the order to send an item back,
counted from the date on the delivery slip. Items bought in the Last Chance sale can be sent back within 14 days."""
STEPS = """## How to send an item back

1. Open **My orders**, choose the order and press **Return**.
2. Mark the items and the reason.
   The code is valid for 10 days.
3. Pack the items and write the code on the box.

If you ordered as a guest, use the link in the e-mail."""
TABLE = """## Способы и цены

| Способ | Срок | Цена |
| --- | --- | --- |
| Курьер, Москва | 1–2 дня | 350 рублей |
| Пункты выдачи | 2–5 дней | 190 рублей |
| Экспресс | 3 часа | 690 рублей |

Экспресс-заказ нужно оформить до 18:00."""


def source(text: str, heading: str | None = None, language: str = "en") -> Source:
    return of_passage(passage(text, heading=heading, language=language))


@pytest.mark.parametrize(
    ("text", "question", "language", "contains", "lacks"),
    [
        (TIME, "How many days do I have to send an item back?", "en", "30 days", "keep what you use"),
        (TIME, "What about Last Chance sale items?", "en", "within 14 days", "keep what"),
        (STEPS, "How do I send an item back?", "en", "1. Open **My orders**", "guest"),
        (STEPS, "How do I send an item back?", "en", "valid for 10 days.\n3. Pack", "guest"),
        (STEPS, "I ordered as a guest, what now?", "en", "use the link", "Pack the items"),
        (TABLE, "Сколько стоит экспресс-доставка?", "ru", "Экспресс", "Пункты"),
        (TABLE, "Сколько стоит курьер в Москву?", "ru", "- Курьер, Москва — Срок: 1–2 дня; Цена: 350", "190"),
        (TABLE, "Какие есть способы и цены?", "ru", "690 рублей", "18:00"),
    ],
)
def test_the_fitting_part(text: str, question: str, language: str, contains: str, lacks: str) -> None:
    found = extract([source(text, language=language)], question, language)
    assert contains in found.text
    assert lacks not in found.text


def test_a_list_comes_with_what_introduces_it() -> None:
    text = "These cannot be returned:\n- opened socks\n- gas cartridges\n\nAll else can."
    assert extract([source(text)], "Can gas cartridges be returned?", "en").text == (
        "These cannot be returned:\n- opened socks\n- gas cartridges"
    )


def test_a_list_without_introduction_gets_its_heading() -> None:
    found = extract([source("- opened socks\n- gas cartridges", heading="Not returnable")], "gas?", "en")
    assert found.text == "Not returnable:\n- opened socks\n- gas cartridges"


def test_the_parsers_ways_of_writing_are_read() -> None:
    table = "Way | Price\nOur stores | free\nCourier | 290 roubles\n\nFaulty items are collected free."
    found = extract([source(table, heading="Returns › 2. What a return costs")], "What does the courier cost?", "en")
    assert found.text == "What a return costs:\n- Courier — Price: 290 roubles"
    items = source("• worn soles\n\n• mould after wet storage\n\n• fire", heading="5. Not covered")
    assert extract([items], "Is mould covered?", "en").text == (
        "Not covered:\n• worn soles\n• mould after wet storage\n• fire"
    )


def test_what_stands_under_the_asked_heading_goes_before_single_words() -> None:
    steps = source("1. Open the app.\n2. Press the button.", heading="Returns › How to return an item")
    other = source("Companies return an item within 14 days.", heading="Business")
    assert extract([steps, other], "How do I return an item?", "en").source == 0


def test_words_may_choose_another_passage_than_the_first() -> None:
    sources = [source("Our stores open at ten. Parking is free."), source("Gift cards are valid for three years.")]
    assert extract(sources, "How long are gift cards valid?", "en").source == 1


def test_the_customers_language_is_preferred() -> None:
    sources = [source("Gift cards are valid."), source("Карты действуют три года.", language="ru")]
    assert extract(sources, "Сколько действуют gift карты?", "ru").source == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("First sentence. Second sentence.", "First sentence. Second sentence."),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "- 1 — b: 2"),
        ("just words without an end", "just words without an end"),
        ("# Only a heading", "# Only a heading"),
    ],
)
def test_no_common_word_means_the_beginning_of_the_best_passage(text: str, expected: str) -> None:
    assert extract([source(text)], "Wie lange dauert es?", "en").text.endswith(expected)


def test_a_question_in_a_third_language_gets_the_language_of_the_reply() -> None:
    sources = [source("Товар можно вернуть.", language="ru"), source("You can return an item.", language="en")]
    assert extract(sources, "Wie kann ich einen Artikel zurückgeben?", "en").text == "You can return an item."
    assert extract(sources, "Wie kann ich einen Artikel zurückgeben?", "ru").text == "Товар можно вернуть."


def test_footnotes_and_images_of_the_document_are_left_out() -> None:
    found = extract(
        [source("Return it in 30 days [12]. ![x](https://shop.example/i.png) Free. See shop.ru.")], "q", "en"
    )
    assert found.text == "Return it in 30 days.  Free. See shop.ru."


@pytest.mark.parametrize("text", ["", "   ", "|", "| --- |", "-", "1.", "#", "\n\n", "- \n| \n# \n1) ", "x" * 5000])
def test_odd_passages_do_not_break_it(text: str) -> None:
    assert len(extract([source(text)], "anything here?", "en").text) <= 800
