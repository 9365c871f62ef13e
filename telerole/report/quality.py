"""Table 2 and what stands behind it: differences, corrected rates, how sure a system is to be good all over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from telerole.evaluation.calibration.results import Corrected, CorrectedDifference
from telerole.evaluation.judge.questions import METRICS, Metric
from telerole.evaluation.results import Cell as Rates
from telerole.evaluation.results import Difference, Evaluation, Reliability
from telerole.evaluation.trust import DISTRUSTED
from telerole.report.charts import Span, intervals
from telerole.report.figures import NONE, listed, metric_name, p_value, points, rate, reach
from telerole.report.judgements import Judgements, against
from telerole.report.shape import (
    Block,
    Cell,
    Chart,
    Figure,
    Group,
    Part,
    Section,
    Statement,
    Table,
    columns,
    plain_table,
)

GROUPS: dict[str, tuple[Metric, ...]] = {
    "Human-likeness": ("consistency", "repetition", "conversationality"),
    "Marketing skills": ("diversity", "strategy_following"),
    "Hallucination": ("knowledge_grounding",),
}
NOTE = (
    "Share of calls judged good, with its 95 % interval by seed script and the number of calls. In each group the best "
    "is bold and the second best underlined (italic where there is no underline). ≈ is not told apart from the best: "
    "do not rank it below."
)
METHOD_NAMES = {"rogan_gladen": "Rogan and Gladen", "prediction_powered": "prediction-powered"}
FINDINGS = {
    "told apart": "#3d8fc6",
    "not told apart": "#8a8f98",
    DISTRUSTED: "#e0526a",
}


def table2(judgements: Sequence[Judgements], result: Evaluation | None) -> Iterator[Section]:
    """Table 2, the human rows under those of the judges, where anybody was asked."""
    asked = [one for one in judgements if one.metrics]
    if not asked:
        return
    metrics = [metric for metric in METRICS if any(metric in one.metrics for one in asked)]
    blocks: list[Block] = [_table2(asked, metrics), Statement(NOTE)]
    for one in asked:
        if one.distrust:
            names = listed(metric_name(metric) for metric in one.distrust)
            blocks.append(Statement("Verdicts not to be trusted (⚠): nothing is marked as best.", "alarm", names))
    if result and result.corrected:
        blocks.append(_corrected(result.corrected))
    if result and result.corrected_differences:
        blocks.append(_apart(result.corrected_differences))
    if result and result.reliability:
        blocks.append(_reliability(result.reliability))
    yield Section("Table 2: rates in six metrics", tuple(blocks))


def differences(judgements: Sequence[Judgements]) -> Iterator[Section]:
    """How far systems differ, with a forest plot of the differences to the baseline."""
    note = "Percentage points, paired by seed script. Holm's p is adjusted for all that is told of two systems."
    for one in judgements:
        if one.differences:
            yield Section(f"Differences: {one.title}", (_differences(one), Statement(note)))


def _table2(judgements: Sequence[Judgements], metrics: Sequence[Metric]) -> Table:
    groups = [Group(title, sum(one in metrics for one in members)) for title, members in GROUPS.items()]
    return Table(
        "Calls judged good",
        columns(("System",), map(metric_name, metrics)),
        tuple(Part(one.title, tuple(_system(one, name, metrics) for name in one.systems)) for one in judgements),
        tuple(group for group in groups if group.columns),
    )


def _system(judgements: Judgements, system: str, metrics: Sequence[Metric]) -> tuple[Cell, ...]:
    return (Cell(system), *(_rate(judgements, system, metric) for metric in metrics))


def _rate(judgements: Judgements, system: str, metric: Metric) -> Cell:
    found = judgements.cell(system, metric)
    if found is None:
        return Cell(NONE)
    shown = rate(found.rate, digits=2)
    missing = f"{found.missing} missing" if found.missing else ""
    detail = ", ".join(part for part in (shown.detail, missing) if part)
    return Cell(shown.text + _sign(judgements, found), detail, judgements.marks(metric).get(system, ""))


def _sign(judgements: Judgements, found: Rates) -> str:
    if found.rate is None:
        return ""
    if judgements.distrusted(found.metric):
        return " ⚠"
    return " ≈" if found.system in judgements.level(found.metric) else ""


def _corrected(corrected: Sequence[Corrected]) -> Table:
    return plain_table(
        "Rates put right with people's labels",
        columns(("System", "Metric", "Method"), ("Rate",), ("Why none",)),
        tuple(
            (
                Cell(one.system),
                Cell(metric_name(one.metric)),
                Cell(METHOD_NAMES[one.method]),
                rate(one.rate),
                Cell(one.why_none),
            )
            for one in corrected
        ),
    )


def _apart(found: Sequence[CorrectedDifference]) -> Table:
    return plain_table(
        "Differences of the rates that were put right",
        columns(("Difference", "Metric", "Method"), ("Points", "95 % interval"), ("Finding",)),
        tuple(
            (
                Cell(f"{one.treatment} − {one.baseline}"),
                Cell(metric_name(one.metric)),
                Cell(METHOD_NAMES[one.method]),
                Cell(points(one.difference)),
                Cell(f"{points(one.low)} to {points(one.high)}"),
                Cell("told apart" if one.told_apart else "not told apart: no ranking"),
            )
            for one in found
        ),
    )


def _reliability(reliability: Sequence[Reliability]) -> Table:
    return plain_table(
        "Calls good in every metric, and pass^k: how likely k calls of one script all are",
        columns(("System",), ("Good in all", "pass^k")),
        tuple((Cell(one.system), rate(one.all_good), _pass_k(one)) for one in reliability),
    )


def _pass_k(one: Reliability) -> Cell:
    return Cell(NONE) if one.pass_k is None else Cell(f"{one.pass_k:.1%}", f"k = {one.k}")


def _differences(judgements: Judgements) -> Figure:
    return Figure(
        tuple(_forests(judgements)),
        Table(
            f"All differences: {judgements.title}",
            columns(("Difference",), ("Points", "95 % interval", "p", "Holm's p"), ("Finding",)),
            tuple(
                Part(metric_name(metric), tuple(_difference(judgements, one) for one in judgements.about(metric)))
                for metric in judgements.compared
            ),
        ),
    )


def _difference(judgements: Judgements, one: Difference) -> tuple[Cell, ...]:
    found = one.comparison
    values = (points(found.difference), reach(found), p_value(found.p), p_value(one.holm), judgements.finding(one))
    return (Cell(_pair(one)), *map(Cell, values))


def _forests(judgements: Judgements) -> Iterator[Chart]:
    """A chart for each metric, all with the same axis."""
    baseline = judgements.baseline
    told = [against(one, baseline) for one in judgements.differences if baseline in (one.baseline, one.treatment)]
    widest = max((abs(end) for one in told for end in (one.comparison.low, one.comparison.high)), default=0.0)
    edge = max(0.1, ceil(10 * widest) / 10)
    for metric in judgements.compared:
        spans = [_span(judgements, one) for one in told if one.metric == metric]
        if spans:
            title = f"{metric_name(metric)}: difference to {baseline}"
            yield intervals(title, spans, FINDINGS, domain=(-edge, edge))


def _span(judgements: Judgements, one: Difference) -> Span:
    by = one.comparison
    return Span(one.treatment, _colour(judgements, one), by.difference, by.low, by.high)


def _colour(judgements: Judgements, one: Difference) -> str:
    if judgements.distrusted(one.metric):
        return DISTRUSTED
    return "told apart" if one.told_apart else "not told apart"


def _pair(one: Difference) -> str:
    return f"{one.treatment} – {one.baseline}"
