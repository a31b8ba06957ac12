"""Language, weights, order and confidence, as pure functions."""

from uuid import uuid4

import pytest

from domain.knowledge import rules
from domain.knowledge.model import Background, Candidate, PairCandidate, Passage, Word

E5 = rules.calibration("multilingual-e5-small")
BACKGROUND = Background(0.79, 0.03, 200)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Как вернуть товар?", "ru"),
        ("возврат iPhone 15 Pro Max", "ru"),
        ("How do I return an item?", "en"),
        ("refund", "en"),
        ("Where is my заказ?", "en"),
        ("Wie kann ich die Ware zurückgeben?", "other"),
        ("¿Cómo puedo devolver el producto?", "other"),
        ("Як повернути товар, якщо він не підійшов?", "other"),
        ("如何退货?", "other"),
        ("12345", "other"),
        ("👍👍", "other"),
        ("", "other"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert rules.detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "words"), [("👍🏽 🔥", False), ("?!...", False), ("", False), ("да", True), ("7", True)]
)
def test_has_words(text: str, *, words: bool) -> None:
    assert rules.has_words(text) is words


def test_rare_words_weigh_more() -> None:
    assert rules.word_weight(0) > rules.word_weight(0.1) > rules.word_weight(0.5) > rules.word_weight(1) == 0


def test_common_words_choose_no_candidates_unless_there_are_no_others() -> None:
    common, rare = Word("order", ("order",), 0.6), Word("zip", ("zip", "zips"), 0.01)
    assert rules.rare_lexemes([common, rare]) == ["zip", "zips"]
    assert rules.rare_lexemes([common]) == ["order"]
    assert rules.weighted_lexemes([common, rare])[0] == ["order", "zip", "zips"]


def test_generic_words_are_left_out() -> None:
    words = [Word("сколько", ("скольк",), 0), Word("доставка", ("доставк",), 0.1)]
    assert rules.content_words(words) == words[1:]
    assert rules.content_words(words[:1]) == words[:1]


def test_coverage_is_weighted() -> None:
    words = [Word("tent", ("tent",), 0.01), Word("order", ("order",), 0.5)]
    assert rules.coverage(words, ["tent"]) > 0.7
    assert rules.coverage(words, ["tent", "order"]) == pytest.approx(1)
    assert rules.coverage(words, []) == rules.coverage([], ["tent"]) == 0


def _candidate(text: str, cosine: float | None, hub: float | None, language: str, found: list[str]) -> Candidate:
    return Candidate(uuid4(), uuid4(), "T", None, None, text, language, cosine, hub, found)


def _order(candidates: list[Candidate], scale: rules.Calibration | None = E5) -> list[str]:
    words = [Word("tent", ("tent",), 0.01), Word("zip", ("zip",), 0.01)]
    return [passage.text for passage in rules.rank(candidates, words=words, language="en", scale=scale)]


def test_words_decide_between_close_cosines() -> None:
    near, worded = _candidate("near", 0.85, 0.8, "en", []), _candidate("worded", 0.84, 0.8, "en", ["tent", "zip"])
    assert _order([near, worded]) == ["worded", "near"]
    far = _candidate("far", 0.78, 0.8, "en", ["tent", "zip"])
    assert _order([far, near]) == ["near", "far"]


def test_a_passage_near_to_every_question_stands_back() -> None:
    hub, right = _candidate("introduction", 0.85, 0.84, "en", []), _candidate("right", 0.845, 0.80, "en", [])
    assert _order([hub, right]) == ["right", "introduction"]


def test_a_good_match_in_another_language_passes_a_weak_one_in_the_own() -> None:
    other = _candidate("other", 0.83, 0.79, "ru", [])
    assert _order([_candidate("weak", 0.82, 0.82, "en", []), other]) == ["other", "weak"]
    assert _order([_candidate("clear", 0.87, 0.80, "en", ["tent"]), other]) == ["clear", "other"]


