"""What a model is asked, what comes back, and how it fails. Loads no client library: callers import this.

A provider that fails is always an `LlmError`, never a class of its own.
"""

from dataclasses import dataclass
from typing import Literal

from domain.kit.errors import Unavailable


class LlmError(Unavailable):
    """The model gave no whole answer. `why` is a short code for receipts and logs; `partial` the text until then."""

    def __init__(
        self, why: str, *, partial: str = "", retry_after: float | None = None, retryable: bool = False
    ) -> None:
        super().__init__(f"The model provider failed ({why}).", retry_after=retry_after)
        self.why = why
        self.partial = partial
        self.retryable = retryable


class LlmUnavailable(LlmError):
    """Nothing came: refused connection, 429, 5xx, or silence until the deadline. Later may work."""


class LlmRefused(LlmError):
    """The provider does not want this call: key, model, quota or content. Asking again will not help."""


class LlmInterrupted(LlmError):
    """The stream broke after the first text: cut, silent, garbled or over the total deadline."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A call. `model` None is the client's default; `max_chars` ends the answer early (finish reason "length")."""

    messages: tuple[ChatMessage, ...]
    model: str | None = None
    temperature: float = 0.2
    max_tokens: int = 900
    max_chars: int = 8_000


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a stream. Tokens are an estimate (`estimated`) when the provider did not count them."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    estimated: bool = False
