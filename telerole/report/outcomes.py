"""What the calls came to, and whether merchants order the systems alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.results import Cell as Rates
from telerole.evaluation.results import Evaluation, Merchant, Ranks, System
from telerole.outcome import OUTCOMES
from telerole.report.charts import Span, colours, intervals
from telerole.report.figures import NONE, listed, metric_name, rate
from telerole.report.shape import Block, Cell, Figure, Part, Section, Statement, Table, columns, plain_table

SUSPICION = "suspects a machine"
TAU = (
    "τ is 1 where two merchants order the systems alike and -1 where one turns the other's order round; with two "
    "systems it can only be one of these."
)


def outcomes(result: Evaluation) -> Iterator[Section]:
    """How calls came out by system, then by merchant where there are several."""
    blocks: list[Block] = [_outcomes(result.systems)]
    if result.ranks and len(result.merchants) > 1:
        blocks += [_by_merchant(result.cells, result.merchants, result.metrics)] if result.cells else []
        blocks += [_ranks(result.ranks), Statement(TAU)]
    yield Section("What the calls came to", tuple(blocks))


def _outcomes(systems: Sequence[System]) -> Figure:
    shown = [name for name in OUTCOMES if any(system.outcomes[name].value for system in systems)]
    titles = [name.replace("_", " ") for name in shown]
    shares = {system.name: (*(system.outcomes[name] for name in shown), system.suspected_ai) for system in systems}
    table = plain_table(
        "Share of calls, with its 95 % interval by seed script",
        columns(("System",), ("Calls", *titles, SUSPICION, "Not finished")),
        tuple(
            (Cell(one.name), Cell(f"{one.sessions:,}"), *map(rate, shares[one.name]), Cell(str(one.unfinished)))
            for one in systems
        ),
    )
    spans = [
        Span(title, system, one.value, one.low, one.high)
        for system, row in shares.items()
        for title, one in zip((*titles, SUSPICION), row, strict=True)
    ]
    palette = colours([system.name for system in systems])
    return Figure((intervals("Share of calls", spans, palette, domain=(0, _edge(spans)), side_by_side=True),), table)


def _edge(spans: Sequence[Span]) -> float:
    """The tenth above the highest share."""
    return ceil(10 * max(span.high for span in spans)) / 10


def _by_merchant(cells: Sequence[Rates], merchants: Sequence[Merchant], metrics: Sequence[Metric]) -> Table:
    names = [merchant.name for merchant in merchants]
    return Table(
        "Calls judged good, by merchant",
        columns(("System",), names),
        tuple(
            Part(
                metric_name(metric),
                tuple(
                    (Cell(one.system), *(rate(one.by_merchant.get(name)) for name in names))
                    for one in cells
                    if one.metric == metric
                ),
            )
            for metric in metrics
        ),
    )


def _ranks(ranks: Sequence[Ranks]) -> Table:
    return plain_table(
        "Do merchants order the systems alike?",
        columns(("In", "Merchants"), ("Systems", "Kendall's τ")),
        tuple(
            (
                Cell(metric_name(one.metric)),
                Cell(listed(one.merchants)),
                Cell(str(one.systems)),
                Cell(NONE if one.tau is None else f"{one.tau:+.2f}"),
            )
            for one in ranks
        ),
    )