def test_without_vectors_words_order_and_scores_stay_between_0_and_1() -> None:
    both, one = _candidate("both", None, None, "en", ["tent", "zip"]), _candidate("one", None, None, "en", ["tent"])
    assert _order([one, both], scale=None) == ["both", "one"]
    none = _candidate("none", None, None, "en", [])
    ranked = rules.rank([one, both, none], words=[Word("tent", ("tent",), 0)], language="en", scale=None)
    assert [passage.score for passage in ranked] == [1, 1, 0]
    assert rules.rank([], words=[], language="en", scale=E5) == []


def _passage(cosine: float, coverage: float, language: str = "en") -> Passage:
    return Passage(uuid4(), uuid4(), "T", None, None, "text", language, cosine, coverage, 1.0)


@pytest.mark.parametrize(
    ("passage", "confident"),
    [
        (_passage(0.88, 0.0), True),
        (_passage(0.83, 1.0), True),
        (_passage(0.83, 0.0), False),
        (_passage(0.82, 0.3), False),
        (_passage(0.83, 0.0, "ru"), True),  # across languages: lower cosines, no common words
        (_passage(0.80, 0.0, "ru"), False),
    ],
)
def test_confidence_with_the_local_model(passage: Passage, *, confident: bool) -> None:
    assert rules.is_confident([passage], language="en", background=BACKGROUND, scale=E5) is confident


def test_confidence_looks_at_the_first_passages_only() -> None:
    weak, strong = _passage(0.7, 0), _passage(0.9, 1)
    assert not rules.is_confident([weak, weak, weak, strong], language="en", background=BACKGROUND, scale=E5)
    assert not rules.is_confident([], language="en", background=BACKGROUND, scale=E5)


def test_confidence_without_vectors_needs_the_words() -> None:
    assert rules.is_confident([_passage(0, 0.7)], language="en", background=BACKGROUND, scale=None)
    assert not rules.is_confident([_passage(0, 0.5)], language="en", background=BACKGROUND, scale=None)


def test_confidence_with_another_model_is_measured_against_the_tenants_own_passages() -> None:
    scale, background = rules.calibration("text-embedding-3-small"), Background(0.2, 0.05, 100)
    assert rules.is_confident([_passage(0.45, 0)], language="en", background=background, scale=scale)
    assert not rules.is_confident([_passage(0.3, 0)], language="en", background=background, scale=scale)
    few = Background(0.2, 0.05, 3)
    assert not rules.is_confident([_passage(0.45, 0.5)], language="en", background=few, scale=scale)


WORDS = [Word("discount", ("discount",), 0.01), Word("students", ("student",), 0.01)]


@pytest.mark.parametrize(
    ("cosine", "found", "language", "threshold", "fits"),
    [
        (0.96, ["discount", "students"], "en", None, True),
        (0.94, ["discount", "students"], "en", None, True),  # every word is there
        (0.94, ["discount"], "en", None, False),
        (0.96, [], "en", None, False),  # near, and about something else
        (0.99, [], "en", None, True),
        (0.96, [], "ru", None, True),  # the other language shares no words
        (0.93, [], "ru", None, False),
        (0.90, ["discount", "students"], "en", 0.88, True),  # its own threshold, both ways
        (0.96, ["discount", "students"], "en", 0.97, False),
    ],
)
def test_pairs(cosine: float, found: list[str], language: str, threshold: float | None, *, fits: bool) -> None:
    pair = PairCandidate(uuid4(), "Is there a student discount?", "5 %", language, threshold, cosine, found, found, 2)
    assert rules.pair_fits(pair, words=WORDS, language="en", scale=E5) is fits


def test_a_pair_without_vectors_must_be_the_same_words() -> None:
    found = ["discount", "students"]
    pair = PairCandidate(uuid4(), "Student discount?", "5 %", "en", None, 0, found, found, 2)
    assert rules.pair_fits(pair, words=WORDS, language="en", scale=None)
    longer = PairCandidate(uuid4(), "Student discount on boots?", "5 %", "en", None, 0, found, found, 3)
    assert not rules.pair_fits(longer, words=WORDS, language="en", scale=None)


def test_words_for_the_same_thing_find_each_other() -> None:
    [cost, tent] = rules.with_synonyms([Word("cost", ("cost",), 0.1), Word("tent", ("tent",), 0.1)])
    assert "price" in cost.lexemes
    assert tent.lexemes == ("tent",)
