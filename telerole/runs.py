"""Where sessions go as they end: a run folder, which the same command goes on with, or memory."""

from __future__ import annotations

import json
import platform
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import ConfigDict

from telerole import __version__, journal
from telerole.errors import FileError, InputError, nearest
from telerole.outcome import Outcome, outcome, seconds, suspected_ai
from telerole.persona import Role
from telerole.records import R, Record
from telerole.scenario import Scenario
from telerole.session import Session, Turn, Usage

ADVICE = "give the same again, or name another folder (--out)"


class Failure(Record):
    """A session that could not be finished, up to where it stopped.

    `reason` is the error's kind (``"TimedOut"``; ``"BudgetSpent"``), `by` the chair whose model call failed, `raw`
    what came back, where that is known. `attempts` counts the session's requests, those that failed too.
    """

    model_config = ConfigDict(str_strip_whitespace=False)

    id: str
    scenario_id: str
    trial: int
    seed: int
    stage: str = "simulate"
    reason: str
    message: str
    by: Role | None = None
    raw: str | None = None
    attempts: int = 0
    turns: tuple[Turn, ...] = ()
    usage: dict[Role, Usage] = {}

    @classmethod
    def of(cls, session: Session, raw: str | None = None) -> Self:
        """The failure that cut `session` short; `raw` is the reply that could not be used."""
        kind, _, message = session.end.detail.partition(": ")
        if session.end.reason == "budget":
            kind, message = "BudgetSpent", session.end.detail
        return cls(
            id=session.id,
            scenario_id=session.scenario_id,
            trial=session.trial,
            seed=session.seed,
            reason=kind,
            message=message,
            by=session.end.by,
            raw=None if raw is None else raw.encode(errors="replace").decode(),
            attempts=sum(usage.attempts for usage in session.usage.values()),
            turns=session.turns,
            usage=session.usage,
        )


@dataclass(slots=True)
class Totals:
    """A run in numbers: finished sessions and their turns, how they ended, what could not be finished, and why.

    `outcomes`, `suspected_ai` and `seconds` say what the calls came to, how many merchants asked whether they talked to
    a machine, and how long all calls took together: what the paper counts online (5.3).

    `usage` is the ledger: it counts failed tries too, those as well that a later try made good.
    """

    sessions: int = 0
    turns: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    usage: dict[Role, Usage] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    suspected_ai: int = 0
    seconds: float = 0.0

    def count(self, session: Session) -> None:
        """Add a finished session."""
        self.sessions += 1
        self.turns += len(session.turns)
        self.ends[session.end.reason] += 1
        self.outcomes[outcome(session)] += 1
        self.suspected_ai += suspected_ai(session)
        self.seconds += seconds(session)

    def spend(self, usage: Mapping[Role, Usage]) -> None:
        """Add what a session or a failed try used."""
        for role, used in usage.items():
            self.usage[role] = self.usage.get(role, Usage()) + used


class Run(ABC):
    """What a run made: iterate over it for the finished sessions. `done` holds their ids."""

    done: set[str]

    @abstractmethod
    def append(self, session: Session, *, raw: str | None = None) -> None:
        """Keep a session that ended; one whose id is done already is left out. `raw` is a failed call's reply."""

    @abstractmethod
    def sessions(self) -> Iterator[Session]:
        """The finished sessions, in the order in which they ended."""

    @abstractmethod
    def tries(self) -> Iterator[Failure]:
        """Every try that failed, those as well that a later one made good."""

    def failures(self) -> Iterator[Failure]:
        """The sessions that are not finished, each with its latest failure."""
        latest = {failure.id: number for number, failure in enumerate(self.tries())}
        for number, failure in enumerate(self.tries()):
            if latest[failure.id] == number and failure.id not in self.done:
                yield failure

    def totals(self) -> Totals:
        """The run in numbers, summed from its records."""
        totals = Totals(usage={"salesperson": Usage(), "merchant": Usage()})
        for session in self.sessions():
            totals.count(session)
            totals.spend(session.usage)
        for attempt in self.tries():
            totals.spend(attempt.usage)
        totals.failures.update(failure.reason for failure in self.failures())
        return totals

    def __iter__(self) -> Iterator[Session]:
        return self.sessions()

    def __len__(self) -> int:
        return len(self.done)


class MemoryRun(Run):
    """A run that is kept nowhere else."""

    def __init__(self) -> None:
        self.done = set()
        self._sessions: list[Session] = []
        self._tries: list[Failure] = []

    def append(self, session: Session, *, raw: str | None = None) -> None:
        """Keep the session."""
        if not session.finished:
            self._tries.append(Failure.of(session, raw))
        elif session.id not in self.done:
            self._sessions.append(session)
            self.done.add(session.id)

    def sessions(self) -> Iterator[Session]:
        """The finished sessions."""
        return iter(self._sessions)

    def tries(self) -> Iterator[Failure]:
        """Every try that failed."""
        return iter(self._tries)


