"""Table 3: two arms of an online test."""

from __future__ import annotations

from collections.abc import Iterator

from telerole.evaluation.online.calls import Metric
from telerole.evaluation.online.table import LONG, ABTest, Row
from telerole.evaluation.statistics.counts import Arm
from telerole.evaluation.statistics.intervals import Estimate, Interval
from telerole.report.figures import NONE, p_value, points
from telerole.report.shape import Block, Cell, Points, Section, Statement, Table, columns, plain_table

METRIC_NAMES: dict[Metric, str] = {
    "high_intention": "High intention",
    "follow_up": "Follow-up",
    "visit": "On-site visit",
    "ai_suspicion": "AI suspicion",
}


def online(test: ABTest) -> Iterator[Section]:
    """The section of the online test."""
    blocks: list[Block] = [_table3(test)]
    if test.warnings:
        blocks.append(Points("What to beware of", tuple(Statement(one, "warning") for one in test.warnings)))
    yield Section("Table 3: real calls", tuple(blocks))


def metric_title(row: Row) -> str:
    """A row's name, as the paper writes it."""
    return METRIC_NAMES[row.metric] + (f" ({LONG:g} s or more)" if row.long else "")


def _table3(test: ABTest) -> Table:
    figures = (test.baseline, test.treatment, "Points", "Relative change", "Selection bounds", "p", "Holm's p")
    return plain_table(
        f"{test.treatment} against {test.baseline}",
        columns(("Metric",), figures, ("Finding",)),
        tuple(_row(row, test) for row in test.rows),
    )


def _row(row: Row, test: ABTest) -> tuple[Cell, ...]:
    finding = {True: f"{test.treatment} is better", False: f"{test.baseline} is better", None: "not told apart"}
    return (
        Cell(metric_title(row)),
        _arm(row.baseline),
        _arm(row.treatment),
        Cell(_difference(row), f"{points(row.difference.low)} to {points(row.difference.high)}"),
        _change(row.change),
        _bounds(row.bounds),
        Cell(p_value(row.p), row.test),
        Cell(p_value(row.holm)),
        Cell(finding[row.better]),
    )


def _difference(row: Row) -> str:
    return points(row.treatment.events / row.treatment.calls - row.baseline.events / row.baseline.calls)


def _arm(arm: Arm) -> Cell:
    return Cell(f"{arm.events / arm.calls:.2%}", f"{arm.events:,g} of {arm.calls:,g}")


def _change(change: Estimate | None) -> Cell:
    return Cell(NONE) if change is None else Cell(f"{change.value:+.1%}", f"{change.low:+.1%} to {change.high:+.1%}")


def _bounds(bounds: Interval | None) -> Cell:
    return Cell(NONE) if bounds is None else Cell(f"{bounds.low:+.1%} to {bounds.high:+.1%}")
