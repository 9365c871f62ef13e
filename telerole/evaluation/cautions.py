"""What whoever reads an evaluation has to beware of, said in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from telerole.evaluation.calibration.results import Detection
from telerole.evaluation.judge.questions import NAMES
from telerole.evaluation.results import Evaluation

FEW_SCRIPTS = 30  # intervals by script cover as said from so many on
COVERED = 0.95
UNSTEADY = 0.1


def cautions(result: Evaluation) -> Iterator[str]:
    """One sentence for each thing that makes the figures mean less than they seem to."""
    for detection in result.calibration.detections if result.calibration else ():
        if not detection.trusted:
            yield _untrusted(detection)
    for against in result.people:
        q1, q0 = against.accuracy.sensitivity, against.accuracy.specificity
        if q1 and q0 and q1.value + q0.value <= 1:
            of = f" of {against.system}" if against.system else ""
            yield f"against people, the judge does no better than chance in {NAMES[against.metric]}{of}"
    if result.judges and result.coverage is not None and result.coverage < COVERED:
        yield f"only {result.coverage:.1%} of the verdicts came; what is missing counts neither as good nor as bad"
    if result.flips and result.flips.value > UNSTEADY:
        yield f"asked again, the judges changed {result.flips.value:.1%} of {result.flips.n} verdicts"
    if result.judges and not result.calibration and not result.people:
        yield "nobody checked the judges: neither planted faults nor people's labels say what their verdicts are worth"
    for system in result.systems:
        if system.unfinished:
            yield f"{system.name}: {system.unfinished} calls were not finished and are left out"
    if result.scripts < FEW_SCRIPTS:
        yield f"{result.scripts} scripts are few: intervals cover as said from {FEW_SCRIPTS} on"
    if len(result.merchants) == 1:
        yield "one merchant only: with another one the systems may rank differently"


def _untrusted(detection: Detection) -> str:
    found = "nothing" if detection.detected is None else f"{detection.detected.value:.0%}"
    alarms = "no verdict" if detection.false_alarms is None else f"{detection.false_alarms.value:.0%}"
    return (
        f"{detection.judge} cannot be trusted in {NAMES[detection.metric]}: it finds {found} of the planted faults and "
        f"gives {alarms} of the good calls a 0"
    )
