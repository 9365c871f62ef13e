"""The human double-blind study (paper 5.2): calls handed to raters without a name, answers read back and scored.

make_study(played_in("evaluation"), "study", items=30)
study, key = read_study("study")
ratings = read_ratings(["rater-1.csv", "rater-2.csv"], study, key)
score = score_study(study, key, ratings)
"""

from telerole.evaluation.study.key import Key, Study, read_study
from telerole.evaluation.study.making import make_study
from telerole.evaluation.study.ratings import Ratings, read_ratings
from telerole.evaluation.study.results import MetricAgreement, RaterEffect, RaterScore, StudyScore
from telerole.evaluation.study.scoring import labels, score_study

__all__ = [
    "Key",
    "MetricAgreement",
    "RaterEffect",
    "RaterScore",
    "Ratings",
    "Study",
    "StudyScore",
    "labels",
    "make_study",
    "read_ratings",
    "read_study",
    "score_study",
]
