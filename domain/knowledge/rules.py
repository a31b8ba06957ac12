"""Pure decisions: a text's language, the order of what was found, whether what was found is enough."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from domain.knowledge.model import Background, Candidate, PairCandidate, Passage, Word

COMMON_SHARE: Final = 0.25  # a word in more of the passages than this chooses no candidates, it only ranks them
_SMOOTHING: Final = 0.02  # a word seen in none of the sampled passages may still be in 1 of 50

_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
_LATIN = re.compile("[a-z]", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_WORDLIKE = re.compile(r"[^\W_]")
_TOKEN = re.compile(r"[^\W\d_]+")
_NOT_RUSSIAN = re.compile("[іїєґўђјљњћџѓќәғқңөұүһ]", re.IGNORECASE)  # other Cyrillic alphabets

# Words so common that a short text in the language has one; none is a word of the other languages we may meet.
_ENGLISH_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "the and you for with this that have are what how can does where when your from not will which who why is it "
        "of to my do i we there if any or be a an at by on long much many",
    )
)
_OTHER_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "der die das und ich nicht ein eine mit wie kann ist für zu auf wir sie mein meine le la les des une est je "
        "pas que pour dans vous avec comment mon ma el los las un una es por para con como cómo qué mi puedo il di "
        "che non sono per come o os não como posso meu em bir ve için nasıl jak nie czy się mogę",
    )
)

# What questions are made of and Postgres' stop words leave in: these say nothing about the subject.
_GENERIC_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "hello hi hey please thanks thank tell know want need would like could shall get got long much many anything "
        "something someone let us also really help question wonder "
        "здравствуйте привет пожалуйста спасибо скажите подскажите расскажите сколько какой какая какое какие каких "
        "какую каком который которые почему зачем нужно надо хочу хотел хотела хотелось могу можете сможете мочь вашем "
        "ваш ваша ваше ваши вашего ваших вами мой моя моё мое мои моего моей это этот эта очень вообще вопрос помогите",
    )
)


def detect_language(text: str) -> str:
    """ "ru", "en" or "other". Deterministic, by letters and, for Latin ones, by the commonest words."""
    letters = len(_LETTER.findall(text))
    if not letters:
        return "other"
    cyrillic = len(_CYRILLIC.findall(text))
    if cyrillic + len(_LATIN.findall(text)) < letters * 0.8:
        return "other"
    tokens = [token.lower() for token in _TOKEN.findall(text)]
    english = sum(token in _ENGLISH_WORDS for token in tokens)
    if cyrillic >= letters * (0.5 if english else 0.2):  # Russian with Latin names, not English with a Russian word
        return "other" if len(_NOT_RUSSIAN.findall(text)) > letters * 0.01 else "ru"
    return "other" if sum(token in _OTHER_WORDS for token in tokens) > english else "en"


def has_words(text: str) -> bool:
    """False for a question of emoji, punctuation or nothing."""
    return _WORDLIKE.search(text) is not None


def content_words(words: Sequence[Word]) -> list[Word]:
    """The words that say what the question is about; all of them if none does."""
    return [word for word in words if word.text not in _GENERIC_WORDS] or list(words)


# Words for one thing, as Postgres stems them: a customer asks what it costs, the table says "Price".
_SAME_THING: Final = tuple(
    frozenset(group.split())
    for group in (
        "cost price fee charg",
        "deliveri deliv ship",
        "return refund",
        "цен цена стоимост сто стоит",
        "доставк достав привезт привезет",
        "возврат вернут верн возвраща",
    )
)


def with_synonyms(words: Sequence[Word]) -> list[Word]:
    """The same words, found under the other words for the same thing too."""
    return [replace(word, lexemes=_with_synonyms(word.lexemes)) for word in words]


def _with_synonyms(lexemes: tuple[str, ...]) -> tuple[str, ...]:
    groups = [group for group in _SAME_THING if not group.isdisjoint(lexemes)]
    return tuple(sorted({*lexemes, *(lexeme for group in groups for lexeme in group)})) if groups else lexemes


def word_weight(share: float) -> float:
    """How much a word says, from the share of passages that have it: 3.9 for none, 0.7 for half, 0 for all."""
    return math.log((1 + _SMOOTHING) / (share + _SMOOTHING))


def rare_lexemes(words: Sequence[Word]) -> list[str]:
    """The lexemes that choose candidates: of the words that are not common, or of all if there are no others."""
    rare = [word for word in words if word.share <= COMMON_SHARE] or words
    return sorted({lexeme for word in rare for lexeme in word.lexemes})


def weighted_lexemes(words: Sequence[Word]) -> tuple[list[str], list[float]]:
    """All lexemes with the weight of their word, for ranking. A word's forms share it: a passage has one of them."""
    weights = {lexeme: word_weight(word.share) + 0.01 for word in words for lexeme in word.lexemes}
    return list(weights), list(weights.values())


