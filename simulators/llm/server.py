"""Routes, keys, errors in OpenAI's shape, and the control API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from simulators.llm import chat, embeddings
from simulators.llm.script import Call, Endpoint, Script, Step

MODELS = ("sim-chat", "sim-chat-mini", "sim-embedding")
MAX_BODY = 32 * 2**20
ERROR_TYPES = {401: "invalid_request_error", 404: "invalid_request_error", 400: "invalid_request_error"}
SCRIPT = web.AppKey("script", Script)
KEYS = web.AppKey("keys", frozenset[str])
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScriptRequest(BaseModel):
    """Body of `POST /control/script`: forget everything first if `reset`, then add one-off steps and standing rules."""

    model_config = ConfigDict(extra="forbid")
    reset: bool = False
    once: list[Step] = []
    always: list[Step] = []


@dataclass(frozen=True, slots=True)
class LlmSimulator:
    """A running simulator. `url` has no `/v1`; the control methods act at once."""

    url: str
    script: Script

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"{self.url}/v1"

    @property
    def calls(self) -> list[Call]:
        """Requests received since the start or the last reset, oldest first."""
        return list(self.script.calls)

    def once(self, **fields: Any) -> None:
        """Script the next `times` matching calls (the fields of `Step`)."""
        self.script.once(Step(**fields))

    def always(self, **fields: Any) -> None:
        """Add a standing rule (the fields of `Step`)."""
        self.script.always(Step(**fields))

    def reset(self) -> None:
        """Forget steps, rules and calls."""
        self.script.reset()


def create_app(*, keys: Collection[str] = (), script: Script | None = None) -> web.Application:
    """The application. With no `keys` every key, and none, is accepted."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_authorized])
    app[SCRIPT] = script or Script()
    app[KEYS] = frozenset(keys)
    app.add_routes(
        [
            web.post("/v1/chat/completions", _chat),
            web.post("/v1/embeddings", _embeddings),
            web.get("/v1/models", _models),
            web.get("/v1/models/{model}", _model),
            web.get("/control/script", _script_get),
            web.post("/control/script", _script_post),
            web.get("/control/calls", _calls_get),
            web.delete("/control/calls", _calls_delete),
            web.get("/health", _health),
        ]
    )
    return app


@asynccontextmanager
async def running_llm(
    *, keys: Collection[str] = (), host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[LlmSimulator]:
    """Run a simulator inside this loop (port 0: any free one) until the block ends."""
    script = Script()
    runner = web.AppRunner(
        create_app(keys=keys, script=script), handler_cancellation=True, shutdown_timeout=0.1, access_log=None
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
        bound = runner.addresses[0][1]
        yield LlmSimulator(url=f"http://{host}:{bound}", script=script)
    finally:
        await runner.cleanup()


def _error(status: int, message: str, *, code: str | None = None, retry_after: float | None = None) -> web.Response:
    kind = "rate_limit_error" if status == 429 else ERROR_TYPES.get(status, "server_error")
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


@web.middleware
async def _authorized(request: web.Request, handler: Handler) -> web.StreamResponse:
    keys = request.app[KEYS]
    if not keys or not request.path.startswith("/v1/") or _key(request) in keys:
        return await handler(request)
    return _error(401, "Incorrect API key provided.", code="invalid_api_key")


def _key(request: web.Request) -> str | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" and key else None


async def _body(request: web.Request) -> dict[str, Any] | None:
    try:
        body = await request.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("model"), str) and body["model"] else None


def _wrong_chat(body: dict[str, Any]) -> str | None:
    """Why OpenAI would refuse this chat body, if it would."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "messages must be an array that is not empty"
    roles = {"system", "developer", "user", "assistant", "tool", "function"}
    if not all(isinstance(m, dict) and m.get("role") in roles for m in messages):
        return f"each message needs a role, one of {', '.join(sorted(roles))}"
    return "n must be 1" if body.get("n", 1) != 1 else None


async def _chat(request: web.Request) -> web.StreamResponse:
    body = await _body(request)
    if body is None:
        return _error(400, "The body must be a JSON object with a model.")
    if wrong := _wrong_chat(body):
        return _error(400, wrong)
    question = chat.last_user_text(body["messages"])
    call, step = _begin(request, "chat", body, question)
    try:
        if refused := await _refusal(call, step):
            return refused
        send = chat.streamed if call.stream else chat.whole
        return await send(request, call, step, chat.compose(step, body, question))
    except (asyncio.CancelledError, ConnectionError):
        call.outcome = "hang" if call.outcome == "hang" else "client_gone"
        raise


async def _embeddings(request: web.Request) -> web.StreamResponse:
    body = await _body(request)
    if body is None:
        return _error(400, "The body must be a JSON object with a model.")
    call, step = _begin(request, "embeddings", body, "")
    if refused := await _refusal(call, step):
        return refused
    await asyncio.sleep(step.first_token_ms / 1000)
    try:
        answer = embeddings.response(body)
    except embeddings.BadInputError as e:
        call.outcome = "400"
        return _error(400, str(e))
    call.outcome, call.chunks = "ok", len(answer["data"])
    return web.json_response(answer)


def _begin(request: web.Request, endpoint: Endpoint, body: dict[str, Any], text: str) -> tuple[Call, Step]:
    script = request.app[SCRIPT]
    return script.record(endpoint, body, key=_key(request), text=text), script.take(endpoint, text)


async def _refusal(call: Call, step: Step) -> web.Response | None:
    """The scripted error status, after its delay; None when the call goes through."""
    if step.status is None:
        return None
    await asyncio.sleep(step.first_token_ms / 1000)
    call.outcome = str(step.status)
    return _error(step.status, step.message or f"Scripted {step.status}.", retry_after=step.retry_after)


def _model_object(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": chat.CREATED, "owned_by": "simulator"}


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [_model_object(m) for m in MODELS]})


async def _model(request: web.Request) -> web.Response:
    name = request.match_info["model"]
    if name not in MODELS:
        return _error(404, f"The model '{name}' does not exist.", code="model_not_found")
    return web.json_response(_model_object(name))


def _state(script: Script) -> dict[str, Any]:
    return {
        "once": [s.model_dump(exclude_defaults=True) for s in script.pending()],
        "always": [s.model_dump(exclude_defaults=True) for s in script.standing()],
    }


async def _script_get(request: web.Request) -> web.Response:
    return web.json_response(_state(request.app[SCRIPT]))


async def _script_post(request: web.Request) -> web.Response:
    try:
        wanted = ScriptRequest.model_validate_json(await request.read())
    except ValidationError as e:
        return _error(400, f"Not a script: {e}")
    script = request.app[SCRIPT]
    if wanted.reset:
        script.reset()
    script.once(*wanted.once)
    script.always(*wanted.always)
    return web.json_response(_state(script))


async def _calls_get(request: web.Request) -> web.Response:
    return web.json_response({"items": [c.model_dump() for c in request.app[SCRIPT].calls]})


async def _calls_delete(request: web.Request) -> web.Response:
    request.app[SCRIPT].calls.clear()
    return web.json_response({"items": []})


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
