"""What whoever reads an evaluation has to beware of, said in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from telerole.evaluation.judge.questions import NAMES
from telerole.evaluation.results import Evaluation
from telerole.evaluation.trust import missed, over_all, unlike

FEW_SCRIPTS = 30  # intervals by script cover as said from so many on
COVERED = 0.95
UNSTEADY = 0.1


def cautions(result: Evaluation) -> Iterator[str]:
    """One sentence for each thing that makes the figures mean less than they seem to."""
    for detection in result.calibration.detections if result.calibration else ():
        if not detection.trusted:
            yield f"verdicts in {NAMES[detection.metric]} cannot be trusted: {missed(detection)}"
    for against in over_all(result.people):
        if against.trusted is None:
            worth = f"what verdicts in {NAMES[against.metric]} are worth"
            yield f"{against.labels} labels by people do not tell {worth}: label more calls, good and bad ones"
        elif not against.trusted:
            yield f"verdicts in {NAMES[against.metric]} cannot be trusted: {unlike(against)}"
    if result.judges and result.coverage is not None and result.coverage < COVERED:
        yield f"only {result.coverage:.1%} of the verdicts came; what is missing counts neither as good nor as bad"
    if result.flips and result.flips.value > UNSTEADY:
        yield f"asked again, the judges changed {result.flips.value:.1%} of {result.flips.n} verdicts"
    if result.judges and not result.calibration and not result.people:
        yield "nobody checked the judges: neither planted faults nor people's labels say what their verdicts are worth"
    for system in result.systems:
        if system.unfinished:
            of = system.sessions + system.unfinished
            yield f"{system.name}: {system.unfinished} of {of} calls not finished, and left out"
    if result.scripts < FEW_SCRIPTS:
        yield f"scripts are few, {result.scripts}: intervals cover as said from {FEW_SCRIPTS} on"
    if len(result.merchants) == 1:
        yield "one merchant only: with another one the systems may rank differently"
