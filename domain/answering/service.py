"""A turn's decision, from the question to the answer and its receipt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol
from uuid import UUID

from domain.answering.extractive import extract
from domain.answering.generation import ChatModel, Generated, generate
from domain.answering.intents import Intent, intent
from domain.answering.model import Answer, Emit, Question, Usage
from domain.answering.prompts import PROMPT_VERSION
from domain.answering.rules import is_follow_up, reply_language, same_script, search_queries
from domain.answering.sentences import Key, sentence
from domain.answering.sources import Source, of_pair, of_passage, passage_receipt
from domain.assistants.model import Assistant
from domain.clients.chat import LlmError
from domain.kit.clock import Clock
from domain.kit.log import logger
from domain.kit.metrics import Counter
from domain.knowledge.model import QaMatch, Retrieval

log = logger(__name__)
ANSWERS = Counter("replyx_answers_total", "Answers by the way they were made", ("way",))

LIMIT = 5  # passages of a prompt
PIECES = 8  # of a text that is there at once, so that it reads like one that is being written
PIECE_PAUSE = 0.01  # seconds between them
SMALL_TALK: dict[Intent, Key] = {
    "greeting": "greeting",
    "thanks": "thanks",
    "bye": "bye",
    "wordless": "wordless",
}
HandoffReason = Literal["asked", "unknown", "model_failed"]


class Retriever(Protocol):
    """What answering needs of the knowledge slice."""

    async def retrieve(self, *, tenant_id: UUID, assistant_id: UUID, question: str, limit: int = 5) -> Retrieval:
        """A verified pair, the best passages, and whether they suffice."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What was searched for and found. `pair` is None where it may not answer by itself."""

    query: str
    retrieval: Retrieval
    pair: QaMatch | None

    @property
    def suffices(self) -> bool:
        return self.pair is not None or (self.retrieval.confident and bool(self.retrieval.passages))


@dataclass(frozen=True, slots=True)
class _Turn:
    """A question with knowledge to answer it from. `query` is the question as it was searched for."""

    question: Question
    emit: Emit
    language: str
    query: str
    sources: Sequence[Source]
    receipt: dict[str, Any]


