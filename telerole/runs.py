"""Where sessions go as they end: a run folder, which the same command goes on with, or memory."""

from __future__ import annotations

import json
import os
import platform
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import FileIO
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import ConfigDict, ValidationError

from telerole import __version__
from telerole.errors import FileError, InputError, nearest
from telerole.persona import Role
from telerole.records import R, Record, explain
from telerole.scenario import Scenario
from telerole.session import Session, Turn, Usage

SYNC_EVERY = 1.0  # seconds of work that a power cut may cost
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

    `usage` is the ledger: it counts failed tries too, those as well that a later try made good.
    """

    sessions: int = 0
    turns: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    usage: dict[Role, Usage] = field(default_factory=dict)

    def count(self, session: Session) -> None:
        """Add a finished session."""
        self.sessions += 1
        self.turns += len(session.turns)
        self.ends[session.end.reason] += 1

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
        file = self._file("sessions")
        self.done = {_id(file, number, line) for number, line in _lines(file)}

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
                held.enter_context(_lock(path / ".lock"))
                _begin(path, plain)
                finished = held.enter_context(_Growing(path / "sessions.jsonl"))
                failed = held.enter_context(_Growing(path / "failures.jsonl"))
            except OSError as error:
                raise FileError(path, [f"cannot be written: {error.strerror}; name another folder"]) from None
            folder = cls(path, plain)
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
        file, lines = self._file("scenarios"), map(_line, scenarios)
        if not file.exists():
            _replace(file, lines)
            return
        with file.open("rb") as before:
            for number, (old, new) in enumerate(zip_longest(before, lines), start=1):
                if old != new:
                    raise FileError(file, [f"line {number}: the run was begun with other scenarios; {ADVICE}"])

    def sessions(self) -> Iterator[Session]:
        """The finished sessions, in the order in which they ended."""
        return _records(self._file("sessions"), Session)

    def tries(self) -> Iterator[Failure]:
        """Every try that failed, those as well that a later one made good."""
        return _records(self._file("failures"), Failure)

    def scenarios(self) -> Iterator[Scenario]:
        """What is played."""
        return _records(self._file("scenarios"), Scenario)

    def session(self, id: str) -> Session:
        """The finished session of that id; an `InputError` names the nearest where there is none."""
        file = self._file("sessions")
        for number, line in _lines(file):
            if _id(file, number, line) == id:
                return _record(file, number, line, Session)
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

    def _writing(self) -> _Out:
        if self._out is None:
            raise InputError(f"{self.path}: is open for reading only; to add to it use RunFolder.open")
        return self._out


class _Growing:
    """A file of records, one a line, that is only added to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = FileIO(path, "a")
        _mend(path)
        self._file.seek(0, os.SEEK_END)
        self._synced = time.monotonic()

    def add(self, record: Record) -> None:
        """Write the record at once, and whole or not at all."""
        rest, start = memoryview(_line(record)), self._file.tell()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(start)
            raise FileError(self._path, [f"cannot be written: {error.strerror}; finished sessions are kept"]) from None
        if time.monotonic() - self._synced >= SYNC_EVERY:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._file:
            os.fsync(self._file.fileno())


@dataclass(frozen=True, slots=True)
class _Out:
    """What an open folder writes to; `held` closes both files and lets go of the lock."""

    finished: _Growing
    failed: _Growing
    held: ExitStack


def _make(path: Path) -> None:
    """Make the folder, or see that it is one of ours. Hidden files do not count: a crash may leave the lock alone."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder")
    path.mkdir(parents=True, exist_ok=True)
    if not (path / "run.json").exists() and any(not file.name.startswith(".") for file in path.iterdir()):
        raise InputError(f"{path}: is no run folder, yet not empty; name a new one")


def _lock(path: Path) -> FileIO:
    """Keep other runs out until the file is closed or the process ends."""
    file = FileIO(path, "a")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{path.parent}: another run writes here; let it end, or name another folder") from None
    except (ImportError, OSError):
        pass  # Windows and some network file systems have no such locks; the run is worth more than the guard
    return file


def _begin(path: Path, config: dict[str, Any]) -> None:
    """Write ``run.json``, or see that the run was begun with the same configuration."""
    file = path / "run.json"
    if not file.exists():
        versions = {"telerole": __version__, "python": platform.python_version()}
        about = json.dumps({"config": config, "versions": versions}, indent=2, ensure_ascii=False)
        _replace(file, [about.encode() + b"\n"])
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


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    """Write the file so that it is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _mend(path: Path) -> None:
    """Complete a last line that lacks only its end, and cut off one that is not whole."""
    with path.open("r+b") as file:
        last = next(iter(deque(file, maxlen=1)), b"\n")
        if last.endswith(b"\n"):
            return
        try:
            orjson.loads(last)
            file.write(b"\n")
        except orjson.JSONDecodeError:
            file.truncate(file.tell() - len(last))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file that may be growing, or not be there yet, with their numbers from 1."""
    try:
        with path.open("rb") as file:
            yield from ((number, line) for number, line in enumerate(file, start=1) if line.endswith(b"\n"))
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(path, [f"cannot be read: {error.strerror}"]) from None


def _records(path: Path, kind: type[R]) -> Iterator[R]:
    return (_record(path, number, line, kind) for number, line in _lines(path))


def _record(path: Path, number: int, line: bytes, kind: type[R]) -> R:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise FileError(path, [f"line {number}: {fault}" for fault in explain(error, kind)]) from None


def _id(path: Path, number: int, line: bytes) -> str:
    try:
        return str(orjson.loads(line)["id"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise FileError(path, [f"line {number}: is no session"]) from None


def _line(record: Record) -> bytes:
    return record.model_dump_json().encode() + b"\n"
