"""Pure decisions: a text's language, the fusion of two rankings, whether what was found is enough."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.knowledge.model import Background, PairCandidate, Passage, Word

# Fusion by reciprocal rank: 1 / (RANK_OFFSET + rank). 60 is the value of the method's authors (Cormack 2009); it lets
# agreement of both rankings count for more than the first place in one.
RANK_OFFSET: Final = 60
TEXT_WEIGHT: Final = 0.7  # of the full-text ranking, against 1 for the vectors
COMMON_SHARE: Final = 0.25  # a word in more of the passages than this chooses no candidates, it only ranks them
OTHER_LANGUAGE: Final = 0.95  # a passage in the question's own language goes before its equal in another
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


def fuse(by_vector: Sequence[UUID], by_text: Sequence[UUID]) -> dict[UUID, float]:
    """Scores 0..1 (1: first in both rankings), best first. Equal scores keep the vectors' order."""
    scores: dict[UUID, float] = {}
    for weight, ranking in ((1.0, by_vector), (TEXT_WEIGHT, by_text)):
        for rank, chunk_id in enumerate(ranking, start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + weight / (RANK_OFFSET + rank)
    best = (1.0 + TEXT_WEIGHT) / (RANK_OFFSET + 1)
    return {chunk: score / best for chunk, score in sorted(scores.items(), key=lambda item: -item[1])}


@dataclass(frozen=True, slots=True)
class Calibration:
    """What cosines of one embedding model mean. All but the last are cosines.

    same_language   a passage in the question's language suffices when cosine + WORDS_COUNT * coverage reaches this.
    other_language  a passage in another language shares no words, and its cosines are lower: cosine alone.
    pair            a Q&A pair whose question shares words with the customer's.
    pair_all_words  a Q&A pair that has every content word of the customer's question.
    deviations      models we have not measured: standard deviations above the tenant's own background.
    """

    same_language: float
    other_language: float
    pair: float
    pair_all_words: float
    deviations: float | None = None


WORDS_COUNT: Final = 0.04  # full coverage of the words is worth this much cosine (fitted with same_language)
PAIR_COVERAGE: Final = 0.45  # "skis" for "tents" and "pensioners" for "students" have high cosines and fewer words
PAIR_SAME_TEXT: Final = 0.985  # above this the two questions differ in an inflection at most
TEXT_ONLY_COVERAGE: Final = 0.6  # without vectors words are all there is, so most of them must be in one passage
JUDGED: Final = 3  # passages that may make an answer confident: those that a person would look at

# multilingual-e5-small in 4 bits, fitted on 68 questions about a shop (40 answerable, 28 not; 4 false refusals, 2
# false answers), 40 questions across languages and 60 paraphrases and near misses of 20 pairs (1 false match).
# Right passages had cosines of 0.82-0.91, the best wrong ones 0.76-0.85: hence the words.
_E5: Final = Calibration(same_language=0.855, other_language=0.812, pair=0.95, pair_all_words=0.93)

# Models nobody measured: what stands out of the tenant's own passages, or has the words. Cautious with pairs.
_UNKNOWN: Final = Calibration(same_language=0, other_language=0, pair=0.9, pair_all_words=0.8, deviations=3.5)
_MIN_BACKGROUND: Final = 20  # with fewer passages nothing stands out of anything


def calibration(model: str) -> Calibration:
    """What the model's cosines mean."""
    return _E5 if "multilingual-e5-small" in model else _UNKNOWN


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
    return passage.cosine + WORDS_COUNT * passage.coverage >= scale.same_language


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
