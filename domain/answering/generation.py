"""One answer of the model: prompt, stream, clean, number the sources."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from domain.answering.hygiene import AnswerText, hosts_in
from domain.answering.intents import admits_ignorance
from domain.answering.model import Citation, Emit, Question, Usage
from domain.answering.prompts import NO_ANSWER, build
from domain.answering.sources import Source
from domain.clients.chat import ChatRequest, Completion
from domain.kit.clock import Clock


class ChatModel(Protocol):
    """What answering needs of a provider: LlmClient, or a stand-in."""

    @property
    def default_model(self) -> str:
        """The model of assistants that name none."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[str | Completion, None]:
        """Texts, then one Completion. Raises LlmError."""
        ...


@dataclass(frozen=True, slots=True)
class Generated:
    """What the model said. `text` is empty when it found no answer in the passages. Milliseconds from the call."""

    text: str
    citations: tuple[Citation, ...]
    usage: Usage
    first_token_ms: int | None
    finish_reason: str
    estimated: bool


async def generate(
    llm: ChatModel, question: Question, sources: Sequence[Source], emit: Emit, *, clock: Clock
) -> Generated:
    """Stream an answer from the sources. Raises LlmError; whatever `emit` raises closes the stream and passes."""
    allowed = hosts_in([*(source.text for source in sources), question.assistant.instructions])
    answer = AnswerText(sources=len(sources), allowed_hosts=allowed)
    model = question.assistant.model or llm.default_model
    end = Completion(model, 0, 0, "stop")
    started, first = clock.monotonic(), None
    request = ChatRequest(build(question, sources), model=model, temperature=question.assistant.temperature)
    async with aclosing(llm.stream(request)) as stream:
        async for piece in stream:
            if isinstance(piece, Completion):
                end = piece
                continue
            first = first if first is not None else round((clock.monotonic() - started) * 1000)
            said = answer.feed(piece)
            if said and not _declines(answer.text):
                await emit(said)
    said = answer.finish()
    usage = Usage(end.model, end.prompt_tokens, end.completion_tokens)
    if not answer.text.strip() or _declines(answer.text) or (not answer.cited and admits_ignorance(answer.text)):
        return Generated("", (), usage, first, end.finish_reason, end.estimated)
    cited = answer.cited
    if not cited:  # a statement without a source does not leave the house: the best passage stands for it
        said, cited = f"{said.rstrip()} [1]", (1,)
    if said:
        await emit(said)
    text = answer.text if answer.cited else f"{answer.text.rstrip()} [1]"
    citations = tuple(sources[number - 1].citation(n) for n, number in enumerate(cited, 1))
    return Generated(text.strip(), citations, usage, first, end.finish_reason, end.estimated)


def _declines(text: str) -> bool:
    return text.lstrip("\"'`*_ \n").startswith(NO_ANSWER)
