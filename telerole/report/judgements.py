"""What one kind of evaluator, the judges or people, makes of the systems: a group of rows of Table 2."""

from __future__ import annotations

from dataclasses import dataclass

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.results import Cell, Difference, Evaluation, finding, ranking
from telerole.evaluation.study.results import StudyScore
from telerole.evaluation.trust import DISTRUSTED, distrust
from telerole.report.shape import Mark

MARKS: dict[str, Mark] = {"bold": "best", "underline": "second"}


@dataclass(frozen=True, slots=True)
class Judgements:
    """Rates and differences. `distrust` says of a metric why its verdicts cannot be trusted, so nothing is ranked."""

    title: str
    baseline: str
    systems: tuple[str, ...]
    metrics: tuple[Metric, ...]
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]
    distrust: dict[Metric, tuple[str, ...]]

    def cell(self, system: str, metric: Metric) -> Cell | None:
        """What was found of a system in a metric, None where nothing was asked."""
        return next((one for one in self.cells if (one.system, one.metric) == (system, metric)), None)

    def about(self, metric: Metric | None) -> tuple[Difference, ...]:
        """The differences in one metric."""
        return tuple(one for one in self.differences if one.metric == metric)

    @property
    def compared(self) -> tuple[Metric | None, ...]:
        """The metrics in which systems were compared, high intention (None) last."""
        asked: tuple[Metric | None, ...] = (*self.metrics, None)
        return tuple(metric for metric in asked if self.about(metric))

    def distrusted(self, metric: Metric | None) -> bool:
        """Whether the verdicts of a metric cannot be trusted; high intention (None) needs none."""
        return metric in self.distrust

    def finding(self, one: Difference) -> str:
        """Which of two is better, or why neither is called so."""
        return DISTRUSTED if self.distrusted(one.metric) else finding(one)

    def marks(self, metric: Metric) -> dict[str, Mark]:
        """The best and the second best system, as in the paper; nobody where the verdicts cannot be trusted."""
        if self.distrusted(metric):
            return {}
        placed = ranking([one for one in self.cells if one.metric == metric])
        return {system: MARKS[style] for system, style in placed.items() if style}

    def level(self, metric: Metric) -> set[str]:
        """The systems that are not told apart from the best, itself left out."""
        best = {system for system, mark in self.marks(metric).items() if mark == "best"}
        apart = {
            system
            for one in self.about(metric)
            if one.told_apart and best & {one.baseline, one.treatment}
            for system in (one.baseline, one.treatment)
        }
        return set(self.systems) - apart - best if best else set()


def against(one: Difference, baseline: str) -> Difference:
    """The difference as it is when `baseline`, one of the two, is the baseline."""
    if one.baseline == baseline:
        return one
    by = one.comparison
    turned = by.model_copy(
        update={
            "baseline": by.treatment,
            "treatment": by.baseline,
            "difference": -by.difference,
            "low": -by.high,
            "high": -by.low,
        }
    )
    return one.model_copy(update={"baseline": baseline, "treatment": one.baseline, "comparison": turned})


def by_judges(result: Evaluation) -> Judgements:
    """What the judges of an evaluation say."""
    names = tuple(system.name for system in result.systems)
    return Judgements(
        title="LLM-based evaluation" if result.judges else "what calls came to",
        baseline=result.baseline,
        systems=names,
        metrics=result.metrics,
        cells=result.cells,
        differences=result.differences,
        distrust=distrust(result),
    )


def by_people(study: StudyScore) -> Judgements:
    """What the raters of a study say."""
    title = f"Human evaluation (study {study.study})"
    return Judgements(title, study.systems[0], study.systems, study.metrics, study.cells, study.differences, {})
