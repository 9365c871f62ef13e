"""Any OpenAI-compatible chat endpoint: OpenAI's own, vLLM, llama.cpp's server and their like."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import orjson

from telerole.backends.base import Message, Reply, Sampling
from telerole.backends.openai_answers import Refusal, read
from telerole.backends.structured import follows, strict
from telerole.errors import BackendError, InputError, Rejected, TimedOut, Unreachable

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger("telerole")

Rung = Literal["json_schema", "json_object", "prompt"]
NEXT_RUNG: dict[Rung, Rung] = {"json_schema": "json_object", "json_object": "prompt"}

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # local servers want a header, not a key
KEY_LIKE = re.compile(r"\bsk-[\w*.-]{4,}")


class OpenAIBackend:
    """A model behind an OpenAI-compatible endpoint; one request, unrepeated, for each `generate`.

    Without `base_url` it is OpenAI's, or ``OPENAI_BASE_URL``; without `api_key` the key is ``OPENAI_API_KEY``, and a
    `base_url` needs none. Organisation, project, extra headers and proxies come from the environment as the official
    client reads them. `timeout` is seconds for a whole answer, None for no end. `extra_body` is sent with every
    request, for what a server understands beyond the standard (vLLM's ``{"min_p": 0.05}``).

    One object serves any number of concurrent calls on any number of event loops; ``await aclose()`` closes all its
    connections. What the endpoint turns out to refuse is learned once and remembered: `adapted` names the parameters
    dropped or renamed, `schema_rung` how far it enforces a schema. Raises `InputError` where no key is set, or the key
    or the address cannot be one.
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
        _check_key(self._key)
        self._extra = dict(extra_body or {})
        self.endpoint = _public(self._base_url)
        self.name = f"openai:{model}@{self.endpoint}" if base_url else f"openai:{model}"
        self.adapted: dict[str, str | None] = {}
        self._rung: Rung = "json_schema"
        self._rung_proven = False
        self._wires: dict[asyncio.AbstractEventLoop, _Wire] = {}
        self._in_flight = 0

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
            refusal = Refusal.of(response)
            if self._adapt(refusal, body):
                continue
            if rung == "prompt" or not refusal.about_schema:
                raise self._clean(refusal.error(self.endpoint))
            rung = self._step_down(rung)

    async def reach(self) -> None:
        """Ask the endpoint for a sign of life; raises `Unreachable`, `TimedOut`, or `Rejected` for a wrong key."""
        response = await self._post(None)
        # A key may be allowed to chat and not to list models (403), and a server may have no list (404).
        if response.status_code == 401:
            raise self._clean(Refusal.of(response).error(self.endpoint))

    async def idle(self) -> None:
        """Close this event loop's connections unless they are in use; the next request opens new ones."""
        loop = asyncio.get_running_loop()
        if not self._in_flight and (wire := self._wires.pop(loop, None)) is not None:
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
        self._in_flight += 1
        try:
            async with asyncio.timeout(self.timeout):
                return await wire.send(body)
        except TimeoutError:
            raise TimedOut(f"{self.endpoint} gave no answer in {self.timeout:g} s") from None
        except orjson.JSONEncodeError as error:
            raise Rejected(f"the request cannot be written as JSON: {error}") from None
        except ValueError as error:  # such as a host's name that is too long, or a password beside the key
            raise self._clean(Rejected(f"{self.endpoint} cannot be asked: {error}")) from None
        except wire.breaks as error:
            raise self._clean(Unreachable(f"no answer from {self.endpoint}: {error or type(error).__name__}")) from None
        finally:
            self._in_flight -= 1

    async def _connect(self) -> _Wire:
        import httpx2

        try:
            wire = self._wires[asyncio.get_running_loop()] = _Wire.open(self._base_url, self._key)
        except httpx2.InvalidURL as error:
            raise self._clean(Rejected(f"{self.endpoint} is no address that can be asked: {error}")) from None
        for loop in [loop for loop in self._wires if loop.is_closed()]:
            await _close(loop, self._wires.pop(loop))
        return wire

    def _accept(self, response: httpx2.Response, attempts: int, schema: Mapping[str, Any] | None, rung: Rung) -> Reply:
        try:
            reply = read(response, self.model, attempts)
        except BackendError as error:
            raise self._clean(error) from None
        if schema is not None:
            self._learn(rung, follows(reply.text, schema if rung == "json_schema" else {}))
        return reply

    def _adapt(self, refusal: Refusal, body: Mapping[str, Any]) -> bool:
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
        headers.encoding = headers.encoding  # once found out it is kept; else every request looks through all of them
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
        request = httpx2.Request("POST", self.chat, stream=stream, extensions=extensions)
        request.headers = self.headers  # the very same, not a copy: nothing on the way changes them
        request.read()
        return await self.pool.send(request)


async def _close(loop: asyncio.AbstractEventLoop, wire: _Wire) -> None:
    """Close a loop's connections, there where it still runs."""
    closing = wire.pool.aclose()
    if loop.is_running() and loop is not asyncio.get_running_loop():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(closing, loop))
    else:
        await closing


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and base_url.isprintable()
        _ = parts.port  # reading it is what checks it
    except ValueError:
        whole = False
    if not whole:
        # In an address that cannot be taken apart nobody knows which part is a password.
        shown = "what was given" if any(mark in base_url for mark in "@?#") else repr(base_url)
        raise InputError(
            "base_url must begin with http:// or https:// and name a host, as in http://localhost:8000/v1 or "
            f"http://[::1]:8000/v1, not {shown}"
        )
    return base_url


def _check_key(key: str) -> None:
    """See that the key can stand in a header; the error shows nothing of it."""
    for position, letter in enumerate(key, start=1):
        if not (letter.isascii() and letter.isprintable()):
            what = "a line break" if letter in "\r\n" else "a character that no key has"
            raise InputError(
                f"the API key has {what} at position {position} of {len(key)}: set OPENAI_API_KEY, or give api_key=, "
                "without it"
            )


def _public(base_url: str) -> str:
    """The URL without what may be a credential: user, password and query."""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")
