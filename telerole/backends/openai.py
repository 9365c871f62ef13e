"""Any OpenAI-compatible chat endpoint: OpenAI's own, vLLM, llama.cpp's server and their like."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import orjson

from telerole.backends.base import Message, Reply, Sampling
from telerole.backends.structured import follows, strict
from telerole.errors import (
    BackendError,
    BadReply,
    EmptyReply,
    Filtered,
    InputError,
    RateLimited,
    Rejected,
    ServerFault,
    TimedOut,
    Truncated,
    Unreachable,
)
from telerole.session import Usage

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger("telerole")

Rung = Literal["json_schema", "json_object", "prompt"]
NEXT_RUNG: dict[Rung, Rung] = {"json_schema": "json_object", "json_object": "prompt"}

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # local servers want a header, not a key
KEPT = 20_000  # characters of an answer an error keeps in `raw`
QUOTED = 300  # characters of a server's own words in a message
KEY_LIKE = re.compile(r"\bsk-[\w*.-]{4,}")
REFUSES = re.compile(r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|not allowed|extra", re.I)
ABOUT_SCHEMA = re.compile(r"response_format|schema|json_object|grammar|guided|structured", re.I)


class OpenAIBackend:
    """A model behind an OpenAI-compatible endpoint; one request, unrepeated, for each `generate`.

    Without `base_url` it is OpenAI's, or ``OPENAI_BASE_URL``; without `api_key` the key is ``OPENAI_API_KEY``, and a
    `base_url` needs none. Organisation, project, extra headers and proxies come from the environment as the official
    client reads them. `timeout` is seconds for a whole answer, None for no end. `extra_body` is sent with every
    request, for what a server understands beyond the standard (vLLM's ``{"min_p": 0.05}``).

    One object serves any number of concurrent calls on any number of event loops; ``await aclose()`` closes all its
    connections. What the endpoint turns out to refuse is learned once and remembered: `adapted` names the parameters
    dropped or renamed, `schema_rung` how far it enforces a schema. Raises `InputError` where no key is set.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = 60.0,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.timeout = model, timeout
        base_url = base_url or os.environ.get("OPENAI_BASE_URL")
        self._base_url = _checked(base_url or OPENAI)
        self._key = api_key or os.environ.get("OPENAI_API_KEY") or (NO_KEY if base_url else "")
        if not self._key:
            raise InputError(
                "no API key: set OPENAI_API_KEY or give api_key=; a local server needs base_url= and no key"
            )
        self._extra = dict(extra_body or {})
        self.endpoint = _public(self._base_url)
        self.name = f"openai:{model}@{self.endpoint}" if base_url else f"openai:{model}"
        self.adapted: dict[str, str | None] = {}
        self._rung: Rung = "json_schema"
        self._rung_proven = False
        self._wires: dict[asyncio.AbstractEventLoop, _Wire] = {}

    @property
    def schema_rung(self) -> Rung | None:
        """How the endpoint is asked for a schema: the highest of the three ways that works; None before it is known."""
        return self._rung if self._rung_proven else None

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Answer the messages, or raise the `BackendError` that says why not.

        Where the server refuses a parameter or a way to ask for the schema, the request is sent again without it;
        the reply's `usage.attempts` counts those, too.
        """
        rung = self._rung if schema is not None else "prompt"
        attempts = 0
        while True:
            attempts += 1
            body = self._body(messages, sampling, schema, rung)
            response = await self._post(body)
            if response.is_success:
                return self._accept(response, attempts, schema, rung)
            refusal = _Refusal.of(response)
            if self._adapt(refusal, body):
                continue
            if rung == "prompt" or not refusal.about_schema:
                raise self._clean(refusal.error(self.endpoint))
            rung = self._step_down(rung)

    async def reach(self) -> None:
        """Ask the endpoint for a sign of life; raises `Unreachable`, `TimedOut`, or `Rejected` for a wrong key."""
        response = await self._post(None)
        if response.status_code in (401, 403):
            raise self._clean(_Refusal.of(response).error(self.endpoint))

    async def idle(self) -> None:
        """Close this event loop's connections; the next request opens new ones."""
        loop = asyncio.get_running_loop()
        if (wire := self._wires.pop(loop, None)) is not None:
            await _close(loop, wire)

    async def aclose(self) -> None:
        """Close the connections, those of other event loops too."""
        while self._wires:
            await _close(*self._wires.popitem())

    def _body(
        self, messages: Sequence[Message], sampling: Sampling, schema: Mapping[str, Any] | None, rung: Rung
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model, "messages": messages}
        for ours, value in (
            ("temperature", sampling.temperature),
            ("top_p", sampling.top_p),
            ("max_tokens", sampling.max_tokens),
            ("stop", sampling.stop or None),
            ("seed", sampling.seed),
        ):
            if value is not None and (theirs := self.adapted.get(ours, ours)):
                body[theirs] = value
        if schema is not None and rung == "json_schema":
            body["response_format"] = {"type": "json_schema", "json_schema": strict(schema)}
        elif rung == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body | self._extra

    async def _post(self, body: Mapping[str, Any] | None) -> httpx2.Response:
        """Send one request, and nothing but that: a POST of `body`, or without one a GET of the list of models."""
        wire = self._wires.get(asyncio.get_running_loop()) or await self._connect()
        try:
            async with asyncio.timeout(self.timeout):
                return await wire.send(body)
        except TimeoutError:
            raise TimedOut(f"{self.endpoint} gave no answer in {self.timeout:g} s") from None
        except orjson.JSONEncodeError as error:
            raise Rejected(f"the request cannot be written as JSON: {error}") from None
        except wire.breaks as error:
            raise self._clean(Unreachable(f"no answer from {self.endpoint}: {error or type(error).__name__}")) from None

    async def _connect(self) -> _Wire:
        wire = self._wires[asyncio.get_running_loop()] = _Wire.open(self._base_url, self._key)
        for loop in [loop for loop in self._wires if loop.is_closed()]:
            await _close(loop, self._wires.pop(loop))
        return wire

    def _accept(self, response: httpx2.Response, attempts: int, schema: Mapping[str, Any] | None, rung: Rung) -> Reply:
        try:
            reply = _read(response, self.model, attempts)
        except BackendError as error:
            raise self._clean(error) from None
        if schema is not None:
            self._learn(rung, follows(reply.text, schema if rung == "json_schema" else {}))
        return reply

    def _adapt(self, refusal: _Refusal, body: Mapping[str, Any]) -> bool:
        """Learn which parameter this model does not take; True when the request is worth sending again."""
        for ours in ("max_tokens", "temperature", "top_p", "stop", "seed"):
            if ours in body and ours not in self._extra and refusal.refuses(ours):
                self.adapted[ours] = "max_completion_tokens" if ours == "max_tokens" else None
                log.warning("%s does not take %r: %s", self.name, ours, "renamed" if self.adapted[ours] else "left out")
                return True
        return False

    def _step_down(self, rung: Rung) -> Rung:
        """The next way to ask for a schema; for good, unless this way has worked before and only this schema failed."""
        below = NEXT_RUNG[rung]
        if not self._rung_proven and self._rung == rung:
            self._rung = below
        return below

    def _learn(self, rung: Rung, followed: bool) -> None:
        """A first answer tells whether the server enforces what it accepted; some accept a schema and ignore it."""
        if self._rung_proven or rung != self._rung:
            return
        if followed or rung == "prompt":
            self._rung_proven = True
        else:
            self._step_down(rung)

    def _clean(self, error: BackendError) -> BackendError:
        """The error without the key, should the server have echoed it."""
        error.args = (self._scrub(str(error)),)
        error.raw = error.raw and self._scrub(error.raw)
        return error

    def _scrub(self, text: str) -> str:
        secrets = [self._key, urlsplit(self._base_url).password or ""]
        for secret in secrets:
            if len(secret) >= 6:  # a shorter one is a placeholder, and would blot out innocent letters
                text = text.replace(secret, "***")
        return KEY_LIKE.sub("***", text)


@dataclass(frozen=True, slots=True)
class _Wire:
    """One event loop's connections, and what every request on them has in common."""

    pool: httpx2.AsyncClient
    chat: httpx2.URL
    models: httpx2.URL
    headers: httpx2.Headers
    breaks: tuple[type[Exception], ...]

    @classmethod
    def open(cls, base_url: str, key: str) -> _Wire:
        """The official client's URL, headers and connection pool, without its way of building each request.

        `client.post` costs 1.1 ms of CPU a request, most of it in options and headers that never change here;
        sending over the pool itself costs 0.4 ms, bare aiohttp 0.3 ms. Everything read here is public.
        """
        import aiohttp
        import httpx2
        import openai

        # 0 is aiohttp's "no limit": how many go at once is the gate's business, and aiohttp would stop at 100.
        # Idle connections are dropped before uvicorn's 5 s, so that none is used just as the server closes it.
        limits = httpx2.Limits(max_connections=0, keepalive_expiry=4.0)
        pool = openai.DefaultAioHttpClient(limits=limits, timeout=None)
        client = openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=pool)
        headers = pool.headers.copy()
        headers.update({k: v for k, v in (client.default_headers | client.auth_headers).items() if isinstance(v, str)})
        url = client.base_url
        chat, models = (url.copy_with(path=url.path + path) for path in ("chat/completions", "models"))
        return cls(pool, chat, models, headers, (httpx2.HTTPError, aiohttp.ClientError, OSError))

    async def send(self, body: Mapping[str, Any] | None) -> httpx2.Response:
        import httpx2

        # The caller's clock covers the whole answer, so the pool's own are off.
        extensions: dict[str, Any] = {"timeout": {}}
        if body is None:
            return await self.pool.send(httpx2.Request("GET", self.models, headers=self.headers, extensions=extensions))
        # Given as `stream`, httpx2 leaves Host and Content-Length to aiohttp, which writes them anyway (0.1 ms).
        stream = httpx2.ByteStream(orjson.dumps(body))
        request = httpx2.Request("POST", self.chat, headers=self.headers, stream=stream, extensions=extensions)
        request.read()
        return await self.pool.send(request)


