"""The default answer: read the passages in the prompt, answer with the sentence that fits the question best.

The prompt is expected to hold `<passages>` ... `</passages>`, each tag on its own line, with, for each passage, a line
`[n] Title - heading` followed by its text. When nothing fits, the reply is what the prompt orders ("reply with exactly
X") or, without such an order, a sentence in the question's language. No model is involved: words are compared by their
first letters, rare words count more.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass

BLOCK = re.compile(r"^<passages>$(.*?)^</passages>$", re.DOTALL | re.MULTILINE)  # prose may mention the tag
ORDERED = re.compile(r"reply with exactly (\w+)")
HEAD = re.compile(r"^\[(\d+)\][ \t]*(.*)$", re.MULTILINE)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
WORD = re.compile(r"[^\W_]+")
STEM = 5  # letters that survive Russian and English endings in most words
HEAD_WEIGHT = 0.5  # a title says what a passage is about, but it is not the answer
ENOUGH = 0.3  # share of the question's word weight a sentence must cover
UNKNOWN = {"ru": "Я не знаю: в документах об этом ничего нет.", "en": "I do not know: the documents do not say."}
STOP_WORDS = """
    a an the is are be do does did i you we it he she they my your our me to of in on at for with and or if can could
    how what when where which who why will would there this that have has from by as not am was were about any get
    и в во на с со к ко у о об от до за из по для как что когда где кто чем или ли не ни бы же я мы вы он она они оно
    мой моя мое мне меня мои вас вам нас нам это этот эта эти есть быть если можно могу какой какая какие сколько
"""
STOP = frozenset(STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class Passage:
    """One numbered passage of the prompt."""

    n: int
    head: str
    text: str


def passages(prompt: str) -> list[Passage]:
    """Every passage in every passages block, in order."""
    found: list[Passage] = []
    for block in BLOCK.findall(prompt):
        heads = list(HEAD.finditer(block))
        ends = [h.start() for h in heads[1:]] + [len(block)]
        found += [
            Passage(int(h[1]), h[2].strip(), block[h.end() : end].strip()) for h, end in zip(heads, ends, strict=True)
        ]
    return found


def language(text: str) -> str:
    """`ru` when most letters are Cyrillic, else `en`."""
    letters = [c for c in text.lower() if c.isalpha()]
    return "ru" if sum("а" <= c <= "ё" for c in letters) * 2 > len(letters) else "en"


def stems(text: str) -> set[str]:
    """Beginnings of the words that carry meaning."""
    return {w[:STEM] for w in WORD.findall(text.lower()) if w not in STOP}


def answer(prompt: str, question: str) -> str:
    """The best sentence with its marker, as `... [2]`; or that it does not know, as ordered by the prompt."""
    tongue = language(question)
    candidates = [
        (p, sentence.strip())
        for p in passages(prompt)
        for sentence in SENTENCE.split(p.text)
        if len(sentence.strip()) > 1
    ]
    best = _best(candidates, stems(BLOCK.sub(" ", question)), tongue)
    if best is not None:
        return f"{best[1]} [{best[0].n}]"
    ordered = ORDERED.search(prompt)
    return ordered[1] if ordered else UNKNOWN[tongue]


def _best(candidates: list[tuple[Passage, str]], asked: set[str], tongue: str) -> tuple[Passage, str] | None:
    """The candidate that covers most of the question's weight; None if no one covers enough."""
    seen = Counter(stem for _, sentence in candidates for stem in stems(sentence))
    weight = {stem: math.log(1 + (len(candidates) + 1) / (seen[stem] + 1)) for stem in asked}
    total = sum(weight.values())
    if not total:
        return None

    def score(candidate: tuple[Passage, str]) -> float:
        own = stems(candidate[1]) & asked
        head = (stems(candidate[0].head) & asked) - own
        covered = sum(weight[s] for s in own) + HEAD_WEIGHT * sum(weight[s] for s in head)
        return covered / total * (1.0 if language(candidate[1]) == tongue else 0.8)

    best = max(candidates, key=score, default=None)
    return best if best is not None and score(best) >= ENOUGH else None
