"""A folder of work that survives a crash: its configuration, what was finished, what failed, and a lock."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson
from pydantic import ConfigDict

from telerole import __version__, journal
from telerole.errors import FileError, InputError
from telerole.persona import Role
from telerole.records import R, Record
from telerole.session import Payer, Session, Turn, Usage, speaker_at
from telerole.speaker import Refused

ADVICE = "give the same again, or name another folder (--out)"
GROWS = ("trials",)  # more of these add to what is finished, and change nothing in it


class Failure(Record):
    """Work that could not be finished, up to where it stopped, or an answer asked for again or only used once mended.

    `stage` is what was being done (``simulate``, ``extract``, ``complete``). `reason` is the error's kind
    (``"TimedOut"``; ``"BudgetSpent"``; ``"Repaired"`` for an answer that was mended), `by` the chair whose model call
    failed, `raw` what came back, where that is known. `attempts` counts the requests, those that failed too.
    `scenario_id` is the scenario's id, or that of the script or QA pair. What an answer cost that was not the last is
    counted in the finished record.
    """

    model_config = ConfigDict(str_strip_whitespace=False)

    id: str
    scenario_id: str
    trial: int = 0
    seed: int
    stage: str = "simulate"
    reason: str
    message: str
    by: Role | None = None
    raw: str | None = None
    attempts: int = 0
    turns: tuple[Turn, ...] = ()
    usage: dict[Payer, Usage] = {}

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
            raw=whole_characters(raw),
            attempts=sum(usage.attempts for usage in session.usage.values()),
            turns=session.turns,
            usage=session.usage,
        )

    @classmethod
    def made_good(cls, session: Session, refused: Mapping[int, Sequence[Refused]]) -> Iterator[Self]:
        """The replies that were asked for again in a finished session, by turn, each with the call up to there."""
        for turn, replies in refused.items():
            for one in replies:
                yield cls(
                    id=session.id,
                    scenario_id=session.scenario_id,
                    trial=session.trial,
                    seed=session.seed,
                    reason=one.reason,
                    message=one.message,
                    by=speaker_at(turn),
                    raw=whole_characters(one.raw),
                    turns=session.turns[:turn],
                )


def whole_characters(raw: str | None) -> str | None:
    """The text with what fits into no record (half a character) replaced."""
    return None if raw is None else raw.encode(errors="replace").decode()


class Folder:
    """``run.json``, a file of finished records, and ``failures.jsonl``: `open` it to add to it, `read` it to look.

    `holds` names the file of finished records. Memory holds only their ids. Each iteration reads the files anew, while
    they grow too; a damaged line is a `FileError` that names it.
    """

    holds: ClassVar[str]
    what: ClassVar[str]

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path, self.config = path, config
        self._out: _Out | None = None
        self.done = {id for id, _, _ in self._finished()}

    @classmethod
    def open(cls, path: Path | str, config: Mapping[str, Any]) -> Self:
        """Begin the work, or go on with it; `config` is what makes it this work, in values that JSON knows.

        Raises `InputError` where the folder holds something else, cannot be written, is being written by another
        run, or was begun with another configuration; only `trials` may have become more.
        """
        path, plain = Path(path), json.loads(json.dumps(dict(config)))
        with ExitStack() as held:
            with journal.writing(path):
                make(path)
                held.enter_context(journal.lock(path / ".lock"))
                begin(path, plain)
                finished = journal.Journal(path / f"{cls.holds}.jsonl", kept=f"finished {cls.what}s")
                failed = journal.Journal(path / "failures.jsonl", kept=f"finished {cls.what}s")
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
        return cls(path, config_of(path))

    def tries(self) -> Iterator[Failure]:
        """Every try that failed, those as well that a later one made good."""
        return self._records("failures", Failure)

    def close(self) -> None:
        """Bring everything to disk and let other runs write here; what was written can still be read."""
        if self._out is not None:
            self._out.held.close()
            self._out = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _keep(self, id: str, record: Record) -> bool:
        """Write a finished record down at once, unless its id is done already; gives whether it was written."""
        out = self._writing()
        if id in self.done:
            return False
        out.finished.add(record)
        self.done.add(id)
        return True

    def _fail(self, failure: Failure) -> None:
        out = self._writing()
        if failure.id not in self.done:
            out.failed.add(failure)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.jsonl"

    def _lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        file = self._file(name)
        return journal.lines(file) if file.exists() else iter(())

    def _records(self, name: str, kind: type[R]) -> Iterator[R]:
        return (journal.parse(self._file(name), number, line, kind) for number, line in self._lines(name))

    def _finished(self) -> Iterator[tuple[str, int, bytes]]:
        """Each finished record's id, line number and line, the record itself unread."""
        for number, line in self._lines(self.holds):
            try:
                yield self._id(orjson.loads(line)), number, line
            except (orjson.JSONDecodeError, LookupError, TypeError):
                raise FileError(self._file(self.holds), [f"line {number}: is no {self.what}"]) from None

    @staticmethod
    def _id(raw: Any) -> str:
        return str(raw["id"])

    def _writing(self) -> _Out:
        if self._out is None:
            raise InputError(f"{self.path}: is open for reading only; to add to it use {type(self).__name__}.open")
        return self._out


@dataclass(frozen=True, slots=True)
class _Out:
    """What an open folder writes to; `held` brings both files to disk and lets go of the lock."""

    finished: journal.Journal
    failed: journal.Journal
    held: ExitStack


def make(path: Path) -> None:
    """Make the folder, or see that it is one of ours. Hidden files do not count: a crash may leave the lock alone."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder")
    path.mkdir(parents=True, exist_ok=True)
    if not is_begun(path) and any(not file.name.startswith(".") for file in path.iterdir()):
        raise InputError(f"{path}: is no run folder, yet not empty; name a new one")


def is_begun(path: Path) -> bool:
    """Whether a run was begun in the folder."""
    return (path / "run.json").exists()


def begin(path: Path, config: dict[str, Any]) -> None:
    """Write ``run.json``, or see that the run was begun with the same configuration, or with fewer trials."""
    file = path / "run.json"
    if not is_begun(path):
        _write(file, {"config": config, "versions": {"telerole": __version__, "python": platform.python_version()}})
        return
    about = _read(file)
    before = about["config"]
    grown = {name: config[name] for name in GROWS if name in before and before[name] < config.get(name, 0)}
    if changed := _changes(before | grown, config):
        raise InputError("\n".join([f"{path}: this run was begun with another configuration; {ADVICE}", *changed]))
    if grown:
        _write(file, about | {"config": config})


def config_of(path: Path) -> dict[str, Any]:
    """The configuration in the folder's ``run.json``."""
    return dict(_read(path / "run.json")["config"])


def _write(file: Path, about: dict[str, Any]) -> None:
    journal.replace(file, [json.dumps(about, indent=2, ensure_ascii=False).encode() + b"\n"])


def _read(file: Path) -> dict[str, Any]:
    try:
        about = dict(json.loads(file.read_bytes()))
        about["config"] = dict(about["config"])
    except OSError as error:
        raise FileError(file, [f"cannot be read: {error.strerror}"]) from None
    except (ValueError, LookupError, TypeError):
        raise FileError(file, ["holds no run's configuration"]) from None
    return about


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    unset = object()
    return [
        f"  {name}: was {_value(before, name)}, is now {_value(now, name)}"
        for name in before | now
        if before.get(name, unset) != now.get(name, unset)
    ]


def _value(config: dict[str, Any], name: str) -> str:
    return repr(config[name]) if name in config else "not set"