async def _close(loop: asyncio.AbstractEventLoop, wire: _Wire) -> None:
    """Close a loop's connections, there where it still runs."""
    closing = wire.pool.aclose()
    if loop.is_running() and loop is not asyncio.get_running_loop():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(closing, loop))
    else:
        await closing


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An answer that is not a 2xx, in the server's own words."""

    status: int
    message: str
    code: str
    param: str
    text: str
    retry_after: float | None

    @classmethod
    def of(cls, response: httpx2.Response) -> _Refusal:
        """Read whatever form of error body this server has."""
        said = _json(response.content)
        error = said.get("error", said) if isinstance(said, dict) else said
        error = error if isinstance(error, dict) else {"message": error if isinstance(error, str) else response.text}
        message = str(error.get("message") or error.get("detail") or response.text).strip()
        code, param = str(error.get("code") or error.get("type") or ""), str(error.get("param") or "")
        return cls(
            response.status_code, message, code, param, response.text[:KEPT], retry_after(response.headers, _now())
        )

    def refuses(self, parameter: str) -> bool:
        """Whether it is this parameter that the server does not know, rather than its value that is out of range."""
        named = parameter == self.param or re.search(rf"\b{parameter}\b", self.message) is not None
        return self.status in (400, 422) and named and bool(REFUSES.search(f"{self.code} {self.message}"))

    @property
    def about_schema(self) -> bool:
        """Whether it may be the way a schema was asked for that the server refused."""
        return self.status in (400, 422) and bool(ABOUT_SCHEMA.search(f"{self.param} {self.message}"))

    def error(self, endpoint: str) -> BackendError:
        """The error this answer stands for."""
        hint = "; set OPENAI_API_KEY to a key for this endpoint" if self.status == 401 else ""
        words = re.sub(r"\s+", " ", self.message)[:QUOTED]
        return self._kind()(
            f"{endpoint} answered {self.status}: {words or 'nothing more'}{hint}",
            raw=self.text,
            retry_after=self.retry_after,
        )

    def _kind(self) -> type[BackendError]:
        if self.status == 429:
            # An account without money is answered 429 too, and waiting does not fill it.
            return Rejected if self.code == "insufficient_quota" else RateLimited
        if self.status == 408:
            return TimedOut
        if self.status >= 500:
            return ServerFault
        if self.status < 400:
            return BadReply
        return Filtered if "content_filter" in self.code or "content_policy" in self.code else Rejected