def coverage(words: Sequence[Word], found: Collection[str]) -> float:
    """The weighted share of the question's content words that are in `found`; 0 for a question without any."""
    total = sum(word_weight(word.share) for word in words)
    return sum(word_weight(word.share) for word in words if word.text in found) / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What cosines of one embedding model mean. All are cosines but `hubness`, a factor, and `deviations`.

    words           what full coverage of the question's words is worth.
    hubness         share of a passage's nearness to questions in general that is taken off before ranking: short
                    introductions are near to every question.
    language_gap    how much lower cosines across languages are; (when a passage in the question's language is at least
                    `clear`, when none is): a weak match in the own language should not hide a good one in another.
    same_language   a passage in the question's language suffices when cosine + words * coverage reaches this.
    other_language  a passage in another language shares no words: cosine alone.
    pair            a Q&A pair whose question shares words with the customer's.
    pair_all_words  a Q&A pair that has every content word of the customer's question.
    deviations      models we have not measured: standard deviations above the tenant's own background.
    """

    words: float
    hubness: float
    language_gap: tuple[float, float]
    clear: float
    same_language: float
    other_language: float
    pair: float
    pair_all_words: float
    deviations: float | None = None


PAIR_COVERAGE: Final = 0.45  # "pensioners" for "students" has a high cosine and fewer of the words
PAIR_SAME_TEXT: Final = 0.985  # above this the two questions differ in an inflection at most
TEXT_ONLY_COVERAGE: Final = 0.6  # without vectors words are all there is, so most of them must be in one passage
JUDGED: Final = 3  # passages that may make an answer confident: those that a person would look at

# multilingual-e5-small in 4 bits, on 90 answerable and 38 other questions about a shop in two languages, and on 60
# paraphrases and near misses of 20 pairs (1 false match). Right passages have cosines of 0.80-0.91 and the best wrong
# ones 0.74-0.86, so no bar is right for all: this one refuses about one answerable question in ten and answers about
# one other in five. Why not
# fusion by reciprocal rank: ADR-0016.
_E5: Final = Calibration(
    words=0.04,
    hubness=0.47,
    language_gap=(0.01, 0.03),
    clear=0.86,
    same_language=0.843,
    other_language=0.812,
    pair=0.95,
    pair_all_words=0.93,
)

# Models nobody measured: what stands out of the tenant's own passages, or has the words. Cautious with pairs.
_UNKNOWN: Final = Calibration(
    words=0.1,
    hubness=0,
    language_gap=(0, 0.05),
    clear=1,
    same_language=0,
    other_language=0,
    pair=0.9,
    pair_all_words=0.8,
    deviations=3.5,
)
_MIN_BACKGROUND: Final = 20  # with fewer passages nothing stands out of anything

# Questions about nothing in particular: their mean direction is what every question has in common.
GENERIC_QUESTIONS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "Hello, can you help me?",
        "How does it work?",
        "What should I do?",
        "How much does it cost?",
        "When will it be ready?",
        "Where can I find it?",
        "Is it possible?",
        "Why did it not work?",
        "Who can help me with this?",
        "Do you have it?",
        "Can I change it?",
        "I have a problem, what now?",
    ),
    "ru": (
        "Здравствуйте, можете помочь?",
        "Как это работает?",
        "Что мне делать?",
        "Сколько это стоит?",
        "Когда будет готово?",
        "Где это найти?",
        "Можно ли так сделать?",
        "Почему не получилось?",
        "Кто может мне помочь?",
        "Есть ли это у вас?",
        "Можно ли это изменить?",
        "У меня проблема, что теперь?",
    ),
}


def calibration(model: str) -> Calibration:
    """What the model's cosines mean."""
    return _E5 if "multilingual-e5-small" in model else _UNKNOWN


