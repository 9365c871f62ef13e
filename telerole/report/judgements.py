"""What one kind of evaluator, the judges or people, makes of the systems: a group of rows of Table 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telerole.evaluation.calibration.results import AgainstPeople, Detection
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.results import Cell, Difference, Evaluation, finding, ranking
from telerole.evaluation.study.results import StudyScore
from telerole.report.shape import Mark

DISTRUSTED = "verdicts not to be trusted"
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
    distrust: dict[Metric, tuple[str, ...]] = {}
    for metric, why in _distrust(result):
        distrust[metric] = (*distrust.get(metric, ()), why)
    names = tuple(system.name for system in result.systems)
    return Judgements(
        "LLM-based evaluation", result.baseline, names, result.metrics, result.cells, result.differences, distrust
    )


def by_people(study: StudyScore) -> Judgements:
    """What the raters of a study say."""
    title = f"Human evaluation (study {study.study})"
    return Judgements(title, study.systems[0], study.systems, study.metrics, study.cells, study.differences, {})


def _distrust(result: Evaluation) -> Iterator[tuple[Metric, str]]:
    """Metrics in which the verdicts of the judge, or of the whole panel, are not shown to beat chance."""
    # The panel's detection comes last, and its verdicts are those that count.
    deciding = {one.metric: one for one in result.calibration.detections} if result.calibration else {}
    for detection in deciding.values():
        if not detection.trusted:
            yield detection.metric, _missed(detection)
    for against in result.people:
        if _by_chance(against):
            yield against.metric, _unlike(against)


def _missed(one: Detection) -> str:
    found = "none" if one.detected is None else f"{one.detected.value:.0%}"
    alarms = "none" if one.false_alarms is None else f"{one.false_alarms.value:.0%}"
    return f"{one.judge} finds {found} of the planted faults and gives {alarms} of the good calls a 0"


def _by_chance(one: AgainstPeople) -> bool:
    q1, q0 = one.accuracy.sensitivity, one.accuracy.specificity
    return q1 is not None and q0 is not None and q1.value + q0.value <= 1


def _unlike(one: AgainstPeople) -> str:
    of = f" of {one.system}" if one.system else ""
    return f"against {one.labels} labels by people{of}, the verdicts are no better than chance"