def _read(response: httpx2.Response, model: str, attempts: int) -> Reply:
    """The reply in a 2xx answer, or the error that its content stands for."""
    data = _json(response.content)
    try:
        choice = data["choices"][0]
        content, finish = choice["message"].get("content"), choice.get("finish_reason") or "stop"
        usage = _usage(data.get("usage"), attempts)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        words = _Refusal.of(response).message[:QUOTED]
        raise BadReply(f"the answer is not a chat completion: {words!r}", raw=response.text[:KEPT]) from None
    text = content if isinstance(content, str) else ""
    if finish == "length":
        raise Truncated("the answer was cut off by max_tokens", raw=text, usage=usage)
    if finish == "content_filter" or choice["message"].get("refusal"):
        raise Filtered("the answer was stopped by the content filter", raw=text or response.text, usage=usage)
    if not text.strip():
        raise EmptyReply("the answer has no words", raw=response.text, usage=usage)
    return Reply(text, usage, finish, data.get("model") or model)


def _usage(said: Any, attempts: int) -> Usage:
    if not isinstance(said, dict):
        return Usage(calls=1, attempts=attempts)
    return Usage(
        calls=1,
        attempts=attempts,
        prompt_tokens=said.get("prompt_tokens") or 0,
        completion_tokens=said.get("completion_tokens") or 0,
        cached_tokens=(said.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
    )


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the server asks to wait, by ``retry-after-ms`` or ``Retry-After`` (seconds or a date); None if unsaid."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        said = headers["retry-after"]
    except (KeyError, ValueError):
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        return _seconds_until(said, now)


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(date) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _now() -> datetime:
    return datetime.now(UTC)


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InputError(f"base_url must begin with http:// or https:// and name a host, not {_public(base_url)!r}")
    return base_url


def _public(base_url: str) -> str:
    """The URL without what may be a credential: user, password and query."""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")
