"""`Judged`: what a panel of judges said, how far it is complete, what its majority is, and how steady each judge."""

from __future__ import annotations

from collections.abc import Iterator

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.judge.verdicts import Verdict
from telerole.records import Record
from telerole.session import Usage


class Decision(Record):
    """One metric of one session by the whole panel: how many judges said 1, said 0, and said nothing."""

    session: str
    metric: Metric
    good: int
    bad: int
    missing: int

    @property
    def verdict(self) -> bool | None:
        """What more than half of the whole panel says, else None.

        So a tie decides nothing, and no verdict that is missing could have changed one that stands: of three judges
        two have to agree, of two both, whether the others disagree or are missing.
        """
        panel = self.good + self.bad + self.missing
        return True if 2 * self.good > panel else False if 2 * self.bad > panel else None


class Flips(Record):
    """Retests: how many verdicts came twice, and how many of those changed."""

    pairs: int
    flips: int

    @property
    def rate(self) -> float | None:
        """The share that changed, from 0 to 1; None where nothing was asked twice."""
        return self.flips / self.pairs if self.pairs else None


class Judged(Record):
    """Every verdict that was wanted, missing ones too, in the order in which they are asked for.

    `warnings` names judges of the candidate's own family.
    """

    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...] = ()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What the panel makes of each metric of each session; retests do not count."""
        votes: dict[tuple[str, Metric], list[bool | None]] = {}
        for one in self._asked(repeat=0):
            votes.setdefault((one.session, one.metric), []).append(one.verdict)
        return tuple(
            Decision(
                session=session, metric=metric, good=said.count(True), bad=said.count(False), missing=said.count(None)
            )
            for (session, metric), said in votes.items()
        )

    @property
    def usage(self) -> Usage:
        """What all verdicts cost, in earlier runs too; one that stands for several sessions counts once."""
        return sum({one.key: one.usage for one in self.verdicts}.values(), Usage())

    def coverage(self, metric: Metric | None = None, judge: str | None = None) -> float | None:
        """The share of verdicts that are there, of one metric or judge or of all; None where none was asked for.

        Retests do not count.
        """
        there = [one.verdict is not None for one in self._asked(metric, judge, repeat=0)]
        return sum(there) / len(there) if there else None

    def flips(self, metric: Metric | None = None, judge: str | None = None) -> Flips:
        """How often a judge says something else when it is asked again, of one metric or judge or of all."""
        first = {(one.session, one.metric, one.judge): one.verdict for one in self._asked(metric, judge, repeat=0)}
        again = [
            (before, one.verdict)
            for one in self._asked(metric, judge, repeat=1)
            if (before := first[one.session, one.metric, one.judge]) is not None and one.verdict is not None
        ]
        return Flips(pairs=len(again), flips=sum(before != after for before, after in again))

    def _asked(self, metric: Metric | None = None, judge: str | None = None, *, repeat: int) -> Iterator[Verdict]:
        for one in self.verdicts:
            if one.repeat == repeat and metric in (None, one.metric) and judge in (None, one.judge):
                yield one
