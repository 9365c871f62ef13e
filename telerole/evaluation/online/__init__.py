"""Online A/B tests (paper 5.3): read calls, compare two arms, watch a running test, stand among human salespeople."""

from telerole.evaluation.online.calls import METRICS, Call, Metric, calls_of, read_csv
from telerole.evaluation.online.monitor import Look, monitor
from telerole.evaluation.online.table import ABTest, Rates, Row, ab, selection_bounds
from telerole.evaluation.online.team import Salesperson, Standing, standings

__all__ = [
    "METRICS",
    "ABTest",
    "Call",
    "Look",
    "Metric",
    "Rates",
    "Row",
    "Salesperson",
    "Standing",
    "ab",
    "calls_of",
    "monitor",
    "read_csv",
    "selection_bounds",
    "standings",
]
