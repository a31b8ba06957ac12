"""What an assistant may be told, and in which language it greets; pure."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from domain.assistants.model import Assistant
from domain.kit.errors import Invalid

NAME_MAX = 100
INSTRUCTIONS_MAX = 20_000
GREETING_MAX = 1_000
SUGGESTIONS_MAX = 6
SUGGESTION_MAX = 120

_GREETINGS = {"en": "Hello! How can I help?", "ru": "Здравствуйте! Чем могу помочь?"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person sets; everything else is ours."""

    name: str
    instructions: str = ""
    model: str | None = None
    temperature: float = 0.2
    language: str = "auto"
    mode: Literal["answer", "echo"] = "answer"
    greeting: dict[str, str] = field(default_factory=dict)
    suggestions: dict[str, list[str]] = field(default_factory=dict)


def checked(draft: Draft) -> Draft:
    """The draft itself. Raises Invalid with the first thing that is wrong."""
    problems = [
        (not draft.name.strip(), "The assistant's name is empty."),
        (len(draft.name) > NAME_MAX, f"The assistant's name is too long: use at most {NAME_MAX} characters."),
        (
            len(draft.instructions) > INSTRUCTIONS_MAX,
            f"The instructions are too long: use at most {INSTRUCTIONS_MAX} characters.",
        ),
        (not 0 <= draft.temperature <= 2, "The temperature must be between 0 and 2."),
        (not _is_language(draft.language, auto=True), 'The language must be "auto" or a code such as "en" or "ru".'),
        (
            not all(map(_is_language, (*draft.greeting, *draft.suggestions))),
            'Greetings and suggestions are keyed by language codes such as "en" or "ru".',
        ),
        (
            any(len(text) > GREETING_MAX for text in draft.greeting.values()),
            f"A greeting is too long: use at most {GREETING_MAX} characters.",
        ),
        (
            any(len(texts) > SUGGESTIONS_MAX for texts in draft.suggestions.values()),
            f"There are too many suggestions: use at most {SUGGESTIONS_MAX} a language.",
        ),
        (
            any(not 0 < len(text) <= SUGGESTION_MAX for texts in draft.suggestions.values() for text in texts),
            f"A suggestion is empty or too long: use 1 to {SUGGESTION_MAX} characters.",
        ),
    ]
    for wrong, sentence in problems:
        if wrong:
            raise Invalid(sentence)
    return draft


def draft_of(assistant: Assistant, changes: dict[str, Any]) -> Draft:
    """The assistant as a draft, with `changes` (field name to value) on top."""
    values = {item.name: getattr(assistant, item.name) for item in fields(Draft)}
    return Draft(**{**values, **changes})


def greeting_for(assistant: Assistant, locale: str) -> str:
    """The greeting in the visitor's language, else in the assistant's, else in English, else our own."""
    for code in (locale, assistant.language, "en"):
        if code in assistant.greeting:
            return assistant.greeting[code]
    return next(iter(assistant.greeting.values()), None) or _GREETINGS.get(locale, _GREETINGS["en"])


def suggestions_for(assistant: Assistant, locale: str) -> list[str]:
    """Suggested questions in the visitor's language; none is better than some in another one."""
    return list(assistant.suggestions.get(locale, ()))


def _is_language(code: str, *, auto: bool = False) -> bool:
    return (auto and code == "auto") or (2 <= len(code) <= 3 and code.isascii() and code.isalpha() and code.islower())
