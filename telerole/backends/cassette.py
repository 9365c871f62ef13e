"""`Cassette`: records a backend's replies in a file, and answers from the file without the backend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import ConfigDict, ValidationError

from telerole import journal
from telerole.backends.base import Backend, Message, Reply, Sampling, close, rest
from telerole.errors import BackendError, EmptyReply, FileError, InputError, ReplayMiss, Truncated, nearest
from telerole.records import Record
from telerole.session import Usage

Mode = Literal["record", "replay"]

VERSION: Final = 1
ANSWERS: Mapping[str, type[BackendError]] = {"Truncated": Truncated, "EmptyReply": EmptyReply}
SHOWN = 80  # characters of a message in an error


class Header(Record):
    """A cassette's first line. `provenance` says whose words the replies are."""

    telerole_cassette: Literal[1] = VERSION
    provenance: str = ""


class Verbatim(Record):
    """A record whose texts keep the blanks at their ends."""

    model_config = ConfigDict(str_strip_whitespace=False)


class Request(Verbatim):
    """What a backend was asked: the messages by digest, and the last of them in words, for the reader."""

    backend: str
    messages: tuple[str, ...]
    last: str
    sampling: dict[str, Any]
    schema_digest: str | None = None

    @classmethod
    def of(cls, backend: str, messages: Sequence[Message], sampling: Sampling, schema: Any) -> Self:
        """The request in the form in which it is recorded."""
        return cls(
            backend=backend,
            messages=tuple(_digest([message["role"], message["content"]])[:16] for message in messages),
            last=messages[-1]["content"] if messages else "",
            # What is left to the server is left out, so an option that a later version adds changes no key.
            sampling={
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(sampling).items()
                if value not in (None, ())
            },
            schema_digest=None if schema is None else _digest(schema)[:16],
        )

    @cached_property
    def key(self) -> str:
        """The same for the same request, and for no other."""
        return _digest([self.backend, self.messages, self.sampling, self.schema_digest])


class Fault(Verbatim):
    """A model's answer that is no reply and would be the same again, such as one that the token limit cut off."""

    kind: Literal["Truncated", "EmptyReply"]
    message: str
    raw: str | None = None
    usage: Usage | None = None

    @classmethod
    def of(cls, error: BackendError) -> Self | None:
        """What is recorded of the error; None where it is no answer, or asking again may bring another."""
        if error.retryable or error.kind not in ANSWERS:
            return None
        raw = error.raw and error.raw.encode(errors="replace").decode()  # half a character fits into no file
        return cls.model_validate({"kind": error.kind, "message": str(error), "raw": raw, "usage": error.usage})

    def error(self) -> BackendError:
        """The error as it was raised."""
        error = ANSWERS[self.kind](self.message, raw=self.raw, usage=self.usage)
        error.retryable = False
        return error


class Entry(Verbatim):
    """A request and what it was answered: one line of the file."""

    request: Request
    reply: Reply | Fault


class Cassette:
    """Replies on file. ``Cassette(path, backend)`` is a backend; ``cassette.of(backend)`` is for several on one file.

    In mode ``"record"`` every reply is written down the moment it comes, and a request that is already on file is
    answered from it, so an interrupted recording goes on where it stopped. In mode ``"replay"`` neither backend nor
    network is touched: a request that is not on file is a `ReplayMiss`. The same request always gets the same reply:
    the first that was recorded. So does one whose answer was cut off or empty and would be again (`Truncated` and
    `EmptyReply` of a seeded local model); other failures are not recorded. Requests are told apart by backend name,
    messages, sampling (with its seed) and schema; usage is replayed with the text. `provenance` goes into a new file's
    first line.

    Raises `FileError` for a file that cannot be read or written, or is no cassette.
    """

    def __init__(
        self, path: Path | str, backend: Backend | None = None, mode: Mode = "record", *, provenance: str = ""
    ) -> None:
        if mode not in ("record", "replay"):
            raise InputError(f"mode: {mode!r} is not 'record' or 'replay'{nearest(mode, ('record', 'replay'))}")
        self.path, self.mode, self._backend = Path(path), mode, backend
        if mode == "record":
            _begin(self.path, Header(provenance=provenance))
        self.header, self._entries = _load(self.path)
        kept = "the replies recorded so far"
        self._journal = journal.Journal(self.path, kept) if mode == "record" else None

    def of(self, backend: Backend | str) -> Backend:
        """`backend` on this cassette; for replaying its name is enough."""
        if isinstance(backend, str) and self.mode == "record":
            raise InputError(f"{self.path}: to record {backend!r} give the backend itself, not its name")
        return _Taped(self, backend)

    @property
    def backends(self) -> list[str]:
        """The names of the backends whose replies are on file."""
        return sorted({entry.request.backend for entry in self._entries.values()})

    @property
    def name(self) -> str:
        """The wrapped backend's name; without one, that of the only backend on file."""
        if self._backend is not None:
            return self._backend.name
        if len(self.backends) != 1:
            held = ", ".join(self.backends) or "no backend"
            raise InputError(f"{self.path}: holds replies of {held}; name the one you mean with cassette.of(name)")
        return self.backends[0]

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """The recorded reply, or a new one that is recorded; raises `ReplayMiss` or what the backend raises."""
        return await self.of(self._backend or self.name).generate(messages, sampling=sampling, schema=schema)

    async def idle(self) -> None:
        """Drop the wrapped backend's connections until its next request."""
        await rest(self._backend)

    async def aclose(self) -> None:
        """Release the wrapped backend."""
        await close(self._backend)

    def _find(self, request: Request) -> Reply | Fault | None:
        entry = self._entries.get(request.key)
        return None if entry is None else entry.reply

    def _keep(self, request: Request, reply: Reply | Fault) -> Reply | Fault:
        """Write the reply down, unless the same request was answered meanwhile; returns the reply that is on file."""
        entry = Entry(request=request, reply=reply)
        first = self._entries.setdefault(request.key, entry)
        if first is entry and self._journal is not None:
            self._journal.add(entry)
        return first.reply

    def _miss(self, request: Request, messages: Sequence[Message]) -> ReplayMiss:
        """The error that says how the nearest request on file differs from this one."""
        held = [entry.request for entry in self._entries.values() if entry.request.backend == request.backend]
        if held:
            difference = _difference(max(held, key=lambda one: _likeness(one, request)), request, messages)
        else:
            difference = f"it holds replies of {', '.join(self.backends) or 'no backend'}"
        return ReplayMiss(f"{self.path} holds no reply of {request.backend!r} to this request: {difference}")


