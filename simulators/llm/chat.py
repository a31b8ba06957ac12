"""`/v1/chat/completions`: what is answered, and how it is sent or broken on the way."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.llm import reader
from simulators.llm.script import Call, Step

PIECE = re.compile(r"\s*\S+|\s+$")
CREATED = 1_700_000_000  # fixed, so that two runs give the same bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says: text or tool calls, why it stopped, and the tokens it counts."""

    pieces: list[str]
    tool_calls: list[dict[str, Any]]
    finish_reason: str
    usage: dict[str, int]


def content_text(content: Any) -> str:
    """The text of a message's content, which may be a string, a list of parts, or null."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def last_user_text(messages: list[dict[str, Any]]) -> str:
    """The newest user message."""
    return next((content_text(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")


def compose(step: Step, body: dict[str, Any], question: str) -> Reply:
    """The reply to `body`, as scripted or read from the passages of the prompt; cut to `max_tokens`."""
    prompt = "\n".join(content_text(m.get("content")) for m in body["messages"])
    if step.tool_calls:
        text = step.answer or ""
    elif step.echo:
        text = step.echoed(question) or ""
    else:
        text = step.answer if step.answer is not None else reader.answer(prompt, question)
    pieces = PIECE.findall(text)
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or len(pieces)
    stopped = "tool_calls" if step.tool_calls else "length" if len(pieces) > limit else "stop"
    pieces = pieces[:limit]
    asked = step.prompt_tokens if step.prompt_tokens is not None else len(PIECE.findall(prompt))
    said = step.completion_tokens if step.completion_tokens is not None else len(pieces)
    return Reply(
        pieces=pieces,
        tool_calls=[
            {"id": t.id or f"call_{i}", "type": "function", "function": {"name": t.name, "arguments": t.arguments}}
            for i, t in enumerate(step.tool_calls)
        ],
        finish_reason=step.finish_reason or stopped,
        usage={"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    )


async def whole(request: web.Request, call: Call, step: Step, reply: Reply) -> web.StreamResponse:
    """The answer in one JSON body, after the time its streaming would have taken; or its scripted fault."""
    await asyncio.sleep((step.first_token_ms + step.token_ms * len(reply.pieces)) / 1000)
    text = "".join(reply.pieces)
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not reply.tool_calls else None}
    if reply.tool_calls:
        message["tool_calls"] = reply.tool_calls
    body = json.dumps(
        {
            **_frame(call, "chat.completion"),
            "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason, "logprobs": None}],
            "usage": reply.usage,
        },
        ensure_ascii=False,
    ).encode()
    if step.hang_after is not None:
        await _hang(call)
    if step.garbage_after is not None:
        call.outcome = "garbage"
        return web.Response(body=body[: len(body) // 2], content_type="application/json")
    if step.cut_after is not None:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        return _cut(request, response, call)
    call.answer, call.chunks, call.outcome = text, len(reply.pieces), "ok"
    return web.Response(body=body, content_type="application/json")


async def streamed(request: web.Request, call: Call, step: Step, reply: Reply) -> web.StreamResponse:
    """The answer as server-sent events, one piece a chunk, with the delays and the break the step asks for."""
    options = call.body.get("stream_options") or {}
    with_usage = bool(options.get("include_usage"))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    await asyncio.sleep(step.first_token_ms / 1000)

    async def send(choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> None:
        chunk = {**_frame(call, "chat.completion.chunk"), "choices": choices}
        if with_usage:
            chunk["usage"] = usage
        await response.write(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())

    await send([_choice({"role": "assistant", "content": ""})])
    for sent in range(len(reply.pieces) + 1):
        if step.hang_after == sent:
            await _hang(call)
        if step.cut_after == sent:
            return _cut(request, response, call)
        if step.garbage_after == sent:
            call.outcome = "garbage"
            await response.write(b'data: {"id": "chatcmpl-1", "choices": [{"del\n\n')
            return response
        if sent < len(reply.pieces):
            await asyncio.sleep(step.token_ms / 1000)
            await send([_choice({"content": reply.pieces[sent]})])
            call.chunks, call.answer = sent + 1, call.answer + reply.pieces[sent]
    if reply.tool_calls:
        await send([_choice({"tool_calls": [{"index": i, **t} for i, t in enumerate(reply.tool_calls)]})])
    await send([_choice({}, reply.finish_reason)])
    if with_usage:
        await send([], reply.usage)
    await response.write(b"data: [DONE]\n\n")
    call.outcome = "ok"
    return response


def _frame(call: Call, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{call.n}", "object": kind, "created": CREATED, "model": call.model}


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}


async def _hang(call: Call) -> None:
    """Say nothing until the client leaves or the server stops: both cancel the handler."""
    call.outcome = "hang"
    await asyncio.Event().wait()


def _cut(request: web.Request, response: web.StreamResponse, call: Call) -> web.StreamResponse:
    """Close the connection with the body unfinished; what was written still arrives."""
    call.outcome = "cut"
    if request.transport is not None:
        request.transport.close()
    return response
