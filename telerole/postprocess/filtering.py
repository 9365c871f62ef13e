"""What a filter is: it sees an `Example` and keeps it (None), rewrites it, or rejects it with its reason.

Four kinds, in the order in which they are asked. Inside a kind every filter sees the same sessions whatever the order,
so the order decides only which filter names the reason first, never who is rejected.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from telerole.backends.base import Backend
from telerole.profile import Profile
from telerole.records import Record
from telerole.session import Session, Triplet
from telerole.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Example:
    """A session, and what is known about where it came from; `strategy` has its slots filled.

    `knowledge` is what an expert wrote and the session teaches beside its profile and strategy: a QA pair's texts.
    Real conversations come with nothing but their turns: a filter that needs more keeps what it cannot judge.
    """

    session: Session
    profile: Profile | None = None
    strategy: Strategy | None = None
    knowledge: tuple[str, ...] = ()

    @classmethod
    def of(cls, triplet: Triplet) -> Self:
        """The triplet as filters see it; one from prefix completion ends with the expert's question and answer."""
        expert = triplet.session.turns[-2:] if triplet.method == "completion" else ()
        return cls(triplet.session, triplet.profile, triplet.strategy, tuple(turn.text for turn in expert))


class Evidence(Record):
    """What a decision rests on: the words, and the turn they stand in (from 0; None where no turn holds them)."""

    turn: int | None = None
    text: str


class Reject(Record):
    """The session is no good: why, how far past which limit, and the words that show it.

    `score` is the filter's figure for this session and `threshold` the limit it passed, where the filter has one.
    """

    reason: str
    score: float | None = None
    threshold: float | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The session can be kept in another form; `changes` says what was changed, never the words that were private."""

    example: Example
    changes: tuple[Evidence, ...]


class Filter(Record):
    """A filter with its settings, as the YAML file names them. `name` is what it is called there and in the report."""

    name: ClassVar[str]


class Rewriter(Filter):
    """Changes sessions. Rewriters commute, and doing one twice changes nothing."""

    @abstractmethod
    def rewrite(self, example: Example) -> Rewrite | None:
        """The session in a form that can be kept, or None where nothing has to change."""


class SessionFilter(Filter):
    """Judges a session by itself."""

    @abstractmethod
    def judge(self, example: Example) -> Reject | None:
        """Why the session is rejected, or None."""


class Collector(Protocol):
    """Sees the sessions one by one, then says which of them have to go."""

    def add(self, session: Session) -> None:
        """Take a session in; ids differ."""

    def rejected(self) -> Mapping[str, Reject]:
        """The sessions to reject, by id."""


class CorpusFilter(Filter):
    """Judges a session by the others: what only repeats another one is rejected."""

    @abstractmethod
    def collector(self) -> Collector:
        """A new collector for one set of sessions."""


Heard = Callable[[str, str, str], None]
"""Told of an answer that was of no use as it came: the error's kind (or ``Repaired``), what was wrong, the answer."""


class ModelFilter(Filter):
    """Judges a session by asking a model."""

    @abstractmethod
    async def ask(self, example: Example, backend: Backend, heard: Heard | None = None) -> Reject | None:
        """Why the session is rejected, or None; raises `BackendError` where no verdict could be had."""
