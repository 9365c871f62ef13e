"""How far a judge can be trusted: on planted faults, and against people; and rates put right with what that shows."""

from __future__ import annotations

from typing import Literal

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.statistics.agreement import Accuracy
from telerole.evaluation.statistics.intervals import Estimate, Interval
from telerole.evaluation.statistics.multiplicity import FINDING
from telerole.records import Record
from telerole.session import Usage

Fault = Literal[
    "contradiction",
    "repeated_question",
    "bookish_turn",
    "narrowed_answers",
    "drift",
    "invented_offer",
]
METRIC_OF: dict[Fault, Metric] = {
    "contradiction": "consistency",
    "repeated_question": "repetition",
    "bookish_turn": "conversationality",
    "narrowed_answers": "diversity",
    "drift": "strategy_following",
    "invented_offer": "knowledge_grounding",
}
PANEL = "the panel"
MISSED = 0.02  # how often any of the gains may lie outside its interval


class Detection(Record):
    """One judge (or `PANEL`, the majority) at one metric: good sessions with its fault planted, and without.

    `detected` is the share of the sessions with the fault that were given a 0, `false_alarms` that of the sessions
    without; None where no verdict came. `gain` is Newcombe's interval of their difference at a level at which those of
    all detections of a calibration hold together, 1 - 0.02 / how many there are (Bonferroni). It takes sessions with
    the fault for independent of those without, which makes it too long rather than too short. `missing` counts verdicts
    that did not come, of both.
    """

    judge: str
    metric: Metric
    fault: Fault
    detected: Estimate | None
    false_alarms: Estimate | None
    gain: Interval | None
    missing: int

    @property
    def trusted(self) -> bool:
        """Whether the judge tells the fault from good talk better than by chance: the whole `gain` is above 0."""
        return self.gain is not None and self.gain.low > 0


class Calibration(Record):
    """What judges make of planted faults: a `Detection` for each judge and metric, the panel's last.

    `sessions` counts the good ones, `usage` is what all verdicts cost.
    """

    sessions: int
    detections: tuple[Detection, ...]
    usage: Usage = Usage()


class AgainstPeople(Record):
    """A judge against people's labels, in one metric of one system ("" for all together).

    `people` and `judged` are the shares good of the labelled sessions. `sensitivity` in `accuracy` is the share of good
    sessions that were judged good, `specificity` that of bad ones judged bad. `gain` is Newcombe's interval of how much
    more often good sessions are judged good than bad ones, sensitivity - (1 - specificity), at a level at which those
    of all metrics hold together, 1 - 0.02 / how many have labels (Bonferroni); None where so few sessions of a kind are
    labelled that not even a faultless judge's would be above 0.
    """

    system: str
    metric: Metric
    labels: int
    people: float
    judged: float
    accuracy: Accuracy
    gain: Interval | None
    percent: Estimate
    kappa: Estimate | None
    ac1: Estimate | None

    @property
    def trusted(self) -> bool | None:
        """Whether the verdicts are shown to beat chance: the whole `gain` is above 0; None: too few labels to tell."""
        return None if self.gain is None else self.gain.low > 0


Method = Literal["rogan_gladen", "prediction_powered"]


class Corrected(Record):
    """A system's rate in one metric put right with labels, or why that cannot be done (`why_none`).

    ``rogan_gladen`` takes the judge's sensitivity and specificity, ``prediction_powered`` what it got wrong on a random
    sample that people labelled.
    """

    system: str
    metric: Metric
    method: Method
    rate: Estimate | None
    why_none: str = ""


class CorrectedDifference(Record):
    """Two systems' corrected rates in one metric, by one method: treatment - baseline, with its interval.

    `p` is that of the interval as a normal one, `holm` is adjusted for all metrics of these two by that method.
    """

    metric: Metric
    method: Method
    baseline: str
    treatment: str
    difference: float
    low: float
    high: float
    p: float
    holm: float

    @property
    def told_apart(self) -> bool:
        """Whether Holm's p is below 0.05 and the interval does not cover 0."""
        return self.holm < FINDING and not self.low <= 0 <= self.high