class _Taped:
    """One backend on a cassette."""

    def __init__(self, cassette: Cassette, backend: Backend | str) -> None:
        self._cassette, self._backend = cassette, backend

    @property
    def name(self) -> str:
        """The backend's own name, so that records do not change with the cassette."""
        return self._backend if isinstance(self._backend, str) else self._backend.name

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """The recorded answer, or a new one that is recorded."""
        request = Request.of(self.name, messages, sampling, schema)
        if (known := self._cassette._find(request)) is not None:
            return _given(known)
        if self._cassette.mode == "replay" or isinstance(self._backend, str):
            raise self._cassette._miss(request, messages)
        answer: Reply | Fault
        try:
            answer = await self._backend.generate(messages, sampling=sampling, schema=schema)
        except BackendError as error:
            if (fault := Fault.of(error)) is None:
                raise
            answer = fault
        return _given(self._cassette._keep(request, answer))

    async def idle(self) -> None:
        """Drop the backend's connections until its next request."""
        await rest(self._backend)

    async def aclose(self) -> None:
        """Release the backend."""
        await close(self._backend)


def _given(answer: Reply | Fault) -> Reply:
    if isinstance(answer, Fault):
        raise answer.error()
    return answer


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _difference(held: Request, asked: Request, messages: Sequence[Message]) -> str:
    """What sets the request asked apart from the nearest one on file; messages are counted from 0."""
    same = _alike(held.messages, asked.messages)
    if same < len(messages):
        role, text = messages[same]["role"], _shown(messages[same]["content"])
        recorded = f"; recorded was {_shown(held.last)}" if same == len(held.messages) - 1 else ""
        return f"message {same} ({role}) differs from every recorded one: {text}{recorded}"
    if same < len(held.messages):
        return f"all its {same} messages are on file, but only with more messages after them"
    options = sorted(held.sampling.keys() | asked.sampling.keys())
    faults = [
        f"sampling.{name} is {asked.sampling.get(name)!r}, recorded was {held.sampling.get(name)!r}"
        for name in options
        if repr(asked.sampling.get(name)) != repr(held.sampling.get(name))  # 1 and 1.0 make different keys
    ]
    return "; ".join(faults or ["its schema differs"])


def _likeness(held: Request, asked: Request) -> tuple[int, bool, int]:
    return (
        _alike(held.messages, asked.messages),
        len(held.messages) == len(asked.messages),
        sum(held.sampling.get(name) == value for name, value in asked.sampling.items()),
    )


def _alike(held: Sequence[str], asked: Sequence[str]) -> int:
    """How many messages from the first on are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(held, asked, strict=False)))


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def _begin(path: Path, header: Header) -> None:
    """Write the first line of a file that is new or empty."""
    with journal.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if not file.tell():
                file.write(journal.line(header))


def _load(path: Path) -> tuple[Header, dict[str, Entry]]:
    """The first line, and by their keys the first reply to each request."""
    lines = journal.lines(path, growing=False)
    _, first = next(lines, (1, b""))
    try:
        header = Header.model_validate_json(first)
    except ValidationError:
        raise FileError(path, [f"line 1: is not the first line of a cassette of version {VERSION}"]) from None
    entries: dict[str, Entry] = {}
    for number, line in lines:
        if line.strip():
            entry = journal.parse(path, number, line, Entry)
            entries.setdefault(entry.request.key, entry)
    return header, entries
