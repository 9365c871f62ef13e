"""`Evaluation`: what a comparison of candidates came to, as data: Table 2, differences, outcomes, measures, cost."""

from __future__ import annotations

from collections.abc import Sequence

from telerole.evaluation.calibration.results import AgainstPeople, Calibration, Corrected, CorrectedDifference
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.measures.names import HIGHER_IS_BETTER
from telerole.evaluation.statistics.intervals import Estimate, Interval
from telerole.evaluation.statistics.multiplicity import FINDING
from telerole.evaluation.statistics.paired import Comparison
from telerole.outcome import Outcome
from telerole.records import Language, Record
from telerole.session import Payer, Usage

PLACES = ("bold", "underline")


class Merchant(Record):
    """A merchant that was called: its name here, and who sat in the chair."""

    name: str
    played_by: str


class System(Record):
    """A candidate: its name here, who sat in the chair, what its calls came to, how they measure, what they cost.

    `sessions` are finished; `unfinished` could not be, or were not begun for want of a budget. `outcomes` has the share
    of each with its interval by script. `measures` holds, by language, the means of `evaluation.measures` (those of
    whole sessions, then those of the salesperson's side), `reach` the intervals by script of those that a single call
    has. `lengths` counts the salesperson's turns by their words, by language. `seconds` is the mean length of a call.
    `usage` is that of every try.
    """

    name: str
    played_by: str
    sessions: int
    unfinished: int
    outcomes: dict[Outcome, Estimate]
    suspected_ai: Estimate
    seconds: float
    measures: dict[Language, dict[str, float | None]]
    reach: dict[Language, dict[str, Interval]] = {}
    lengths: dict[Language, dict[int, int]]
    usage: dict[Payer, Usage]


class Cell(Record):
    """One metric of one system: the share of its sessions judged good, with an interval by script; `missing` verdicts.

    `rate` is None where no verdict came. `by_merchant` has the same for each merchant alone.
    """

    system: str
    metric: Metric
    rate: Estimate | None
    missing: int
    by_merchant: dict[str, Estimate | None] = {}


class Difference(Record):
    """Two systems in one metric, or in `high_intention` (metric None), paired by script.

    `holm` is p adjusted for all that is told of these two: the metrics and high intention.
    """

    metric: Metric | None
    baseline: str
    treatment: str
    comparison: Comparison
    holm: float

    @property
    def told_apart(self) -> bool:
        """Whether one is better: Holm's p is below 0.05 and the interval does not cover 0."""
        return self.holm < FINDING and not self.comparison.low <= 0 <= self.comparison.high


class MeasureDifference(Record):
    """Two systems in one measure of one language, paired by script; `measure` is a key of `HIGHER_IS_BETTER`.

    `holm` is p adjusted for all measures of these two in that language.
    """

    measure: str
    language: Language
    baseline: str
    treatment: str
    comparison: Comparison
    holm: float

    @property
    def better(self) -> str | None:
        """The better system's name; None where Holm's p is 0.05 or more, or the interval covers 0."""
        found = self.comparison
        if self.holm >= FINDING or found.low <= 0 <= found.high:
            return None
        return self.treatment if (found.difference > 0) == HIGHER_IS_BETTER[self.measure] else self.baseline


class Reliability(Record):
    """How sure a system is to be good all over: sessions good in every metric, and pass^k of them.

    `all_good` counts sessions for which every metric has a verdict; `pass_k` is how likely `k` sessions of one script
    all are; None where a script has fewer.
    """

    system: str
    all_good: Estimate | None
    k: int
    pass_k: float | None


class Ranks(Record):
    """Whether two merchants order the systems alike in one metric (None: high intention): Kendall's τ-b.

    None where a merchant finds them all alike, or a rate is missing. With two systems it can only be 1 or -1.
    """

    metric: Metric | None
    merchants: tuple[str, str]
    systems: int
    tau: float | None


class Evaluation(Record):
    """A comparison of candidates (paper 5.2), every figure of it; `report` and the command line show this.

    `baseline` is the system that the others are compared with first. `judges` are their names, `coverage` the share of
    verdicts that came, `flips` that of retested verdicts that changed (None: none retested), `judging` what verdicts
    cost. `warnings` are for whoever reads the figures.
    """

    scenarios: int
    scripts: int
    trials: int
    seed: int
    languages: tuple[Language, ...]
    baseline: str
    merchants: tuple[Merchant, ...]
    systems: tuple[System, ...]
    judges: tuple[str, ...]
    metrics: tuple[Metric, ...]
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]
    measure_differences: tuple[MeasureDifference, ...] = ()
    reliability: tuple[Reliability, ...]
    ranks: tuple[Ranks, ...]
    coverage: float | None
    flips: Estimate | None
    judging: Usage
    calibration: Calibration | None = None
    people: tuple[AgainstPeople, ...] = ()
    corrected: tuple[Corrected, ...] = ()
    corrected_differences: tuple[CorrectedDifference, ...] = ()
    warnings: tuple[str, ...] = ()

    def cell(self, system: str, metric: Metric) -> Cell:
        """The cell of Table 2."""
        return next(cell for cell in self.cells if (cell.system, cell.metric) == (system, metric))


def ranking(cells: Sequence[Cell]) -> dict[str, str]:
    """The best systems in a metric in bold and the second best underlined, as the paper has it; equal ones share."""
    values = sorted({round(cell.rate.value, 4) for cell in cells if cell.rate}, reverse=True)
    style = dict(zip(values, PLACES, strict=False))
    return {cell.system: style.get(round(cell.rate.value, 4), "") for cell in cells if cell.rate}


def finding(one: Difference) -> str:
    """Which of the two is better, or that they are not told apart."""
    if not one.told_apart:
        return "not told apart"
    return f"{one.treatment if one.comparison.difference > 0 else one.baseline} is better"