def rank(
    candidates: Sequence[Candidate], *, words: Sequence[Word], language: str, scale: Calibration | None
) -> list[Passage]:
    """The candidates as passages, best first: by cosine and words, or by words alone (`scale` None)."""
    covered = [(candidate, coverage(words, candidate.found)) for candidate in candidates]
    own = [_closeness(c, share, scale) for c, share in covered if c.language == language]
    gap = 0.0 if scale is None else scale.language_gap[0 if own and max(own) >= scale.clear else 1]
    values = [
        _closeness(candidate, share, scale)
        - (scale.hubness * (candidate.hub or 0) if scale else 0)
        + (gap if candidate.language != language else 0)
        for candidate, share in covered
    ]
    order = sorted(range(len(values)), key=lambda index: (-values[index], -len(covered[index][0].text)))
    best = max(values, default=0.0)
    return [_passage(*covered[index], values[index] / best if best > 0 else 0.0) for index in order]


def _closeness(candidate: Candidate, share: float, scale: Calibration | None) -> float:
    return share if scale is None else (candidate.cosine or 0.0) + scale.words * share


def _passage(candidate: Candidate, share: float, score: float) -> Passage:
    return Passage(
        chunk_id=candidate.id,
        document_id=candidate.document_id,
        title=candidate.title,
        heading=candidate.heading,
        page=candidate.page,
        text=candidate.text,
        language=candidate.language,
        cosine=candidate.cosine or 0.0,
        coverage=share,
        score=max(0.0, score),
    )


def is_confident(
    passages: Sequence[Passage], *, language: str, background: Background, scale: Calibration | None
) -> bool:
    """Do these passages answer the question? `scale` None: they were found by words only."""
    return any(_suffices(passage, language, background, scale) for passage in passages[:JUDGED])


def _suffices(passage: Passage, language: str, background: Background, scale: Calibration | None) -> bool:
    if scale is None:
        return passage.coverage >= TEXT_ONLY_COVERAGE
    if scale.deviations is not None:
        if background.sampled < _MIN_BACKGROUND or not background.deviation:
            return passage.coverage >= TEXT_ONLY_COVERAGE
        height = (passage.cosine - background.mean) / background.deviation
        return height + 2 * passage.coverage >= scale.deviations
    if passage.language != language:
        return passage.cosine >= scale.other_language
    return passage.cosine + scale.words * passage.coverage >= scale.same_language


def pair_fits(pair: PairCandidate, *, words: Sequence[Word], language: str, scale: Calibration | None) -> bool:
    """Is the customer's question this pair's question? The pair's own threshold replaces the model's."""
    in_pair = coverage(words, pair.in_pair)
    if scale is None:
        return bool(words) and in_pair >= 0.99 and len(pair.in_question) == pair.question_words
    least = pair.threshold if pair.threshold is not None else scale.pair
    if pair.language != language:
        return pair.cosine >= max(least, scale.pair)
    if in_pair >= 0.99 and pair.cosine >= min(least, scale.pair_all_words):
        return pair.threshold is None or pair.cosine >= least
    return pair.cosine >= least and (in_pair >= PAIR_COVERAGE or pair.cosine >= PAIR_SAME_TEXT)
