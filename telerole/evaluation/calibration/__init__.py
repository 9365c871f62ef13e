"""How far a judge can be trusted: planted faults, labels by people, and rates put right with them."""

from telerole.evaluation.calibration.calibrating import acalibrate, calibrate, good_sessions
from telerole.evaluation.calibration.faults import Planted, plant
from telerole.evaluation.calibration.labels import against_people, consensus, correct, read_labels
from telerole.evaluation.calibration.results import AgainstPeople, Calibration, Corrected, Detection, Fault

__all__ = [
    "AgainstPeople",
    "Calibration",
    "Corrected",
    "Detection",
    "Fault",
    "Planted",
    "acalibrate",
    "against_people",
    "calibrate",
    "consensus",
    "correct",
    "good_sessions",
    "plant",
    "read_labels",
]
