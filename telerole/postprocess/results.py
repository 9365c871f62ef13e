"""What a cleaning leaves behind: kept and rejected sessions, what was rewritten, the verdicts of models, the funnel."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from io import BufferedWriter
from pathlib import Path
from shutil import rmtree
from typing import Any, Self

import orjson

from telerole import journal, prompts, runs
from telerole.backends.base import Backend
from telerole.errors import BackendError, InputError, nearest
from telerole.folder import Failure, whole_characters
from telerole.postprocess.filtering import Evidence, Example, ModelFilter, Reject
from telerole.records import R, Record
from telerole.session import Triplet


class Rejection(Record):
    """A session that was rejected: by which filter and why, which others would have, and the session itself.

    The session is in the form in which it was judged, so what was private in it is gone.
    """

    id: str
    filter: str
    verdict: Reject
    also: tuple[str, ...] = ()
    triplet: Triplet


class Rewritten(Record):
    """What a filter changed in a session."""

    id: str
    filter: str
    changes: tuple[Evidence, ...]


class Verdict(Record):
    """What a model filter said of a session: why it is rejected, or None where it is kept. `key` tells the question."""

    key: str
    id: str
    filter: str
    verdict: Reject | None


class Stage(Record):
    """One filter's share: the sessions that came to it, those it changed or rejected, and those it could not judge."""

    filter: str
    settings: dict[str, Any] = {}
    seen: int
    rewritten: int = 0
    rejected: int = 0
    unjudged: int = 0


class Funnel(Record):
    """A cleaning in numbers. `left_out` are the filters that were not asked, for want of a model."""

    sessions: int
    kept: int
    stages: tuple[Stage, ...]
    left_out: tuple[str, ...] = ()

    @property
    def unjudged(self) -> int:
        """Sessions that are neither kept nor rejected, because a model gave no verdict."""
        return sum(stage.unjudged for stage in self.stages)


def writing(path: Path) -> AbstractContextManager[None]:
    """Within, what cannot be written is a `FileError` for `path`."""
    return journal.writing(path, "make room or get leave to write, or clean a copy")


class Verdicts:
    """What models said in earlier cleanings of the run and in this one, kept in ``verdicts.jsonl``.

    An answer that could not be used, or only once mended, is a line of the run's ``failures.jsonl``.
    """

    def __init__(self, run: Path) -> None:
        path = run / "verdicts.jsonl"
        with writing(path):
            self._journal = journal.Journal(path, kept="verdicts")
            self._failures = journal.Journal(run / "failures.jsonl", kept="verdicts")
        said = (journal.parse(path, number, line, Verdict) for number, line in journal.lines(path))
        self._known = {one.key: one.verdict for one in said}

    async def of(self, triplet: Triplet, filter: ModelFilter, model: Backend) -> Reject | None:
        """The filter's verdict, asked for unless it is known; raises `BackendError` where none could be had."""
        asked = f"{filter.name} {filter.model_dump_json()} {model.name} {prompts.digest('postprocess')}"
        key = hashlib.sha256(f"{asked}\n{triplet.model_dump_json()}".encode()).hexdigest()[:20]
        if key not in self._known:

            def heard(reason: str, message: str, raw: str | None) -> None:
                self._failed(triplet, filter, reason, message, raw)

            try:
                verdict = await filter.ask(Example.of(triplet), model, heard)
            except BackendError as error:
                heard(error.kind, str(error), error.raw)
                raise
            self._journal.add(Verdict(key=key, id=triplet.session.id, filter=filter.name, verdict=verdict))
            self._known[key] = verdict
        return self._known[key]

    def _failed(self, triplet: Triplet, filter: ModelFilter, reason: str, message: str, raw: str | None) -> None:
        session = triplet.session
        self._failures.add(
            Failure(
                id=session.id,
                scenario_id=session.scenario_id,
                trial=session.trial,
                seed=session.seed,
                stage=filter.name,
                reason=reason,
                message=message,
                raw=whole_characters(raw),
            )
        )


