"""What a fake server says, and how a chat completion carries it."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from telerole.errors import InputError


@dataclass(frozen=True, slots=True)
class FakeReply:
    """What the server answers. Where `status` is 400 or above, `text` is the error's message."""

    text: str | None = ""
    finish_reason: str = "stop"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    """None: counted, four bytes a token. An empty mapping: left out of the answer."""
    message: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the message, such as ``reasoning_content``."""
    code: str | None = None
    """The error's code, such as ``content_filter``."""
    body: bytes | None = None
    """The answer's whole body, sent as it is, in place of one made from the fields above."""


ReplySource = str | Sequence[str] | Callable[[dict[str, Any]], str | FakeReply]


def answerer(source: ReplySource) -> Callable[[dict[str, Any]], FakeReply]:
    """What `source` has for a request's body, as a function; of several texts the body decides which."""
    if callable(source):
        return lambda body: _as_reply(source(body))
    replies = [FakeReply(text) for text in ([source] if isinstance(source, str) else source)]
    if not replies:
        raise InputError("reply is an empty sequence; give at least one text")
    if len(replies) == 1:
        return lambda _: replies[0]
    return lambda body: replies[zlib.crc32(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)) % len(replies)]


def _as_reply(said: object) -> FakeReply:
    if isinstance(said, FakeReply):
        return said
    if isinstance(said, str):
        return FakeReply(said)
    raise TypeError(f"the reply function returned {said!r}; return a text or a FakeReply")


def web_response(reply: FakeReply, asked: dict[str, Any], *, whole: bool = True) -> web.Response:
    """The reply as HTTP; not `whole`, it has only the first half of its body."""
    content, kind = _content(reply, asked)
    if not whole:
        content = content[: len(content) // 2]
    return web.Response(body=content, status=reply.status, headers={"Content-Type": kind, **reply.headers})


def _content(reply: FakeReply, asked: dict[str, Any]) -> tuple[bytes, str]:
    if reply.body is not None:
        return reply.body, "application/json"
    if reply.status >= 400:
        return orjson.dumps(_error(reply)), "application/json"
    if asked.get("stream"):
        return _streamed(reply, asked), "text/event-stream"
    return orjson.dumps(_completion(reply, asked)), "application/json"


def _error(reply: FakeReply) -> dict[str, Any]:
    kind = "server_error" if reply.status >= 500 else "invalid_request_error"
    return {"error": {"message": reply.text, "type": kind, "param": None, "code": reply.code}}


def _completion(reply: FakeReply, asked: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, **reply.message}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason, "logprobs": None}
    usage = _usage(reply, asked)
    return {**_head("chat.completion", asked), "choices": [choice], **({"usage": usage} if usage else {})}


def _streamed(reply: FakeReply, asked: dict[str, Any]) -> bytes:
    """The server-sent events of a reply, a word in each; they all leave at once."""
    head = _head("chat.completion.chunk", asked)
    deltas = [
        {"role": "assistant", "content": "", **reply.message},
        *({"content": word} for word in re.findall(r"\s*\S+|\s+", reply.text or "")),
    ]
    events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]})
    if (asked.get("stream_options") or {}).get("include_usage"):
        events.append({**head, "choices": [], "usage": _usage(reply, asked)})
    return b"".join(b"data: %b\n\n" % event for event in (*map(orjson.dumps, events), b"[DONE]"))


def _head(kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    now = time.time_ns()
    return {"id": f"chatcmpl-{now}", "object": kind, "created": now // 10**9, "model": asked["model"]}


def _usage(reply: FakeReply, asked: dict[str, Any]) -> Mapping[str, Any]:
    if reply.usage is not None:
        return reply.usage
    prompt = sum(_tokens(message.get("content")) for message in asked["messages"])
    completion = _tokens(reply.text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _tokens(content: object) -> int:
    if content is None:
        return 0
    content = content if isinstance(content, str) else orjson.dumps(content).decode()
    return -(-len(content.encode()) // 4)
