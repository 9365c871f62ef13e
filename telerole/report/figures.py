"""How figures are written."""

from __future__ import annotations

from collections.abc import Iterable

from telerole.evaluation.judge.questions import NAMES, Metric
from telerole.evaluation.statistics.intervals import Estimate
from telerole.evaluation.statistics.paired import Comparison
from telerole.records import Language
from telerole.report.shape import Cell

NONE = "–"
LANGUAGE_NAMES: dict[Language, str] = {"en": "English", "zh": "Chinese"}


def rate(one: Estimate | None, digits: int = 1) -> Cell:
    """A share in per cent with its interval and n."""
    if one is None:
        return Cell(NONE)
    return Cell(f"{one.value:.{digits}%}", f"{one.low:.1%} to {one.high:.1%}, n {one.n}")


def coefficient(one: Estimate | None) -> Cell:
    """A coefficient such as kappa with its interval."""
    return Cell(NONE) if one is None else Cell(f"{one.value:.2f}", f"{one.low:.2f} to {one.high:.2f}")


def points(value: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}"


def reach(one: Comparison) -> str:
    """The interval of a difference in percentage points."""
    return f"{points(one.low)} to {points(one.high)}"


def p_value(p: float) -> str:
    """p to three digits."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def count(number: int, what: str) -> str:
    """So many of what, in the plural where it is not one."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them, by semicolons where one has a comma in it."""
    *most, last = names = list(names)
    between = "; " if any("," in name for name in names) else ", "
    return f"{between.join(most)} and {last}" if most else last


def metric_name(metric: Metric | None) -> str:
    """A metric as the paper writes it; None is high intention, which needs no judge."""
    return NAMES[metric] if metric else "High intention"