class RunFolder(Run):
    """A run on disk: `open` it to add sessions, `read` it to look at what it holds.

    ``run.json`` holds the configuration, ``scenarios.jsonl`` what is played, ``sessions.jsonl`` a finished session a
    line, ``failures.jsonl`` a failed try a line. Memory holds only the ids of finished sessions. Each iteration reads
    the files anew, while they grow too; a damaged line is a `FileError` that names it.
    """

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path, self.config = path, config
        self._out: _Out | None = None
        self.done = {id for id, _, _ in self._finished()}

    @classmethod
    def open(cls, path: Path | str, config: Mapping[str, Any]) -> Self:
        """Begin a run, or go on with one; `config` is what makes it this run, in values that JSON knows.

        Raises `InputError` where the folder holds something else, cannot be written, is being written by another
        run, or was begun with another configuration.
        """
        path, plain = Path(path), json.loads(json.dumps(dict(config)))
        with ExitStack() as held:
            try:
                _make(path)
                held.enter_context(journal.lock(path / ".lock"))
                _begin(path, plain)
                finished = journal.Journal(path / "sessions.jsonl", kept="finished sessions")
                failed = journal.Journal(path / "failures.jsonl", kept="finished sessions")
            except OSError as error:
                raise FileError(path, [f"cannot be written: {error.strerror}; name another folder"]) from None
            folder = cls(path, plain)
            held.callback(finished.sync)
            held.callback(failed.sync)
            folder._out = _Out(finished, failed, held.pop_all())
        return folder

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Look at a run, finished or not; raises `InputError` where there is none."""
        path = Path(path)
        if not (path / "run.json").is_file():
            raise InputError(f"{path}: is no run folder, there is no run.json in it")
        return cls(path, _config(path))

    def append(self, session: Session, *, raw: str | None = None) -> None:
        """Write the session down at once: a finished one to the sessions, another to the failures."""
        out = self._writing()
        if session.id in self.done:
            return
        if not session.finished:
            out.failed.add(Failure.of(session, raw))
        else:
            out.finished.add(session)
            self.done.add(session.id)

    def write_scenarios(self, scenarios: Iterable[Scenario]) -> None:
        """Write down what is played; raises `InputError` where the run was begun with other scenarios."""
        self._writing()
        file, planned = self._file("scenarios"), map(journal.line, scenarios)
        if not file.exists():
            journal.replace(file, planned)
            return
        with file.open("rb") as before:
            for number, (old, new) in enumerate(zip_longest(before, planned), start=1):
                if old != new:
                    raise FileError(file, [f"line {number}: the run was begun with other scenarios; {ADVICE}"])

    def sessions(self) -> Iterator[Session]:
        """The finished sessions, in the order in which they ended."""
        return self._records("sessions", Session)

    def tries(self) -> Iterator[Failure]:
        """Every try that failed, those as well that a later one made good."""
        return self._records("failures", Failure)

    def scenarios(self) -> Iterator[Scenario]:
        """What is played."""
        return self._records("scenarios", Scenario)

    def session(self, id: str) -> Session:
        """The finished session of that id; an `InputError` names the nearest where there is none."""
        for found, number, line in self._finished():
            if found == id:
                return journal.parse(self._file("sessions"), number, line, Session)
        raise InputError(f"{self.path}: holds no finished session {id!r}{nearest(id, self.done)}")

    def close(self) -> None:
        """Bring everything to disk and let other runs write here; what was written can still be read."""
        if self._out is not None:
            self._out.held.close()
            self._out = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.jsonl"

    def _lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        file = self._file(name)
        return journal.lines(file) if file.exists() else iter(())

    def _records(self, name: str, kind: type[R]) -> Iterator[R]:
        return (journal.parse(self._file(name), number, line, kind) for number, line in self._lines(name))

    def _finished(self) -> Iterator[tuple[str, int, bytes]]:
        """Each finished session's id, line number and line, the session itself unread."""
        for number, line in self._lines("sessions"):
            try:
                yield str(orjson.loads(line)["id"]), number, line
            except (orjson.JSONDecodeError, LookupError, TypeError):
                raise FileError(self._file("sessions"), [f"line {number}: is no session"]) from None

    def _writing(self) -> _Out:
        if self._out is None:
            raise InputError(f"{self.path}: is open for reading only; to add to it use RunFolder.open")
        return self._out


@dataclass(frozen=True, slots=True)
class _Out:
    """What an open folder writes to; `held` brings both files to disk and lets go of the lock."""

    finished: journal.Journal
    failed: journal.Journal
    held: ExitStack


def _make(path: Path) -> None:
    """Make the folder, or see that it is one of ours. Hidden files do not count: a crash may leave the lock alone."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder")
    path.mkdir(parents=True, exist_ok=True)
    if not (path / "run.json").exists() and any(not file.name.startswith(".") for file in path.iterdir()):
        raise InputError(f"{path}: is no run folder, yet not empty; name a new one")


def _begin(path: Path, config: dict[str, Any]) -> None:
    """Write ``run.json``, or see that the run was begun with the same configuration."""
    file = path / "run.json"
    if not file.exists():
        versions = {"telerole": __version__, "python": platform.python_version()}
        about = json.dumps({"config": config, "versions": versions}, indent=2, ensure_ascii=False)
        journal.replace(file, [about.encode() + b"\n"])
    elif changed := _changes(_config(path), config):
        raise InputError("\n".join([f"{path}: this run was begun with another configuration; {ADVICE}", *changed]))


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    unset = object()
    return [
        f"  {name}: was {_value(before, name)}, is now {_value(now, name)}"
        for name in before | now
        if before.get(name, unset) != now.get(name, unset)
    ]


def _value(config: dict[str, Any], name: str) -> str:
    return repr(config[name]) if name in config else "not set"


def _config(path: Path) -> dict[str, Any]:
    file = path / "run.json"
    try:
        return dict(json.loads(file.read_bytes())["config"])
    except OSError as error:
        raise FileError(file, [f"cannot be read: {error.strerror}"]) from None
    except (ValueError, LookupError, TypeError):
        raise FileError(file, ["holds no run's configuration"]) from None
