"""Commands about the library and a user's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import app, console


@app.command(name="list")
def list_() -> None:
    """What the library holds: personas, strategies, profile templates, seed scripts."""
    from telerole.catalog import Catalog
    from telerole.display import show_table

    catalog, screen = Catalog.bundled(), console()
    people = sorted(catalog.personas.values(), key=lambda one: (one.role, one.language, one.id))
    show_table(
        screen,
        ("persona", "role", "language", "temperament"),
        [(p.id, p.role, p.language, p.temperament) for p in people],
    )
    show_table(
        screen,
        ("strategy", "language", "title", "steps"),
        [(s.id, s.language, s.title, str(len(s.flow))) for s in catalog.strategies.values()],
    )
    show_table(
        screen,
        ("profile template", "language", "fields"),
        [(t.id, t.language, ", ".join(t.fields)) for t in catalog.templates.values()],
    )
    show_table(screen, ("script", "language", "title"), [(s.id, s.language, s.title) for s in catalog.scripts.values()])


@app.command()
def check(path: Annotated[Path, typer.Argument(help="A file or a folder of personas, strategies, scripts, …")]) -> None:
    """Check files: every fault with its line or field, and the nearest right name."""
    from telerole import checking

    for file, held in checking.check(path).items():
        print(f"{file}: {held}")