class Answering:
    """Answers questions. Holds no state of a conversation; one instance serves a whole process."""

    def __init__(self, knowledge: Retriever, llm: ChatModel | None, clock: Clock) -> None:
        self._knowledge = knowledge
        self._llm = llm
        self._clock = clock

    async def answer(self, question: Question, emit: Emit) -> Answer:
        """The answer of one turn; `emit` gets its text as it grows, and the returned text replaces what was emitted.

        A model provider's failure is an answer too (handoff "model_failed"). Raises what `emit` raises, and Unavailable
        when the database is away: the turn is then run again.
        """
        started = self._clock.monotonic()
        answer = await self._decide(question, emit)
        latency = round((self._clock.monotonic() - started) * 1000)
        ANSWERS.labels(answer.receipt["way"]).inc()
        return replace(answer, receipt={**answer.receipt, "latency_ms": latency, "handoff": answer.handoff})

    def instant(self, assistant: Assistant, text: str) -> Answer | None:
        """The answer, where it is known without asking anybody."""
        return Answer(text, receipt={"way": "echo"}) if assistant.mode == "echo" else None

    async def _decide(self, question: Question, emit: Emit) -> Answer:
        if (instant := self.instant(question.assistant, question.text)) is not None:
            return instant
        language = reply_language(question)
        wanted = intent(question.text)
        if wanted == "person":
            return _handed_over(question, language, "asked", {"why": "the customer asked for a person"})
        if wanted is not None:
            return _small_talk(question, language, wanted)
        found = await self._search(question)
        receipt = _search_receipt(found, language)
        if found.pair is not None and (self._llm is None or same_script(found.pair.answer, question.text)):
            return await self._verified(found.pair, emit, receipt)
        if not found.suffices:
            return _handed_over(question, language, "unknown", {**receipt, "why": "the knowledge does not answer it"})
        turn = _Turn(question, emit, language, found.query, _sources(found), receipt)
        return await (self._extractive(turn) if self._llm is None else self._generated(self._llm, turn))

    async def _search(self, question: Question) -> _Found:
        """Search by each reading of the question until one is sure of itself; else the first stands."""
        searched: list[_Found] = []
        for query in search_queries(question):
            retrieval = await self._knowledge.retrieve(
                tenant_id=question.tenant_id, assistant_id=question.assistant.id, question=query, limit=LIMIT
            )
            pair = None if is_follow_up(query, question) else retrieval.pair
            found = _Found(query, retrieval, pair)
            if found.suffices:
                return found
            searched.append(found)
        return searched[0]

    async def _verified(self, pair: QaMatch, emit: Emit, receipt: dict[str, Any]) -> Answer:
        text = f"{pair.answer.strip()} [1]"
        await self._speak(text, emit)
        return Answer(
            text,
            citations=(of_pair(pair).citation(1),),
            verified=True,
            usage=Usage("verified"),
            receipt={**receipt, "way": "verified"},
        )

    async def _extractive(self, turn: _Turn) -> Answer:
        found = extract(turn.sources, turn.query, turn.language)
        text = f"{found.text} [1]"
        await self._speak(text, turn.emit)
        return Answer(
            text,
            citations=(turn.sources[found.source].citation(1, excerpt=found.text),),
            usage=Usage("extractive"),
            receipt={**turn.receipt, "way": "extractive", "model": "extractive"},
        )

    async def _generated(self, llm: ChatModel, turn: _Turn) -> Answer:
        model = turn.question.assistant.model or llm.default_model
        receipt = {**turn.receipt, "way": "model", "model": model, "prompt_version": PROMPT_VERSION}
        try:
            said = await generate(llm, turn.question, turn.sources, turn.emit, clock=self._clock)
        except LlmError as error:
            return _model_failed(turn, error, receipt)
        receipt |= _model_receipt(said)
        if not said.text:
            receipt["why"] = "the model found no answer in the passages"
            return replace(_handed_over(turn.question, turn.language, "unknown", receipt), usage=said.usage)
        return Answer(said.text, citations=said.citations, usage=said.usage, receipt=receipt)

    async def _speak(self, text: str, emit: Emit) -> None:
        """Emit a finished text in a few pieces."""
        size = max(-(-len(text) // PIECES), 12)
        start = 0
        while start < len(text):
            end = text.find(" ", start + size)
            end = len(text) if end < 0 else end
            if start:
                await self._clock.sleep(PIECE_PAUSE)
            await emit(text[start:end])
            start = end


def _small_talk(question: Question, language: str, wanted: Intent) -> Answer:
    text = sentence(SMALL_TALK[wanted], language)
    if wanted == "greeting":
        text = question.assistant.greeting.get(language) or text
    return Answer(text, receipt={"way": "small_talk", "intent": wanted, "language": language})


def _handed_over(question: Question, language: str, reason: HandoffReason, receipt: dict[str, Any]) -> Answer:
    """A fixed sentence that a person is needed; while a request is open it is not announced, nor made, again."""
    keys: dict[HandoffReason, tuple[Key, Key]] = {
        "asked": ("asked", "asked_open"),
        "unknown": ("unknown", "unknown_open"),
        "model_failed": ("model_failed", "model_failed_open"),
    }
    again = question.handoff_open
    return Answer(
        sentence(keys[reason][again], language),
        handoff=None if again else reason,
        receipt={**receipt, "way": reason, "language": language, "handoff_was_open": again},
    )


def _model_failed(turn: _Turn, error: LlmError, receipt: dict[str, Any]) -> Answer:
    """A polite sentence, a person, and meanwhile what the knowledge says: whatever was emitted is superseded."""
    log.warning("answer.model_failed", why=error.why, dialog_id=str(turn.question.dialog_id), said=len(error.partial))
    failure = {"failure": error.why, "partial_chars": len(error.partial), "why": "the model failed"}
    answer = _handed_over(turn.question, turn.language, "model_failed", {**receipt, **failure})
    found = extract(turn.sources, turn.query, turn.language)
    return replace(
        answer,
        text=f"{answer.text}\n\n{sentence('found_meanwhile', turn.language)}\n\n{found.text} [1]",
        citations=(turn.sources[found.source].citation(1, excerpt=found.text),),
        usage=Usage("extractive"),
    )


def _sources(found: _Found) -> list[Source]:
    """The passages, best first; a pair in another language than the question leads them."""
    lead = [of_pair(found.pair)] if found.pair is not None else []
    return [*lead, *(of_passage(passage) for passage in found.retrieval.passages)][:LIMIT]


def _search_receipt(found: _Found, language: str) -> dict[str, Any]:
    retrieval = found.retrieval
    return {
        "language": language,
        "query": found.query,
        "confident": retrieval.confident,
        "embedded": retrieval.embedded,
        "pair": {"id": str(retrieval.pair.pair_id), "cosine": round(retrieval.pair.cosine, 4)}
        if retrieval.pair
        else None,
        "passages": [passage_receipt(passage) for passage in retrieval.passages],
    }


def _model_receipt(said: Generated) -> dict[str, Any]:
    return {
        "model": said.usage.model,
        "first_token_ms": said.first_token_ms,
        "prompt_tokens": said.usage.prompt_tokens,
        "completion_tokens": said.usage.completion_tokens,
        "tokens_estimated": said.estimated,
        "finish_reason": said.finish_reason,
    }
