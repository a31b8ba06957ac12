"""An OpenAI-compatible server that can be told to misbehave.

Owns no state beyond the process: scripted steps, standing rules and a log of the calls received.
Called by the tests, the benchmarks and the demo through `OPENAI_BASE_URL={url}/v1` and `EMBEDDINGS_URL={url}/v1`.

- `server.py`      routes, API keys, errors in OpenAI's shape, the control API; `create_app`, `running_llm`
- `chat.py`        `/v1/chat/completions`, streamed and whole, with the scripted faults
- `embeddings.py`  `/v1/embeddings`: deterministic hashed vectors; texts that share words lie close
- `reader.py`      the default answer: the sentence of the prompt's passages that fits the question best
- `script.py`      what the next calls do (`Step`), the call log (`Call`)
- `__main__.py`    `python -m simulators.llm --port N [--key KEY]`
"""

from simulators.llm.script import Call, Script, Step, ToolCall
from simulators.llm.server import LlmSimulator, create_app, running_llm

__all__ = ["Call", "LlmSimulator", "Script", "Step", "ToolCall", "create_app", "running_llm"]
