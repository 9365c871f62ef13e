"""A real OpenAI-compatible HTTP server on loopback, for tests without a network; it fails on request.

    with FakeServer(reply="Hello, this is Li.", faults={"rate_limit": 0.1}) as server:
        backend = OpenAIBackend("any", base_url=server.url)

``python -m telerole.testing --latency 0.05`` runs one in a process of its own and prints its address; what it has
served so far is at ``/stats``, outside ``/v1``.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from random import Random
from types import TracebackType
from typing import Any, Literal, Self

import orjson
from aiohttp import web

from telerole.errors import InputError, nearest

__all__ = ["FAULTS", "FakeReply", "FakeServer", "Received"]

MODEL = "fake"
SECRET_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "cookie"})
PATIENCE = 0.01  # seconds that requests still open get when the server stops

Schemas = Literal["ignore", "reject", "reject_all"]
REJECTED: dict[Schemas, tuple[str, ...]] = {
    "ignore": (),
    "reject": ("json_schema",),
    "reject_all": ("json_schema", "json_object"),
}


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


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived; `headers` have lower-case names, and ``***`` where a key stood."""

    body: dict[str, Any]
    headers: dict[str, str]


ReplySource = str | Sequence[str] | Callable[[dict[str, Any]], str | FakeReply]

# Faults that take the place of the reply ...
_INSTEAD: dict[str, FakeReply] = {
    "rate_limit": FakeReply("Rate limit reached for requests", status=429, code="rate_limit_exceeded"),
    "error": FakeReply("The server had an error while processing your request", status=500),
    "unauthorized": FakeReply("Incorrect API key provided", status=401, code="invalid_api_key"),
    "filter": FakeReply("The prompt was filtered by the content policy", status=400, code="content_filter"),
    "not_json": FakeReply(headers={"Content-Type": "text/html"}, body=b"<html><h1>Bad gateway</h1></html>"),
    "empty": FakeReply(""),
    "null_content": FakeReply(None),
    "filtered_reply": FakeReply("", finish_reason="content_filter"),
}
# ... that change it ...
_CHANGED: dict[str, Callable[[FakeReply], FakeReply]] = {
    "fenced": lambda reply: replace(reply, text=f"```json\n{reply.text or ''}\n```"),
    "length": lambda reply: replace(
        reply, text=(reply.text or "")[: len(reply.text or "") // 2], finish_reason="length"
    ),
}
# ... and that break its way back.
_ON_THE_WIRE = ("hang", "cut", "truncated_json")

FAULTS = (*_INSTEAD, *_CHANGED, *_ON_THE_WIRE)
"""The names that `FakeServer` takes as faults."""


class FakeServer:
    """Serves ``/v1/chat/completions``, streamed or not, and ``/v1/models``, in its own thread. `url` ends in ``/v1``.

    `reply` is a text; texts, of which the same request always gets the same one; or a function of the request's
    body, called in the server's thread. An error the function raises is answered with 500 and raised again when
    the ``with`` block ends. `latency` is seconds before each answer.

    `faults` is either the share of requests that meets each fault, drawn from `seed` and the request's number, or
    a sequence, one name or None a request, after which none fails. The names (`FAULTS`):

    - ``rate_limit`` 429 with ``Retry-After: retry_after`` (seconds; None leaves it out), ``error`` 500,
      ``unauthorized`` 401, ``filter`` 400 as the prompt was refused;
    - ``hang`` no answer while the client waits, ``cut`` the connection is closed in the middle of the body,
      ``truncated_json`` 200 with the first half of the body, ``not_json`` 200 with a page of HTML;
    - ``empty``, ``null_content``, ``filtered_reply`` 200 without a word; ``length`` 200, cut off by the token limit;
      ``fenced`` the reply inside a fence of Markdown.

    With ``schemas="reject"`` a ``response_format`` of type ``json_schema`` is answered with 400, with
    ``"reject_all"`` ``json_object`` too; otherwise it is accepted and ignored. `keep` is how many of the last
    requests stay in `requests`. Raises `InputError` for an unknown fault and `OSError` where `port` is taken.
    """

    def __init__(
        self,
        reply: ReplySource = "All right.",
        *,
        latency: float = 0.0,
        faults: Mapping[str, float] | Sequence[str | None] | None = None,
        retry_after: float | None = 0,
        schemas: Schemas = "ignore",
        seed: int = 0,
        keep: int = 1000,
        port: int = 0,
    ) -> None:
        self.url = ""
        self.latency = latency
        self.requests: deque[Received] = deque(maxlen=keep)
        self._load = _Load()
        self._reply = _chooser(reply)
        self._faults = _checked(faults or ())
        self._retry_after = retry_after
        self._rejected = _rejected(schemas)
        self._seed = seed
        self._port = port
        self._bug: Exception | None = None

    @property
    def count(self) -> int:
        """How many chat completions were asked for."""
        return self._load.count

    @property
    def peak(self) -> int:
        """The most requests that were in flight at once."""
        return self._load.peak

    @property
    def in_flight(self) -> int:
        """How many are in flight now."""
        return self._load.in_flight

    @property
    def busy_seconds(self) -> float:
        """The seconds all requests were in flight, summed: divided by the time passed, the mean number in flight."""
        return self._load.busy_seconds()

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="fake-server", daemon=True
        )
        self._thread.start()
        self.url = started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._bug is not None and (error is None or isinstance(error, Exception)):
            raise self._bug

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    async def _serve(self, started: Future[str]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=PATIENCE)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port, backlog=1024).start()
        except OSError as error:
            started.set_exception(error)
        else:
            started.set_result("http://{}:{}/v1".format(*runner.addresses[0]))
            await self._stop.wait()
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                with self._load:
                    return await self._complete(request, self._fault(self._load.count - 1))
            case "GET", "/v1/models":
                return _json({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "telerole"}]})
            case "GET", "/stats":
                return _json({"count": self.count, "peak": self.peak, "busy_seconds": self.busy_seconds})
        return _response(FakeReply(f"Unknown address ({request.method} {request.path})", status=404), {})

    async def _complete(self, request: web.BaseRequest, fault: str | None) -> web.StreamResponse:
        body = _parsed(await request.content.read())
        if self.requests.maxlen:
            self.requests.append(Received(body, _harmless(request.headers)))
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault == "hang":
            await asyncio.Event().wait()
        response = _response(self._answer(body, fault), body, whole=fault != "truncated_json")
        return await _cut(request, response) if fault == "cut" else response

    def _answer(self, body: dict[str, Any], fault: str | None) -> FakeReply:
        reply = self._objection(body) or _INSTEAD.get(fault or "") or self._said(body)
        if reply.status < 400 and (change := _CHANGED.get(fault or "")):
            reply = change(reply)
        if reply.status == 429 and self._retry_after is not None:
            reply = replace(reply, headers={"Retry-After": f"{self._retry_after:g}", **reply.headers})
        return reply

    def _fault(self, number: int) -> str | None:
        if not isinstance(self._faults, Mapping):
            return self._faults[number] if number < len(self._faults) else None
        drawn = Random(f"{self._seed}:{number}").random() if self._faults else 1.0
        for name, share in self._faults.items():
            drawn -= share
            if drawn < 0:
                return name
        return None

    def _objection(self, body: dict[str, Any]) -> FakeReply | None:
        if not isinstance(body.get("model"), str):
            return FakeReply("you must provide a model parameter", status=400)
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
            return FakeReply("you must provide a messages parameter: a list of objects", status=400)
        wanted = (body.get("response_format") or {}).get("type")
        if wanted in self._rejected:
            return FakeReply(f"'response_format' of type '{wanted}' is not supported with this model", status=400)
        return None

    def _said(self, body: dict[str, Any]) -> FakeReply:
        try:
            return _as_reply(self._reply(body))
        except Exception as error:
            self._bug = self._bug or error
            return FakeReply(f"{type(error).__name__}: {error}", status=500)


