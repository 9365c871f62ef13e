"""Triplets made one by one by a model: many at once, each kept as it is finished, each failure with its raw reply."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from telerole.backends.base import Backend
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.backends.structured import Structured
from telerole.batch import work_through
from telerole.chairs import Chairs, model_at_work
from telerole.errors import BackendError, BudgetSpent, InputError
from telerole.folder import Failure, whole_characters
from telerole.progress import Bar, Silent
from telerole.records import Record
from telerole.runs import Run, TripletFolder
from telerole.session import Session, Triplet, Usage

CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with: the model (a SPEC or a `Backend`), what it may use, and how much goes on at once."""

    backend: str | Backend
    budget: Budget | None = None
    cassette: Cassette | None = None
    concurrency: int = CONCURRENCY
    progress: bool = False


class Piece(ABC):
    """One triplet to be made."""

    stage: ClassVar[str]
    seed: int

    @property
    @abstractmethod
    def id(self) -> str:
        """The session's id."""

    @property
    @abstractmethod
    def source(self) -> str:
        """The id of the script or QA pair."""

    @abstractmethod
    async def make(self, model: Backend, heard: Report) -> Triplet:
        """The triplet, or a `BackendError`; `heard` is told of every answer that could not be used as it came."""


@dataclass(frozen=True, slots=True)
class Report:
    """Keeps the answers of one piece that could not be used, or only once mended."""

    piece: Piece
    store: Triplets | TripletFolder

    def refused(self, raw: str, fault: BackendError) -> None:
        """An answer that was asked for again."""
        self._keep(fault.kind, str(fault), raw)

    def repaired(self, answer: Structured[Any]) -> None:
        """An answer whose JSON had to be mended; one that had not is no news."""
        if answer.repaired:
            self._keep("Repaired", "the JSON was mended without losing a word", answer.raw)

    def failed(self, error: BackendError | BudgetSpent) -> None:
        """What the piece ended with, and what it cost all the same."""
        raw = error.raw if isinstance(error, BackendError) else None
        used = {"writer": error.usage} if error.usage else {}
        self._keep(type(error).__name__, str(error), raw, used, error.usage.attempts if error.usage else 0)

    def _keep(
        self, reason: str, message: str, raw: str | None, usage: Mapping[str, Any] = {}, attempts: int = 0
    ) -> None:
        self.store.fail(
            Failure(
                id=self.piece.id,
                scenario_id=self.piece.source,
                seed=self.piece.seed,
                stage=self.piece.stage,
                reason=reason,
                message=message,
                raw=whole_characters(raw),
                attempts=attempts,
                usage=dict(usage),
            )
        )


class Triplets(Run):
    """Triplets that are kept nowhere else."""

    def __init__(self) -> None:
        self.done = set()
        self._triplets: list[Triplet] = []
        self._tries: list[Failure] = []

    def append(self, triplet: Triplet) -> None:
        """Keep the triplet."""
        self._triplets.append(triplet)
        self.done.add(triplet.session.id)

    def fail(self, failure: Failure) -> None:
        """Keep what went wrong."""
        self._tries.append(failure)

    def triplets(self) -> Iterator[Triplet]:
        """The finished triplets, in the order in which they were made."""
        return iter(self._triplets)

    def sessions(self) -> Iterator[Session]:
        """Their sessions."""
        return (triplet.session for triplet in self._triplets)

    def tries(self) -> Iterator[Failure]:
        """Every answer and every try that failed."""
        return iter(self._tries)


@contextmanager
def on_top_of(used: Usage) -> Iterator[None]:
    """A model call that fails in here, or that nothing is left for, costs what the piece had `used` before it, too."""
    try:
        yield
    except (BackendError, BudgetSpent) as error:
        error.usage = used + (error.usage or Usage())
        raise


def summary(records: Sequence[Record]) -> str:
    """How many records there are and a digest of them: what a run's configuration says of what it was given."""
    summed = hashlib.sha256("".join(f"{one.model_dump_json()}\n" for one in records).encode())
    return f"{len(records)} ({summed.hexdigest()[:10]})"


async def make_all(
    pieces: Sequence[Piece], tools: Tools, out: Path | str | None, config: Mapping[str, Any]
) -> Triplets | TripletFolder:
    """Make every piece, into the run folder `out` where one is named; the same command goes on where it was stopped."""
    twice = [id for id, times in Counter(piece.id for piece in pieces).items() if times > 1]
    if not pieces or twice:
        raise InputError(f"two pieces have the id {twice[0]!r}" if twice else "there is nothing to make")
    budget = tools.budget or Budget()
    chairs = Chairs(budget=budget, cassette=tools.cassette)
    task = {"extract": "read scripts", "complete": "write dialogues"}[pieces[0].stage]
    async with model_at_work(tools.backend, task, chairs) as model:
        try:
            await chairs.reach()
        except BackendError as error:
            raise InputError(str(error)) from error
        whole = {**config, "model": model.name}
        with nullcontext(Triplets()) if out is None else TripletFolder.open(out, whole | chairs.weights(out)) as store:
            await _make_each(pieces, model, store, budget, tools)
    return store


async def _make_each(
    pieces: Sequence[Piece], model: Backend, store: Triplets | TripletFolder, budget: Budget, tools: Tools
) -> None:
    left = [piece for piece in pieces if piece.id not in store.done]
    done = len(pieces) - len(left)

    async def make(piece: Piece) -> bool:
        report = Report(piece, store)
        more = True
        try:
            store.append(await piece.make(model, report))
        except BudgetSpent as error:
            report.failed(error)
            more = False
        except BackendError as error:
            report.failed(error)
        shown.ended(piece.id in store.done, str(budget.spent) if budget.spent.calls else "")
        return more

    with Bar(len(pieces), done, what=f"{pieces[0].stage}s") if tools.progress else Silent() as shown:
        await work_through(left, make, tools.concurrency)
