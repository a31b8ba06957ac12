"""Pure decisions of a turn: the language of the reply, what to search for, what an operator should read first."""

from collections.abc import Iterator

from domain.answering.model import Question
from domain.answering.words import content_words, vocabulary, words

QUERY_CHARS = 1_000  # of a question that is embedded; the model's window is 512 tokens
SUMMARY_CHARS = 300
SHORT_WORDS = 9  # a follow-up that leans on the last question is not longer
_ANAPHORA = vocabulary(
    """
    it its they them that those these one ones there then else
    он она оно они его ее их ему ей им нему ней ним них это этот эта эти этого этой этом этим такой такая такое такие
    там туда оттуда тогда
    """
)
_CONNECTIVES = (
    "и ",
    "а ",
    "а если ",
    "ну а ",
    "тогда ",
    "and ",
    "what about ",
    "how about ",
    "or ",
    "but ",
    "then ",
    "also ",
)


def reply_language(question: Question) -> str:
    """The language of fixed sentences: the assistant's own, else the customer's as far as it is ru or en.

    A few Latin letters ("ok", "iPhone 15") in a Russian conversation do not make it English.
    """
    if question.assistant.language not in {"", "auto"}:
        return question.assistant.language
    now = script_language(question.text)
    if now == "ru":
        return "ru"
    before = next((found for said in _customer_texts(question) if (found := script_language(said))), None)
    before = before or (question.contact_language or "")[:2] or None
    if now is None or (before == "ru" and len(words(question.text)) <= 2):
        return before or "en"
    return now


def script_language(text: str) -> str | None:
    """ru for mostly Russian letters, en for anything else with letters, None without letters."""
    letters = [character for character in text.lower() if character.isalpha()]
    if not letters:
        return None
    if any(character in "іїєґўәғқңөұүһ" for character in letters):
        return "en"  # Cyrillic, but not Russian
    return "ru" if 2 * sum("а" <= character <= "ё" for character in letters) >= len(letters) else "en"


def same_script(first: str, second: str) -> bool:
    """Whether two texts look like the same language by their letters."""
    return script_language(first) == script_language(second)


def search_queries(question: Question) -> tuple[str, ...]:
    """What to search for, the best guess first; a later one counts only if the ones before found nothing sure.

    A short message with a pronoun, or "and in Kazan?", is read together with the customer's last question; a short one
    without is tried alone first, because it may well open a new subject.
    """
    alone = question.text.strip()[:QUERY_CHARS]
    last = next((said for said in _customer_texts(question) if content_words(said)), None)
    if last is None:
        return (alone,)
    found, content = words(alone), content_words(alone)
    if len(found) > SHORT_WORDS or len(content) > 3:
        return (alone,)
    together = f"{last.strip()[: QUERY_CHARS // 2]}\n{alone}"
    continues = len(content) <= 1 and " ".join(found).startswith(_CONNECTIVES)
    if not content or continues or not _ANAPHORA.isdisjoint(found):
        return (together, alone)
    return (alone, together) if len(content) <= 2 else (alone,)


def is_follow_up(query: str, question: Question) -> bool:
    """Whether the query holds more than the message itself: then a Q&A pair it meets may be the last answer again."""
    return query != question.text.strip()[:QUERY_CHARS]


def handoff_summary(question: Question) -> str:
    """What an operator reads in the queue: the message, behind the question it follows when it is short."""
    text = " ".join(question.text.split())
    last = next(_customer_texts(question), "")
    if last and len(content_words(text)) < 3:
        text = f"{' '.join(last.split())} / {text}"
    return text if len(text) <= SUMMARY_CHARS else f"{text[: SUMMARY_CHARS - 1].rstrip()}…"


def _customer_texts(question: Question) -> Iterator[str]:
    return (said.text for said in reversed(question.history) if said.role == "customer")
