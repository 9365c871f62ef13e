"""Probing a merchant with five salespeople, and how its mind took to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import LanguageName, app, console


@app.command()
def probe(
    persona: Annotated[str | None, typer.Argument(metavar="[FILE|ID]", help="A merchant; without one, all.")] = None,
    calls: Annotated[int, typer.Option(min=1, help="Calls of each salesperson.")] = 200,
    seed: Annotated[int, typer.Option(help="Decides scenarios, moods and disturbances.")] = 0,
    language: Annotated[LanguageName | None, typer.Option(help="Only merchants of this language.")] = None,
    backend: Annotated[str, typer.Option(metavar="SPEC", help="Who words the merchant's lines.")] = "offline",
    plot: Annotated[Path | None, typer.Option(help="Save a chart: .svg, .png, .html or .json.")] = None,
) -> None:
    """Call merchants with a good, a neutral, a pushy, an ignoring and a silent salesperson, and compare."""
    from telerole import plots
    from telerole.display import show_probes
    from telerole.errors import InputError
    from telerole.probing import contrasts
    from telerole.probing import probe as run
    from telerole.studio import find

    who = find(persona).persona if persona else None
    if who is not None and who.role != "merchant":
        raise InputError(f"{who.id} is a {who.role}; probes call a merchant")
    probed = run(who, calls=calls, seed=seed, language=language.value if language else None, merchant=backend)
    screen = console()
    show_probes(screen, probed, contrasts(probed))
    if plot is not None:
        plots.save(plots.probe_chart(probed), plot)
        screen.print(f"Chart: {plot}", soft_wrap=True)