class _Load:
    """Who is being served: how many so far, how many at once, for how long in all."""

    def __init__(self) -> None:
        self.count = self.peak = self.in_flight = 0
        self._busy, self._since = 0.0, time.perf_counter()

    def busy_seconds(self) -> float:
        return self._busy + self.in_flight * (time.perf_counter() - self._since)

    def __enter__(self) -> None:
        self._step(1)
        self.count += 1
        self.peak = max(self.peak, self.in_flight)

    def __exit__(self, *_: object) -> None:
        self._step(-1)

    def _step(self, change: int) -> None:
        self._busy, self._since = self.busy_seconds(), time.perf_counter()
        self.in_flight += change


def _chooser(reply: ReplySource) -> Callable[[dict[str, Any]], str | FakeReply]:
    if callable(reply):
        return reply
    texts = [reply] if isinstance(reply, str) else list(reply)
    if not texts:
        raise InputError("reply is an empty sequence; give at least one text")

    def choose(body: dict[str, Any]) -> str:
        return texts[zlib.crc32(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)) % len(texts)]

    return choose if len(texts) > 1 else lambda _: texts[0]


def _as_reply(said: object) -> FakeReply:
    if isinstance(said, FakeReply):
        return said
    if isinstance(said, str):
        return FakeReply(said)
    raise TypeError(f"the reply function returned {said!r}; return a text or a FakeReply")


def _checked(faults: Mapping[str, float] | Sequence[str | None]) -> Mapping[str, float] | tuple[str | None, ...]:
    for name in faults:
        if name is not None and name not in FAULTS:
            raise InputError(f"unknown fault {name!r}{nearest(name, FAULTS)}; known are {', '.join(FAULTS)}")
    if not isinstance(faults, Mapping):
        return tuple(faults)
    if min(faults.values(), default=0) < 0 or sum(faults.values()) > 1 + 1e-9:
        raise InputError(f"the faults' shares must be at least 0 and together at most 1, not {dict(faults)}")
    return dict(faults)


def _rejected(schemas: Schemas) -> tuple[str, ...]:
    if schemas not in REJECTED:
        raise InputError(f"unknown schemas={schemas!r}{nearest(schemas, REJECTED)}; use {', '.join(REJECTED)}")
    return REJECTED[schemas]


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _harmless(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): "***" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _response(reply: FakeReply, asked: dict[str, Any], *, whole: bool = True) -> web.Response:
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


async def _cut(request: web.BaseRequest, whole: web.Response) -> web.StreamResponse:
    content = whole.body
    assert isinstance(content, bytes)
    part = web.StreamResponse(status=whole.status, headers=whole.headers)
    part.content_length = len(content)
    await part.prepare(request)
    await part.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.close()
    return part


def main() -> None:
    """Serve until stopped, and print the address first."""
    parser = argparse.ArgumentParser(prog="python -m telerole.testing", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--reply", default="All right.")
    parser.add_argument("--faults", type=orjson.loads, default="{}", metavar="JSON", help='such as {"rate_limit": 0.1}')
    asked = parser.parse_args()
    with FakeServer(asked.reply, latency=asked.latency, faults=asked.faults, port=asked.port, keep=0) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
