"""`StudyScore`: what people said in a double-blind study: raters, how far they agree, rates and differences."""

from __future__ import annotations

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.results import Cell, Difference
from telerole.evaluation.statistics.agreement import Agreement
from telerole.evaluation.statistics.paired import Comparison
from telerole.records import Language, Record


def attentive(passed: int, attention: int) -> bool:
    """Whether two thirds of so many attention items are passed."""
    return 3 * passed >= 2 * attention


class RaterScore(Record):
    """A rater: how much came back, and how many planted faults were seen.

    `items` were given to the rater, attention items too; `answers` came, `missing` did not, each one metric of one
    item. `passed` of the `attention` items that were answered got the 0 they deserve. `left_out` tells that none of the
    rater's labels count below.
    """

    rater: str
    items: int
    answers: int
    missing: int
    attention: int
    passed: int
    left_out: bool = False

    @property
    def attentive(self) -> bool:
        """Whether two thirds of the attention items are passed; True where none was answered."""
        return attentive(self.passed, self.attention)


class MetricAgreement(Record):
    """How far raters agree in one metric, over the `items` that two or more rated; None where there is no such item."""

    metric: Metric
    items: int
    agreement: Agreement | None


class RaterEffect(Record):
    """Whether a rater is milder or stricter in one metric than the others on the same items, paired by script.

    `comparison` has the mean of the others as its baseline and the rater as its treatment, shares of good; above 0 the
    rater is the milder one. `holm` is p adjusted over all raters and metrics.
    """

    rater: str
    metric: Metric
    comparison: Comparison
    holm: float


class StudyScore(Record):
    """A double-blind study (paper 5.2), unblinded. Attention items count for `raters` alone.

    `study` is its code, `items` the calls that were shown, of `scripts` seed scripts. `cells` hold the rates from what
    more than half of an item's raters say: a tie decides nothing, and counts as missing. `differences` has each two
    systems in the order of `systems`. `faults` are those of the filled files, `warnings` are for whoever reads the
    figures.
    """

    study: str
    language: Language
    systems: tuple[str, ...]
    metrics: tuple[Metric, ...]
    items: int
    scripts: int
    raters: tuple[RaterScore, ...]
    agreement: tuple[MetricAgreement, ...]
    effects: tuple[RaterEffect, ...]
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def cell(self, system: str, metric: Metric) -> Cell:
        """What people make of one system in one metric."""
        return next(cell for cell in self.cells if (cell.system, cell.metric) == (system, metric))
