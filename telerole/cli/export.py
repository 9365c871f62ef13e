"""Training rows from what a cleaning kept."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import app, console, means


class FormatName(StrEnum):
    """The forms of rows, as the option takes them."""

    trl = "trl"
    openai = "openai"
    sharegpt = "sharegpt"
    turns = "turns"
    preference = "preference"


class SideName(StrEnum):
    """The sides, as the option takes them."""

    salesperson = "salesperson"
    merchant = "merchant"


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A cleaned run, a data set, or a .jsonl of triplets.")],
    out: Annotated[Path, typer.Option(help="The folder for the rows and their card: a new one, or of the same call.")],
    format: Annotated[
        FormatName, typer.Option(help="trl, openai, sharegpt: a session a row; turns, preference: a turn a row.")
    ] = FormatName.trl,
    side: Annotated[SideName, typer.Option(help="Whose words are learned.")] = SideName.salesperson,
    held_out: Annotated[
        float, typer.Option(min=0, max=0.5, help="The share for validation; no script stands on both sides.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Decides what is held out.")] = 0,
    branch: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="preference: a model that is asked for another line in each session."),
    ] = None,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many model calls.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep every model reply in this cassette.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Answer from this cassette; no network.")] = None,
) -> None:
    """Write training rows: the prompts of deployment, the side's words to be learned, split by script, with a card."""
    from telerole.display import show_table
    from telerole.training.card import TEXT
    from telerole.training.export import export as write

    made = write(
        run,
        out,
        format=format.value,
        side=side.value,
        held_out=held_out,
        seed=seed,
        branch=branch,
        progress=True,
        **means(max_calls, None, record, replay),
    )
    screen, card = console(), made.card
    heads = ("split", "method", "language", "sessions", "rows", "learned turns")
    cells = [
        (one.split, one.method, one.language, str(one.sessions), str(one.rows), str(one.learned)) for one in card.shares
    ]
    show_table(screen, heads, cells)
    screen.print(f"Rows: {out}; their card: {out / TEXT}", soft_wrap=True)
    for why, count in card.left_out.items():
        print(f"telerole: left out: {count} {why}", file=sys.stderr)
    if not any(one.split == "validation" for one in card.shares):
        print("telerole: nothing is held out, so there is no validation.jsonl", file=sys.stderr)
