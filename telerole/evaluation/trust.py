"""Whether verdicts can be trusted: a metric in which they are not shown to beat chance ranks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    if one.detected is None or one.false_alarms is None:
        without = "with a planted fault" if one.detected is None else "that is good"
        return f"{one.judge} gave no verdict on a call {without}"
    found, alarms = f"{one.detected.value:.0%}", f"{one.false_alarms.value:.0%}"
    return f"{one.judge} finds {found} of the planted faults and gives {alarms} of the good calls a 0"


def over_all(people: Iterable[AgainstPeople]) -> Iterator[AgainstPeople]:
    """The verdicts against people in each metric, all systems together: few labels of one system tell little."""
    yield from {one.metric: one for one in people}.values()  # all together come last


def unlike(one: AgainstPeople) -> str:
    """That verdicts, held against people's labels, are not shown to be better than tossing a coin."""
    sensitivity, specificity = one.accuracy.sensitivity, one.accuracy.specificity
    assert sensitivity  # there is no gain without labels of both kinds
    assert specificity
    return (
        f"against {one.labels} labels by people the verdicts are not shown to be better than chance: "
        f"{sensitivity.value:.0%} of {sensitivity.n} good calls are judged good, "
        f"{1 - specificity.value:.0%} of {specificity.n} bad ones too"
    )


def _reasons(result: Evaluation) -> Iterator[tuple[Metric, str]]:
    # The panel's detection comes last, and its verdicts are those that count.
    deciding = {one.metric: one for one in result.calibration.detections} if result.calibration else {}
    for detection in deciding.values():
        if not detection.trusted:
            yield detection.metric, missed(detection)
    for against in over_all(result.people):
        if against.trusted is False:
            yield against.metric, unlike(against)
