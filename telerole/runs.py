"""Where sessions and triplets go as they are finished: a run folder, which the same command goes on with, or memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from telerole import journal
from telerole.errors import FileError, InputError, nearest
from telerole.folder import ADVICE, Failure, Folder
from telerole.outcome import Outcome, outcome, seconds, suspected_ai
from telerole.scenario import Scenario
from telerole.session import Payer, Session, Triplet, Usage
from telerole.speaker import Refused

__all__ = ["Failure", "MemoryRun", "Run", "RunFolder", "Totals", "TripletFolder", "read"]


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
    usage: dict[Payer, Usage] = field(default_factory=dict)
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

    def spend(self, usage: Mapping[Payer, Usage]) -> None:
        """Add what a session or a failed try used."""
        for role, used in usage.items():
            self.usage[role] = self.usage.get(role, Usage()) + used


class Run(ABC):
    """What a run made: iterate over it for the finished sessions. `done` holds their ids."""

    done: set[str]

    @abstractmethod
    def sessions(self) -> Iterator[Session]:
        """The finished sessions, in the order in which they ended."""

    @abstractmethod
    def tries(self) -> Iterator[Failure]:
        """Every try that failed, those as well that a later one made good: whole calls, and single replies."""

    def failures(self) -> Iterator[Failure]:
        """The sessions that are not finished, each with its latest failure."""
        latest = {failure.id: number for number, failure in enumerate(self.tries())}
        for number, failure in enumerate(self.tries()):
            if latest.get(failure.id) == number and failure.id not in self.done:  # a running one may add to them
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

    def append(
        self, session: Session, *, raw: str | None = None, refused: Mapping[int, Sequence[Refused]] = {}
    ) -> None:
        """Keep a session that ended; one whose id is done already is left out. See `RunFolder.append`."""
        if not session.finished:
            self._tries.append(Failure.of(session, raw))
        elif session.id not in self.done:
            self._sessions.append(session)
            self.done.add(session.id)
            self._tries.extend(Failure.made_good(session, refused))

    def sessions(self) -> Iterator[Session]:
        """The finished sessions."""
        return iter(self._sessions)

    def tries(self) -> Iterator[Failure]:
        """Every try that failed."""
        return iter(self._tries)


class RunFolder(Folder, Run):
    """A run of played calls on disk: `open` it to add sessions, `read` it to look at what it holds.

    ``run.json`` holds the configuration, ``scenarios.jsonl`` what is played, ``sessions.jsonl`` a finished session a
    line, ``failures.jsonl`` a failed try a line, be it a whole call or a reply that was asked for again.
    """

    holds = "sessions"
    what = "session"

    def append(
        self, session: Session, *, raw: str | None = None, refused: Mapping[int, Sequence[Refused]] = {}
    ) -> None:
        """Write the session down at once: a finished one to the sessions, another to the failures.

        `raw` is the reply with which an unfinished one failed, `refused` those of a finished one that were asked for
        again, by turn. An unfinished one is played anew, and its refused replies with it: they are left out.
        """
        if not session.finished:
            self._fail(Failure.of(session, raw))
        # The session first: whatever comes between, no refused reply stands for a call that is not finished.
        elif self._keep(session.id, session):
            for failure in Failure.made_good(session, refused):
                self._writing().failed.add(failure)

    def write_scenarios(self, scenarios: Iterable[Scenario]) -> None:
        """Write down what is played; raises `InputError` where the run was begun with other scenarios."""
        self._writing()
        file, planned = self._file("scenarios"), map(journal.line, scenarios)
        if not file.exists():
            with journal.writing(file):
                journal.replace(file, planned)
            return
        with file.open("rb") as before:
            for number, (old, new) in enumerate(zip_longest(before, planned), start=1):
                if old != new:
                    raise FileError(file, [f"line {number}: the run was begun with other scenarios; {ADVICE}"])

    def sessions(self) -> Iterator[Session]:
        """The finished sessions, in the order in which they ended."""
        return self._records("sessions", Session)

    def scenarios(self) -> Iterator[Scenario]:
        """What is played."""
        return self._records("scenarios", Scenario)

    def triplets(self) -> Iterator[Triplet]:
        """The finished sessions, each with the profile and the strategy it was played with."""
        played = {scenario.id: scenario for scenario in self.scenarios()}
        for session in self.sessions():
            scenario = played[session.scenario_id]
            yield Triplet(
                profile=scenario.profile,
                strategy=scenario.filled_strategy,
                session=session,
                method="simulation",
                source=scenario.script.id,
            )

    def session(self, id: str) -> Session:
        """The finished session of that id; an `InputError` names the nearest where there is none."""
        for found, number, line in self._finished():
            if found == id:
                return journal.parse(self._file("sessions"), number, line, Session)
        raise InputError(f"{self.path}: holds no finished session {id!r}{nearest(id, self.done)}")


class TripletFolder(Folder, Run):
    """A run of extraction or prefix completion on disk: ``triplets.jsonl`` holds a finished triplet a line."""

    holds = "triplets"
    what = "triplet"

    def append(self, triplet: Triplet) -> None:
        """Write the triplet down at once."""
        self._keep(triplet.session.id, triplet)

    def fail(self, failure: Failure) -> None:
        """Write down a try that failed, or an answer that had to be mended."""
        self._fail(failure)

    def triplets(self) -> Iterator[Triplet]:
        """The finished triplets, in the order in which they were made."""
        return self._records("triplets", Triplet)

    def sessions(self) -> Iterator[Session]:
        """Their sessions."""
        return (triplet.session for triplet in self.triplets())

    def session(self, id: str) -> Session:
        """The session of that id; an `InputError` names the nearest where there is none."""
        for found, number, line in self._finished():
            if found == id:
                return journal.parse(self._file("triplets"), number, line, Triplet).session
        raise InputError(f"{self.path}: holds no finished session {id!r}{nearest(id, self.done)}")

    @staticmethod
    def _id(raw: Any) -> str:
        return str(raw["session"]["id"])


def read(path: Path | str) -> RunFolder | TripletFolder:
    """Look at a run of either kind; raises `InputError` where there is none."""
    folder = TripletFolder.read(path) if (Path(path) / "triplets.jsonl").exists() else RunFolder.read(path)
    if folder.config.get("stage") == "synthesize":
        runs = sorted(str(file.parent) for file in folder.path.glob("*/run.json"))
        raise InputError(f"{path}: is a data set; name one of its runs: {', '.join(runs)}")
    return folder
