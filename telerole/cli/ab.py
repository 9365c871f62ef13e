"""Comparing two arms of an online test."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telerole.cli.app import app, console

if TYPE_CHECKING:
    from rich.console import Console

    from telerole.evaluation.online import Look, Row, Standing
    from telerole.evaluation.statistics import Arm, Estimate, Interval
    from telerole.records import R


class MetricName(StrEnum):
    """The metrics, as options take them."""

    high_intention = "high_intention"
    follow_up = "follow_up"
    visit = "visit"
    ai_suspicion = "ai_suspicion"


NAMES = {
    "high_intention": "High intention",
    "follow_up": "Follow-up",
    "visit": "On-site visit",
    "ai_suspicion": "AI suspicion (lower is better)",
}


@app.command()
def ab(
    calls: Annotated[Path, typer.Argument(metavar="CALLS.csv", help="One call a row; its columns: arm, duration, …")],
    baseline: Annotated[str, typer.Option(help="The arm to compare with.")],
    treatment: Annotated[str, typer.Option(help="The arm that should be better.")],
    humans: Annotated[Path | None, typer.Option(help="Human salespeople's rates, one a row (.csv).")] = None,
    watch: Annotated[MetricName | None, typer.Option(help="Look at this metric as the calls came in.")] = None,
    find: Annotated[
        float, typer.Option(min=1e-6, max=1, help="The difference of rates that --watch is to find.")
    ] = 0.01,
    seed: Annotated[int, typer.Option(help="Decides the draws behind a rank among humans.")] = 0,
) -> None:
    """Compare two arms of an online test: rates, improvement, tests. Exit code 1 where rows could not be read.

    Columns of CALLS.csv: arm and duration (seconds), and what is known of high_intention, follow_up, visit,
    ai_suspicion (yes or no), lead and time.
    """
    from telerole.display import show_table
    from telerole.evaluation.online import Call, Salesperson, monitor, standings
    from telerole.evaluation.online import ab as compare

    found, faults = _read(calls, Call)
    team, more = _read(humans, Salesperson) if humans else ([], [])
    for fault in faults + more:
        print(f"telerole: {fault}", file=sys.stderr)
    test, screen = compare(found, baseline=baseline, treatment=treatment), console()
    arms = baseline, treatment
    show_table(screen, ("", *arms, "change", "p", "Holm's p", "finding"), map(_row, test.rows))
    for warning in test.warnings:
        screen.print(f"Beware: {warning}", soft_wrap=True)
    _show_bounds(screen, test.rows)
    if humans:
        ranks = standings(test.rows, team, seed=seed)
        show_table(screen, ("", "humans who do worse", "95 %", "of"), map(_standing, ranks))
    if watch:
        looks = monitor(found, baseline=baseline, treatment=treatment, metric=watch.value, scale=find)
        show_table(screen, (NAMES[watch], *arms, "difference, 95 % at all looks", "p so far"), map(_look, looks))
        screen.print(_decision(looks), soft_wrap=True)
    if faults or more:
        raise typer.Exit(1)


def _read(path: Path, kind: type[R]) -> tuple[list[R], list[str]]:
    """The right rows, and what is wrong with the others, each with the file's name."""
    from telerole.evaluation.online import read_csv

    found, faults = read_csv(path, kind)
    return found, [f"{path}: {fault}" for fault in faults]


def _show_bounds(screen: Console, rows: Sequence[Row]) -> None:
    for row in rows:
        if row.bounds:
            screen.print(
                f"{_name(row)}: {_range(row.bounds, '+.1%')} in the calls that either arm would have kept going",
                soft_wrap=True,
            )


def _row(row: Row) -> tuple[str, ...]:
    finding = {True: "better", False: "worse", None: "not told apart"}[row.better]
    p = f"{row.p:.2g} ({row.test})"
    return (
        _name(row),
        _rate(row.baseline),
        _rate(row.treatment),
        _change(row.change),
        p,
        f"{row.holm:.2g}",
        finding,
    )


def _standing(one: Standing) -> tuple[str, ...]:
    return (_name(one), f"{one.rank:.0%}", f"{one.low:.0%} to {one.high:.0%}", str(one.people))


def _look(look: Look) -> tuple[str, ...]:
    calls = int(look.baseline.calls + look.treatment.calls)
    between = _range(look.difference, "+.2%")
    return (f"after {calls:,} calls", _rate(look.baseline), _rate(look.treatment), between, f"{look.p:.2g}")


def _decision(looks: Sequence[Look]) -> str:
    decided = next((look for look in looks if look.p < 0.05), None)
    if not decided:
        return "Not decided yet: go on calling, and look as often as you like"
    return f"Decided after {int(decided.baseline.calls + decided.treatment.calls):,} calls"


def _name(of: Row | Standing) -> str:
    return f"{NAMES[of.metric]}{', 20s+' if of.long else ''}"


def _rate(arm: Arm) -> str:
    return f"{arm.events / arm.calls:.2%} ({int(arm.events):,} of {int(arm.calls):,})"


def _change(change: Estimate | None) -> str:
    if not change:
        return "–"
    return f"{change.value:+.1%} ({change.low:+.1%} to {change.high:+.1%})"


def _range(interval: Interval, form: str) -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"
