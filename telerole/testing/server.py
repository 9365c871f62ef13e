"""`FakeServer`: serves chat completions in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, Self

import orjson
from aiohttp import web

from telerole.errors import InputError, nearest
from telerole.testing.faults import CHANGED, INSTEAD, Plan, checked, met
from telerole.testing.replies import FakeReply, ReplySource, answerer, web_response

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
class Received:
    """A request as it arrived; `headers` have lower-case names, and ``***`` where a key stood."""

    body: dict[str, Any]
    headers: dict[str, str]


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
        faults: Plan | None = None,
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
        self._reply = answerer(reply)
        self._faults = checked(faults or ())
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
                    return await self._complete(request, met(self._faults, self._load.count - 1, self._seed))
            case "GET", "/v1/models":
                return _json({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "telerole"}]})
            case "GET", "/stats":
                return _json({"count": self.count, "peak": self.peak, "busy_seconds": self.busy_seconds})
        return web_response(FakeReply(f"Unknown address ({request.method} {request.path})", status=404), {})

    async def _complete(self, request: web.BaseRequest, fault: str | None) -> web.StreamResponse:
        body = _parsed(await request.content.read())
        if self.requests.maxlen:
            self.requests.append(Received(body, _harmless(request.headers)))
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault == "hang":
            await asyncio.Event().wait()
        response = web_response(self._answer(body, fault), body, whole=fault != "truncated_json")
        return await _cut(request, response) if fault == "cut" else response

    def _answer(self, body: dict[str, Any], fault: str | None) -> FakeReply:
        reply = self._objection(body) or INSTEAD.get(fault or "") or self._said(body)
        if reply.status < 400 and (change := CHANGED.get(fault or "")):
            reply = change(reply)
        if reply.status == 429 and self._retry_after is not None:
            reply = replace(reply, headers={"Retry-After": f"{self._retry_after:g}", **reply.headers})
        return reply

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
            return self._reply(body)
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
