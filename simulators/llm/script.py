"""What the next calls do, and what the calls so far were."""

import re
from collections import deque
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Endpoint = Literal["chat", "embeddings"]
KEPT_CALLS = 5_000


class ToolCall(BaseModel):
    """A function the model asks to call. `arguments` is passed through as the JSON text given here."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    arguments: str = "{}"
    id: str | None = None


class Step(BaseModel):
    """One way to answer. Delays are milliseconds, `retry_after` seconds, counts are content chunks.

    As a one-off it serves the next `times` matching calls; as a standing rule every matching call (`times` is ignored).
    A step matches by `endpoint` and, for chat, by `contains`: a piece of the last user message, any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoint: Endpoint = "chat"
    contains: str | None = None
    times: int = Field(default=1, ge=1)

    first_token_ms: float = Field(default=0, ge=0)
    token_ms: float = Field(default=0, ge=0)

    status: int | None = Field(default=None, ge=400, le=599)
    retry_after: float | None = None
    message: str | None = None

    cut_after: int | None = Field(default=None, ge=0)
    garbage_after: int | None = Field(default=None, ge=0)
    hang_after: int | None = Field(default=None, ge=0)

    answer: str | None = None
    echo: str | None = Field(default=None, description="a regular expression; its first match in the last user message")
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def matches(self, endpoint: Endpoint, text: str) -> bool:
        """Whether this step is meant for a call to `endpoint` whose last user message is `text`."""
        return self.endpoint == endpoint and (self.contains is None or self.contains.lower() in text.lower())

    def echoed(self, text: str) -> str | None:
        """The part of `text` that `echo` asks for: its first group, or the whole match. None without a match."""
        found = re.search(self.echo, text) if self.echo else None
        if found is None:
            return None
        return str(found.group(1) if found.groups() else found.group(0))


class Call(BaseModel):
    """One request as received; `outcome`: ok, an HTTP status, cut, garbage, hang, running or client_gone."""

    n: int
    endpoint: Endpoint
    model: str
    stream: bool
    key: str | None
    body: dict[str, Any]
    text: str
    outcome: str = "running"
    answer: str = ""
    chunks: int = 0


class Script:
    """One-off steps first, in order; then standing rules, newest first; then the default behaviour."""

    def __init__(self) -> None:
        self._once: list[Step] = []
        self._standing: list[Step] = []
        self._received = 0
        self.calls: deque[Call] = deque(maxlen=KEPT_CALLS)

    def once(self, *steps: Step) -> None:
        """Append steps for the next matching calls."""
        for step in steps:
            self._once.extend([step] * step.times)

    def always(self, *rules: Step) -> None:
        """Add standing rules; the newest matching one wins."""
        self._standing[:0] = reversed(rules)

    def reset(self) -> None:
        """Forget steps, rules and calls."""
        self._once.clear()
        self._standing.clear()
        self.calls.clear()

    def pending(self) -> list[Step]:
        """One-off steps that no call has used yet."""
        return list(self._once)

    def standing(self) -> list[Step]:
        """Standing rules, the one that is asked first at the front."""
        return list(self._standing)

    def take(self, endpoint: Endpoint, text: str) -> Step:
        """The step for this call; a one-off step is used up by it."""
        for i, step in enumerate(self._once):
            if step.matches(endpoint, text):
                return self._once.pop(i)
        return next((rule for rule in self._standing if rule.matches(endpoint, text)), Step(endpoint=endpoint))

    def record(self, endpoint: Endpoint, body: dict[str, Any], *, key: str | None, text: str) -> Call:
        """Log a request as running; the caller fills in how it ended."""
        self._received += 1
        call = Call(
            n=self._received,
            endpoint=endpoint,
            model=str(body.get("model", "")),
            stream=body.get("stream") is True,
            key=key,
            body=body,
            text=text,
        )
        self.calls.append(call)
        return call
