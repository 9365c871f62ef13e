"""Whether verdicts can be trusted: a metric in which they are not shown to beat chance ranks nobody."""

from __future__ import annotations

from collections.abc import Iterator

from telerole.evaluation.calibration.results import AgainstPeople, Detection
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.results import Evaluation

DISTRUSTED = "verdicts not to be trusted"


def distrust(result: Evaluation) -> dict[Metric, tuple[str, ...]]:
    """The metrics in which the verdicts of the judge, or of the whole panel, are not shown to beat chance, and why."""
    found: dict[Metric, tuple[str, ...]] = {}
    for metric, why in _reasons(result):
        found[metric] = (*found.get(metric, ()), why)
    return found


def missed(one: Detection) -> str:
    """What a judge made of planted faults and of good calls."""
    found = "none" if one.detected is None else f"{one.detected.value:.0%}"
    alarms = "none" if one.false_alarms is None else f"{one.false_alarms.value:.0%}"
    return f"{one.judge} finds {found} of the planted faults and gives {alarms} of the good calls a 0"


def by_chance(one: AgainstPeople) -> bool:
    """Whether, held against people, the judge does no better than chance: sensitivity + specificity is at most 1."""
    q1, q0 = one.accuracy.sensitivity, one.accuracy.specificity
    return q1 is not None and q0 is not None and q1.value + q0.value <= 1


def unlike(one: AgainstPeople) -> str:
    """That a judge and people agree by chance only."""
    of = f" of {one.system}" if one.system else ""
    return f"against {one.labels} labels by people{of}, the verdicts are no better than chance"


def _reasons(result: Evaluation) -> Iterator[tuple[Metric, str]]:
    # The panel's detection comes last, and its verdicts are those that count.
    deciding = {one.metric: one for one in result.calibration.detections} if result.calibration else {}
    for detection in deciding.values():
        if not detection.trusted:
            yield detection.metric, missed(detection)
    for against in result.people:
        if by_chance(against):
            yield against.metric, unlike(against)
