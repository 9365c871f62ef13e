"""Making noisy scripts of clean calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import app, console


@app.command()
def noise(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A truths file, a folder of them, or a run folder.")],
    out: Annotated[Path, typer.Option(help="The folder for scripts.jsonl and truths.jsonl.")],
    level: Annotated[float, typer.Option(min=0, max=1, help="How much: 0 none, 0.5 as in the seed corpus.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Decides where it strikes.")] = 0,
    kinds: Annotated[str | None, typer.Option(help="Only these, joined by commas: recognition,merged,…")] = None,
    bursts: Annotated[float | None, typer.Option(min=1, help="Errors gather in stretches of so many words.")] = None,
) -> None:
    """Make noisy scripts of clean calls, with what was really said beside them."""
    from telerole import journal
    from telerole.synthesis.noise import KINDS, Noise, kinds_named, noisy
    from telerole.synthesis.noise.sources import clean_calls

    chosen = frozenset(KINDS) if kinds is None else kinds_named(kinds)
    made = [noisy(call, Noise(level=level, kinds=chosen, bursts=bursts), seed) for call in clean_calls(path)]
    with journal.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        journal.replace(out / "scripts.jsonl", (journal.line(one.script) for one in made))
        journal.replace(out / "truths.jsonl", (journal.line(one.truth) for one in made))
    console().print(f"{len(made)} scripts: {out / 'scripts.jsonl'}; truths: {out / 'truths.jsonl'}", soft_wrap=True)
