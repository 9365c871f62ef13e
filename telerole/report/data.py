"""The data set: Table 1, beside the paper's where there are Chinese calls, and what each cleaning let through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from telerole.postprocess.results import Funnel, Stage
from telerole.report.charts import funnel
from telerole.report.figures import NONE
from telerole.report.shape import Block, Cell, Figure, Part, Section, Statement, Table, columns, plain_table
from telerole.synthesis.table import METHODS, PAPER, Row


def dataset(table1: Sequence[Row], funnels: Mapping[str, Funnel]) -> Iterator[Section]:
    """The section of Table 1 and the funnels, where there is either."""
    blocks: list[Block] = []
    if table1:
        note = "Turns are those of both sides; a length counts characters in Chinese and words in English."
        blocks += [_table1(table1), Statement(note)]
    for name, cleaned in funnels.items():
        blocks.append(_funnel(name, cleaned))
        if cleaned.left_out:
            blocks.append(Statement(f"Left out, as they ask a model: {', '.join(cleaned.left_out)}.", "warning"))
    if blocks:
        yield Section("The data set", tuple(blocks))


def _table1(rows: Sequence[Row]) -> Table:
    # The paper's calls are Chinese: beside those in another language its figures would say nothing.
    paper = PAPER if any(one.language == "zh" for one in rows) else ()
    return Table(
        "Table 1: the data set beside the paper's" if paper else "Table 1: the data set",
        columns(("Whose",), ("Seeds", "Valid", "Turns", "Length"), ("Why none",)),
        tuple(
            Part(title, tuple(_row(one) for one in (*rows, *paper) if one.method == method))
            for method, title in METHODS.items()
        ),
    )


def _row(one: Row) -> tuple[Cell, ...]:
    whose = "the paper, zh" if one in PAPER else f"this data set, {one.language}"
    lengths = (NONE if value is None else f"{value:.2f}" for value in (one.turns, one.length))
    valid = NONE if one.why_none else f"{one.valid:,}"
    return tuple(map(Cell, (whose, f"{one.seeds:,}", valid, *lengths, one.why_none)))


def _funnel(name: str, cleaned: Funnel) -> Figure:
    share = f", {cleaned.kept / cleaned.sessions:.1%}" if cleaned.sessions else ""
    table = plain_table(
        f"{name}: {cleaned.kept:,} of {cleaned.sessions:,} sessions kept{share}",
        columns(("Filter",), ("Sessions", "Rewritten", "Rejected", "Not judged", "Left")),
        tuple(_stage(one) for one in cleaned.stages),
    )
    return Figure((funnel(f"{name}: what the filters let through", cleaned),) if cleaned.stages else (), table)


def _stage(one: Stage) -> tuple[Cell, ...]:
    left = one.seen - one.rejected - one.unjudged
    return (Cell(one.filter), *(Cell(f"{n:,}") for n in (one.seen, one.rewritten, one.rejected, one.unjudged, left)))
