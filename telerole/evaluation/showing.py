"""An evaluation as the command line prints it: Table 2, differences, outcomes, and what to beware of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telerole.evaluation.judge.questions import NAMES, Metric
from telerole.evaluation.measures.names import WORDS, change
from telerole.evaluation.results import Cell, Difference, Evaluation, finding, ranking
from telerole.evaluation.statistics.intervals import Estimate
from telerole.evaluation.trust import DISTRUSTED, distrust
from telerole.outcome import OUTCOMES
from telerole.session import Usage

METHODS = {"rogan_gladen": "Rogan-Gladen", "prediction_powered": "prediction-powered"}


def show_evaluation(console: Console, result: Evaluation) -> None:
    """All of it that fits on a screen."""
    distrusted = distrust(result)
    if result.metrics:
        console.print(
            _table2(result, distrusted), "best bold, second best underlined; below, the 95 % interval by script and n"
        )
    console.print(differences_table(result.differences, distrusted))
    console.print(_outcomes(result))
    if result.measure_differences:
        console.print(_measures(result))
    if result.calibration:
        console.print(_calibration(result))
    if result.corrected:
        console.print(_corrected(result))
    if any(one.tau is not None for one in result.ranks):
        console.print(_ranks(result))
    for line in _cost(result):
        console.print(line, soft_wrap=True)
    for warning in result.warnings:
        console.print(Text(f"! {warning}", style="yellow"), soft_wrap=True)


def _table2(result: Evaluation, distrusted: Collection[Metric]) -> Table:
    """Table 2, and under it how sure each system is to be good all over."""
    sure = result.reliability
    table = rates_table("share good", [one.system for one in sure], result.metrics, result.cells, distrusted)
    table.add_row("all of them", *(_rate(one.all_good) for one in sure))
    if any(one.pass_k is not None for one in sure):
        passed = (f"pass^{one.k} {one.pass_k:.1%}" if one.pass_k is not None else "–" for one in sure)
        table.add_row("several calls of a script all good", *passed)
    return table


def rates_table(
    title: str,
    systems: Sequence[str],
    metrics: Sequence[Metric],
    cells: Iterable[Cell],
    distrusted: Collection[Metric] = (),
    *,
    missing: str = "missing",
) -> Table:
    """Rates on their side: a screen is narrow, and systems are fewer than metrics. Nothing `distrusted` is ranked.

    `missing` is what a verdict that is not there is called.
    """
    table = _table(title, systems)
    table.show_lines = True
    known = {(cell.metric, cell.system): cell for cell in cells}
    for metric in metrics:
        row = [known[metric, system] for system in systems]
        styles = {} if metric in distrusted else ranking(row)
        name = f"{NAMES[metric]}\n{DISTRUSTED}" if metric in distrusted else NAMES[metric]
        table.add_row(name, *(_cell(cell, styles.get(cell.system, ""), missing) for cell in row))
    return table


def _table(title: str, systems: Iterable[str]) -> Table:
    """A table with a column for each system, whose name is no markup."""
    table = Table(title)
    for name in systems:
        table.add_column(Text(name))
    return table


def _cell(cell: Cell, style: str, missing: str) -> Text:
    lacks = f"\n{cell.missing} {missing}" if cell.missing else ""
    if cell.rate is None:
        return Text(f"–{lacks}")
    one = cell.rate
    detail = f"\n{one.low:.1%}–{one.high:.1%}\nn {one.n}{lacks}"
    return Text.assemble((f"{one.value:.2%}", style), (detail, "dim"))


def differences_table(differences: Sequence[Difference], distrusted: Collection[Metric] = ()) -> Table:
    """Differences of systems and what they come to; nobody is called better in a metric that is `distrusted`."""
    table = Table("difference", "in", "by", "95 % interval", "p", "Holm", "finding")
    for one in differences:
        found = one.comparison
        table.add_row(
            Text(f"{one.treatment} – {one.baseline}"),
            NAMES[one.metric] if one.metric else "high intention",
            f"{found.difference:+.1%}",
            f"{found.low:+.1%} to {found.high:+.1%}",
            f"{found.p:.2g}",
            f"{one.holm:.2g}",
            DISTRUSTED if one.metric in distrusted else Text(finding(one)),
        )
    return table


def _outcomes(result: Evaluation) -> Table:
    table = _table("share of calls", (one.name for one in result.systems))
    for name in OUTCOMES:
        if any(one.outcomes[name].value for one in result.systems):
            table.add_row(name, *(_rate(one.outcomes[name]) for one in result.systems))
    table.add_row("asks for a machine", *(_rate(one.suspected_ai) for one in result.systems))
    table.add_row("calls", *(str(one.sessions) for one in result.systems))
    table.add_row("seconds a call", *(f"{one.seconds:.0f}" for one in result.systems))
    return table


def _measures(result: Evaluation) -> Table:
    """The measures in which two systems are told apart; the report has them all."""
    table = Table("difference", "measured", "by", "95 % interval", "Holm", "finding")
    for one in result.measure_differences:
        if one.better:
            found = one.comparison
            table.add_row(
                Text(f"{one.treatment} – {one.baseline}"),
                WORDS[one.measure] if len(result.languages) == 1 else f"{WORDS[one.measure]} ({one.language})",
                change(one.measure, found.difference),
                f"{change(one.measure, found.low)} to {change(one.measure, found.high)}",
                f"{one.holm:.2g}",
                Text(f"{one.better} is better"),
            )
    if not table.row_count:
        table.add_row("no two systems", "any measure", "–", "–", "–", "not told apart")
    return table


def _calibration(result: Evaluation) -> Table:
    assert result.calibration
    table = Table("judge", "metric", "planted faults found", "good calls given a 0", "missing", "to be trusted")
    for one in result.calibration.detections:
        trusted = "yes" if one.trusted else Text("no", style="red")
        shares = (_rate(one.detected), _rate(one.false_alarms))
        table.add_row(Text(one.judge), NAMES[one.metric], *shares, str(one.missing), trusted)
    return table


def _corrected(result: Evaluation) -> Table:
    table = Table("put right with people's labels", "metric", "by", "rate or difference", "finding")
    for one in result.corrected:
        table.add_row(Text(one.system), NAMES[one.metric], METHODS[one.method], _rate(one.rate), Text(one.why_none))
    for pair in result.corrected_differences:
        found = f"{pair.difference:+.1%} ({pair.low:+.0%} to {pair.high:+.0%})"
        apart = "told apart" if pair.told_apart else "not told apart"
        systems = Text(f"{pair.treatment} – {pair.baseline}")
        table.add_row(systems, NAMES[pair.metric], METHODS[pair.method], found, apart)
    return table


def _ranks(result: Evaluation) -> Table:
    table = Table("merchants that order the systems alike", "in", "Kendall's τ")
    for one in result.ranks:
        if one.tau is not None:
            metric = NAMES[one.metric] if one.metric else "high intention"
            table.add_row(Text(" and ".join(one.merchants)), metric, f"{one.tau:+.2f}")
    return table


def _cost(result: Evaluation) -> Iterator[str]:
    for system in result.systems:
        used = [(payer, usage) for payer, usage in system.usage.items() if usage.attempts]
        if used:
            parts = ", ".join(f"{payer} {_spent(one)}" for payer, one in used)
            yield f"{system.name}: {parts}"
    if result.coverage is not None:
        one = result.judging
        again = f"; {result.flips.value:.1%} of {result.flips.n} changed when asked again" if result.flips else ""
        spent = f", {_spent(one)}" if one.calls else ""
        yield f"judged by {', '.join(result.judges)}: {result.coverage:.1%} of the verdicts came{spent}{again}"


def _spent(usage: Usage) -> str:
    return f"{usage.calls:,} calls and {usage.prompt_tokens + usage.completion_tokens:,} tokens"


def _rate(one: Estimate | None) -> str:
    return "–" if one is None else f"{one.value:.1%} ({one.low:.0%}–{one.high:.0%})"
