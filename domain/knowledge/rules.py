"""Pure decisions: a text's language, the fusion of two rankings, whether what was found is enough."""

import math
import re
from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from domain.knowledge.model import Background, PairCandidate, Passage, Word

# Fusion by reciprocal rank: 1 / (RANK_OFFSET + rank). 60 is the value of the method's authors (Cormack 2009); it lets
# agreement of both rankings count for more than the first place in one.
RANK_OFFSET: Final = 60
TEXT_WEIGHT: Final = 0.7  # of the full-text ranking, against 1 for the vectors
COMMON_SHARE: Final = 0.25  # a word in more of the passages than this chooses no candidates, it only ranks them
TEXT_ONLY_COVERAGE: Final = 0.6
OTHER_LANGUAGE: Final = 0.95  # a passage in the question's own language goes before its equal in another
_SMOOTHING: Final = 0.02  # a word seen in none of the sampled passages may still be in 1 of 50

_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
_LATIN = re.compile("[a-z]", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_WORDLIKE = re.compile(r"[^\W_]")
_TOKEN = re.compile(r"[^\W\d_]+")
_RUSSIAN_ONLY_LESS = re.compile("[іїєґўђјљњћџѓќәғқңөұүһ]", re.IGNORECASE)  # letters that Russian does not have

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


def detect_language(text: str) -> str:
    """ "ru", "en" or "other". Deterministic, by letters and, for Latin ones, by the commonest words."""
    letters = len(_LETTER.findall(text))
    if not letters:
        return "other"
    if len(_CYRILLIC.findall(text)) >= letters * 0.4:
        return "other" if len(_RUSSIAN_ONLY_LESS.findall(text)) > letters * 0.01 else "ru"
    if len(_LATIN.findall(text)) < letters * 0.8:
        return "other"
    tokens = [token.lower() for token in _TOKEN.findall(text)]
    english = sum(token in _ENGLISH_WORDS for token in tokens)
    other = sum(token in _OTHER_WORDS for token in tokens)
    return "other" if other > english else "en"


def has_words(text: str) -> bool:
    """False for a question of emoji, punctuation or nothing."""
    return _WORDLIKE.search(text) is not None


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


def is_confident(passages: Sequence[Passage], *, words: Sequence[Word], background: Background, language: str) -> bool:
    """Do these passages answer the question?"""
    return bool(passages)


def is_confident_by_words(passages: Sequence[Passage]) -> bool:
    """The same without vectors: words are all there is, so most of them must be in one passage."""
    return any(passage.coverage >= TEXT_ONLY_COVERAGE for passage in passages[:3])


def pair_fits(pair: PairCandidate, *, words: Sequence[Word], language: str, embedded: bool) -> bool:
    """Is the customer's question this pair's question?"""
    return pair.cosine > 0.95
