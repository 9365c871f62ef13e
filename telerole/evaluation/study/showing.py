"""A study's score as the command line prints it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telerole.evaluation.judge.questions import NAMES
from telerole.evaluation.showing import differences_table, rates_table
from telerole.evaluation.statistics.agreement import Agreement
from telerole.evaluation.statistics.intervals import Estimate
from telerole.evaluation.statistics.multiplicity import FINDING
from telerole.evaluation.study.results import StudyScore


def show_score(console: Console, score: StudyScore) -> None:
    """Raters, agreement, leanings, rates, differences, and what to beware of."""
    console.print(_raters(score), _agreement(score), _effects(score))
    console.print(rates_table("people say", score.systems, score.metrics, score.cells, missing="undecided"))
    console.print(differences_table(score.differences))
    console.print(
        "rates: calls that more than half of their raters call good, with the 95 % interval by script; differences are "
        "paired by script",
        soft_wrap=True,
    )
    for warning in score.warnings:
        console.print(Text(f"! {warning}", style="yellow"), soft_wrap=True)


def _raters(score: StudyScore) -> Table:
    table = Table("rater", "items", "answers", "missing", "attention items passed", "")
    for one in score.raters:
        note = "left out" if one.left_out else "" if one.attentive else Text("inattentive", style="red")
        passed = f"{one.passed} of {one.attention}" if one.attention else "–"
        table.add_row(Text(one.rater), str(one.items), str(one.answers), str(one.missing), passed, note)
    return table


def _agreement(score: StudyScore) -> Table:
    table = Table("raters agree in", "items", "percent", "Fleiss' kappa", "Krippendorff's alpha", "Gwet's AC1")
    for one in score.agreement:
        table.add_row(NAMES[one.metric], str(one.items), *_coefficients(one.agreement))
    return table


def _coefficients(found: Agreement | None) -> list[str]:
    if found is None:
        return ["–"] * 4
    return [_percent(found.percent), *map(_coefficient, (found.kappa, found.alpha, found.ac1))]


def _effects(score: StudyScore) -> Table:
    """Each rater against the others."""
    table = Table("rater", "in", "good", "the others", "difference, 95 %", "p", "Holm", "finding")
    for one in score.effects:
        by = one.comparison
        leaning = "milder" if by.difference > 0 else "stricter"
        table.add_row(
            Text(one.rater),
            NAMES[one.metric],
            f"{by.treatment:.1%}",
            f"{by.baseline:.1%}",
            f"{by.difference:+.1%} ({by.low:+.1%} to {by.high:+.1%})",
            f"{by.p:.2g}",
            f"{one.holm:.2g}",
            leaning if one.holm < FINDING else "",
        )
    return table


def _percent(one: Estimate) -> str:
    return f"{one.value:.1%} ({one.low:.0%}–{one.high:.0%})"


def _coefficient(one: Estimate | None) -> str:
    return "–" if one is None else f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
