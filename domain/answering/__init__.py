"""The turn's decision: answer from the knowledge, say so when it does not know, and call a person when one is needed.

Owns no table. Called by the shards, once a turn: `Answering(knowledge, llm, clock).answer(question, emit)`.

model.py       Question, Answer, Citation, Usage     service.py     Answering: the order of the decisions, the receipt
intents.py     "a person, please", hello, thanks     rules.py       reply language, follow-ups, the operator's summary
sentences.py   every fixed sentence, in ru and en    words.py       words, stop words, stems
prompts.py     the guarded prompt and its version    generation.py  one streamed answer of the model
extractive.py  an answer without a model             hygiene.py     model text made safe: links, images, markers
sources.py     passages and pairs as citations
"""

from domain.answering.model import Answer, Citation, Emit, Question, Said, Usage
from domain.answering.rules import handoff_summary
from domain.answering.service import Answering

__all__ = ["Answer", "Answering", "Citation", "Emit", "Question", "Said", "Usage", "handoff_summary"]