class Results:
    """The files of a cleaning, written beside those that are there and put in their place together at the end."""

    def __init__(self, run: Path) -> None:
        self._run, self._folder = run, run / ".cleaning"
        self._files: dict[str, BufferedWriter] = {}
        self.kept = 0

    def __enter__(self) -> Self:
        rmtree(self._folder, ignore_errors=True)
        self._open("kept.jsonl")
        self._open("left")
        return self

    def __exit__(self, *exception: object) -> None:
        for file in self._files.values():
            with suppress(OSError):  # on a disk that is full it writes what is left; at a good end nothing is
                file.close()
        rmtree(self._folder, ignore_errors=True)

    def keep(self, triplet: Triplet) -> None:
        """A session that passed."""
        self._add("kept.jsonl", triplet)
        self.kept += 1

    def rewrote(self, rewritten: Rewritten) -> None:
        """What a filter changed."""
        self._add(f"rewritten/{rewritten.filter}.jsonl", rewritten)

    def reject(self, rejection: Rejection) -> None:
        """A session that did not pass."""
        self._add(f"rejected/{rejection.filter}.jsonl", rejection)

    def put_aside(self, triplet: Triplet) -> None:
        """A session that is still in question."""
        self._add("left", triplet)

    def left(self) -> Iterator[Triplet]:
        """The sessions that were put aside, in their order."""
        path = self._folder / "left"
        with writing(path):
            self._files["left"].flush()
        return (journal.parse(path, number, line, Triplet) for number, line in journal.lines(path))

    def finish(self, funnel: Funnel) -> None:
        """Put the new files in the place of the old ones; what a filter no longer does is taken away."""
        with writing(self._run):
            self._finish(funnel)

    def _finish(self, funnel: Funnel) -> None:
        for file in self._files.values():
            file.close()
        for kind in ("rejected", "rewritten"):
            for old in (self._run / kind).glob("*.jsonl"):
                if f"{kind}/{old.name}" not in self._files:
                    old.unlink()
        for name in self._files.keys() - {"left"}:
            (self._run / name).parent.mkdir(exist_ok=True)
            (self._folder / name).replace(self._run / name)
        journal.replace(self._run / "funnel.json", [funnel.model_dump_json(indent=2).encode() + b"\n"])

    def _add(self, name: str, record: Record) -> None:
        with writing(self._folder / name):
            self._open(name).write(journal.line(record))

    def _open(self, name: str) -> BufferedWriter:
        if name not in self._files:
            path = self._folder / name
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._files[name] = path.open("wb")
        return self._files[name]


class Story(Record):
    """What a cleaning did with one session: kept, rejected, or neither where a model gave no verdict yet."""

    id: str
    kept: bool
    rewritten: tuple[Rewritten, ...] = ()
    rejection: Rejection | None = None


def story(run: Path | str, id: str) -> Story:
    """What happened to the session `id` of a cleaned run; raises `InputError` where there is none, or no cleaning."""
    path, folder = Path(run), runs.read(run)
    if id not in folder.done:
        raise InputError(f"{path}: holds no finished session {id!r}{nearest(id, folder.done)}")
    if not (path / "funnel.json").exists():
        raise InputError(f"{path}: was not cleaned yet; run `telerole clean {path}`")
    changed = [one for one in _each(path, "rewritten", Rewritten) if one.id == id]
    rejection = next((one for one in _each(path, "rejected", Rejection) if one.id == id), None)
    kept = rejection is None and any(_id(line) == id for _, line in journal.lines(path / "kept.jsonl"))
    return Story(id=id, kept=kept, rewritten=tuple(changed), rejection=rejection)


def _each(run: Path, folder: str, kind: type[R]) -> Iterator[R]:
    for file in sorted((run / folder).glob("*.jsonl")):
        for number, line in journal.lines(file):
            yield journal.parse(file, number, line, kind)


def _id(line: bytes) -> str:
    return str(orjson.loads(line)["session"]["id"])
