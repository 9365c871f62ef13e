"""Drawing a population of calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import app, console


@app.command()
def population(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Marginals and constraints, in YAML.")],
    count: Annotated[int, typer.Option(min=1, help="How many scenarios.")],
    seed: Annotated[int, typer.Option(help="Decides which.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write them here, for `telerole simulate --scenarios`.")] = None,
) -> None:
    """Draw scenarios with declared marginals, and print what was drawn beside what was declared."""
    from telerole import journal
    from telerole.display import show_table
    from telerole.population import Population, draw, table

    declared, screen = Population.read(file), console()
    drawn = draw(declared, count, seed)
    counts = table(drawn, declared)
    rows = [
        (row.attribute, row.value or "–", "" if row.wanted is None else f"{row.wanted:.1f}", str(row.drawn))
        for row in counts.rows
    ]
    show_table(screen, ("attribute", "value", "declared", "drawn"), rows)
    if counts.checks:
        checks = [(check.constraint, str(check.applies), str(check.broken)) for check in counts.checks]
        show_table(screen, ("constraint", "applies to", "broken by"), checks)
    if out is not None:
        with journal.writing(out):
            journal.replace(out, map(journal.line, drawn))
        screen.print(f"Scenarios: {out}", soft_wrap=True)
