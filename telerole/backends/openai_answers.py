"""What an OpenAI-compatible server's answers mean: `read` for a 2xx, `Refusal` for any other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson

from telerole.backends.base import Reply
from telerole.errors import (
    BackendError,
    BadReply,
    EmptyReply,
    Filtered,
    RateLimited,
    Rejected,
    ServerFault,
    TimedOut,
    Truncated,
)
from telerole.session import Usage

if TYPE_CHECKING:
    import httpx2

KEPT = 20_000  # characters of an answer an error keeps in `raw`
QUOTED = 300  # characters of a server's own words in a message
REFUSES = re.compile(r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|not allowed|extra", re.I)
ABOUT_SCHEMA = re.compile(r"response_format|schema|json_object|grammar|guided|structured", re.I)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that brings no reply, in the server's own words."""

    status: int
    message: str
    code: str
    param: str
    text: str
    retry_after: float | None

    @classmethod
    def of(cls, response: httpx2.Response) -> Refusal:
        """Read whatever form of error body this server has."""
        said = _json(response.content)
        error = said.get("error", said) if isinstance(said, dict) else said
        if not isinstance(error, dict):
            error = {"message": error if isinstance(error, str) else None}
        message = str(error.get("message") or error.get("detail") or response.text).strip()
        code, param = str(error.get("code") or error.get("type") or ""), str(error.get("param") or "")
        wait = retry_after(response.headers, datetime.now(UTC))
        return cls(response.status_code, message, code, param, response.text[:KEPT], wait)

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


def read(response: httpx2.Response, model: str, attempts: int) -> Reply:
    """The reply in a 2xx answer, or the error that its content stands for."""
    data = _json(response.content)
    try:
        choice = data["choices"][0]
        content, finish = choice["message"].get("content"), choice.get("finish_reason") or "stop"
        usage = _usage(data.get("usage"), attempts)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        words = Refusal.of(response).message[:QUOTED]
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
    milliseconds, said = headers.get("retry-after-ms"), headers.get("retry-after", "")
    try:
        return max(0.0, float(milliseconds) / 1000 if milliseconds else float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
