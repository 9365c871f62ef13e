"""Cleaning a run, and saying what happened to a session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import app, console, means


@app.command()
def clean(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    filters: Annotated[Path | None, typer.Option(help="The filters, in YAML; the bundled ones, unless said.")] = None,
    backend: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Who judges for the filters that ask a model; else they are left out."),
    ] = None,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many model calls.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep every model reply in this cassette.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Answer from this cassette; no network.")] = None,
) -> None:
    """Put every session of a run through the filters: what is kept, what is rejected, and why."""
    from telerole import plots
    from telerole.display import show_funnel
    from telerole.errors import InputError
    from telerole.postprocess.chain import Chain
    from telerole.postprocess.cleaning import clean as put_through

    funnel = put_through(run, chain=Chain.read(filters), backend=backend, **means(max_calls, None, record, replay))
    screen = console()
    show_funnel(screen, funnel)
    screen.print(f"Kept: {run / 'kept.jsonl'}; the others: {run / 'rejected'}", soft_wrap=True)
    try:
        plots.save(plots.funnel_chart(funnel), run / "funnel.svg")
        screen.print(f"Chart: {run / 'funnel.svg'}", soft_wrap=True)
    except InputError as missing:
        screen.print(f"No chart: {missing}", soft_wrap=True)
    if funnel.unjudged:
        screen.print(f"{funnel.unjudged} not judged: the model gave no verdict; the same command asks again")
        raise typer.Exit(1)


@app.command()
def explain(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder that was cleaned.")],
    session: Annotated[str, typer.Argument(metavar="ID", help="A session of it.")],
) -> None:
    """Say what happened to one session: what was rewritten, and which filter rejected it for what."""
    from telerole.display import show_story
    from telerole.postprocess.results import story

    show_story(console(), story(run, session))
