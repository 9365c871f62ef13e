"""The paper's six binary metrics (5.2), judged by models: blind, with a reason and with words that were really said."""

from telerole.evaluation.judge.judging import ajudge, judge
from telerole.evaluation.judge.questions import METRICS, Metric, Question
from telerole.evaluation.judge.results import Decision, Flips, Judged
from telerole.evaluation.judge.verdicts import Verdict

__all__ = ["METRICS", "Decision", "Flips", "Judged", "Metric", "Question", "Verdict", "ajudge", "judge"]
