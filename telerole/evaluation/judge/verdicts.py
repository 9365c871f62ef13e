"""`Verdict`, a judge's answer about one session, and where verdicts are kept: in a folder, or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from pydantic import ConfigDict

from telerole import journal
from telerole.evaluation.judge.questions import Metric
from telerole.folder import Failure
from telerole.postprocess.filtering import Evidence
from telerole.records import Record
from telerole.session import Usage


class Verdict(Record):
    """One metric of one session by one judge: True is the paper's 1, False its 0, None a verdict that is missing.

    A missing one is no 0: `reason` says why none came, `raw` what the judge said last. `evidence` holds words that do
    stand in their turn (from 0). `usage` is what all tries cost, `attempts` how many requests that took. `repeat` is 1
    for a retest. `key` tells what was asked of whom, by content: the same words get the same key.
    """

    model_config = ConfigDict(str_strip_whitespace=False)

    key: str
    session: str
    metric: Metric
    judge: str
    repeat: int = 0
    verdict: bool | None
    reason: str
    evidence: tuple[Evidence, ...] = ()
    usage: Usage = Usage()
    raw: str | None = None

    @property
    def attempts(self) -> int:
        """How many requests were sent, those that failed too."""
        return self.usage.attempts


class Verdicts:
    """The latest verdict of each key, kept nowhere else."""

    def __init__(self) -> None:
        self.latest: dict[str, Verdict] = {}

    def add(self, verdict: Verdict) -> None:
        """Keep a verdict, a missing one too."""
        self.latest[verdict.key] = verdict

    def fail(self, failure: Failure) -> None:
        """An answer that could not be used, or only once mended; in memory a missing verdict's `raw` is what stays."""


class VerdictFolder(Verdicts):
    """Verdicts in ``verdicts.jsonl``, answers of no use in ``failures.jsonl``, each written down the moment it comes.

    Of several lines with one key the last one counts.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        file = path / "verdicts.jsonl"
        self._journal = journal.Journal(file, kept="verdicts")
        self._failures = journal.Journal(path / "failures.jsonl", kept="verdicts")
        for number, line in journal.lines(file):
            super().add(journal.parse(file, number, line, Verdict))

    @classmethod
    @contextmanager
    def open(cls, path: Path | str) -> Iterator[Self]:
        """Add to the folder; no other process may meanwhile. Raises `InputError` where it cannot be written or read."""
        path = Path(path)
        with ExitStack() as held:
            with journal.writing(path):
                path.mkdir(parents=True, exist_ok=True)
                held.enter_context(journal.lock(path / ".lock"))
                folder = cls(path)
            held.callback(folder._journal.sync)
            held.callback(folder._failures.sync)
            yield folder

    def add(self, verdict: Verdict) -> None:
        """Write the verdict down."""
        super().add(verdict)
        self._journal.add(verdict)

    def fail(self, failure: Failure) -> None:
        """Write the failure down."""
        self._failures.add(failure)
