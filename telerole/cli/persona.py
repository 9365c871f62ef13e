"""Commands of the persona studio."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import LanguageName, console

persona_app = typer.Typer(no_args_is_help=True, help="Write personas, look at them, and talk to them.")


class RoleName(StrEnum):
    """The roles, as options take them."""

    merchant = "merchant"
    salesperson = "salesperson"


Name = Annotated[str, typer.Argument(metavar="FILE|ID", help="A persona's file, or the id of a bundled one.")]
Writer = Annotated[
    str,
    typer.Option(metavar="SPEC", help="The model that writes: openai:MODEL[@BASE_URL], local:FILE.gguf, local:DIR."),
]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


@persona_app.command()
def draft(
    sentence: Annotated[str, typer.Argument(help="Who it is, in a sentence.")],
    backend: Writer,
    role: Annotated[RoleName, typer.Option(help="Who they are.")] = RoleName.merchant,
    language: Annotated[LanguageName | None, typer.Option(help="The sentence's own, unless said.")] = None,
    id: Annotated[str | None, typer.Option(help="The persona's id; the model's, unless said.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; the screen, unless said.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another person.")] = 0,
    force: Force = False,
) -> None:
    """A model writes a whole persona from one sentence."""
    from telerole import studio
    from telerole.studio.showing import show_findings, show_text
    from telerole.studio.writing import must_be_free

    if out:
        must_be_free(out, force)
    made = studio.draft(
        sentence, backend, role=role.value, language=language.value if language else None, id=id, seed=seed
    )
    if out:
        studio.save(out, studio.written(made, studio.schema_line(out)), force=force)
        show_text(console(), f"wrote {out}")
    else:
        show_text(console(), studio.written(made))
    show_findings(console(), studio.examine(made))


@persona_app.command()
def refine(
    name: Name,
    note: Annotated[str, typer.Option(help="What should change.")],
    backend: Writer,
    out: Annotated[Path | None, typer.Option(help="The file to write; the same one, unless said.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the change without asking.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another answer.")] = 0,
    force: Force = False,
) -> None:
    """A model proposes a change; you see it as a diff and take it or not."""
    from telerole import studio
    from telerole.errors import InputError
    from telerole.studio.showing import show_diff, show_findings, show_text
    from telerole.studio.writing import must_be_free

    found, screen = studio.find(name), console()
    target = out or found.path
    if target is None:
        raise InputError(f"{name} cannot be written back as YAML; say --out FILE")
    own = found.path is not None and target.resolve() == found.path.resolve()
    must_be_free(target, force or own)
    changed = studio.refine(found.persona, note, backend, seed=seed)
    after = studio.edited(found.text, changed)
    if after == found.text:
        show_text(screen, "the model changed nothing")
        return
    show_diff(screen, found.text, after, name)
    show_findings(screen, studio.examine(changed))
    for comment in studio.comments_lost(found.text, after):
        show_text(screen, f"this comment would be lost: {comment}")
    if yes or typer.confirm("take it?"):
        studio.save(target, after, force=force or own)
        show_text(screen, f"wrote {target}")


@persona_app.command()
def check(
    names: Annotated[list[str], typer.Argument(metavar="FILE|ID…", help="Personas' files, or ids of bundled ones.")],
) -> None:
    """Schema, contradictions, leaks, style, and the nearest bundled persona. Exit code 1 for the first two of these."""
    from telerole import studio
    from telerole.studio.showing import show_findings, show_likeness, show_text

    grave = False
    for name in names:
        found = studio.find(name)
        findings = studio.examine(found.persona)
        show_text(console(), f"{name}: {found.persona.role}, {len(findings)} findings")
        show_findings(console(), findings)
        show_likeness(console(), studio.nearest(found.persona))
        grave = grave or any(finding.grave for finding in findings)
    if grave:
        raise typer.Exit(1)


@persona_app.command()
def preview(
    name: Name,
    scenario: Annotated[Path | None, typer.Option(help="A file whose first scenario the persona is put into.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another scenario.")] = 0,
) -> None:
    """Exactly the prompts that each side would get, and who sees what."""
    from telerole import studio
    from telerole.catalog import Catalog
    from telerole.studio.showing import show_preview

    given = Catalog.bundled().scenarios(scenario)[0] if scenario else None
    show_preview(console(), studio.preview(studio.find(name).persona, given, seed=seed))


@persona_app.command()
def interview(
    name: Name,
    backend: Annotated[str, typer.Option(metavar="SPEC", help="Who plays the persona.")] = "offline",
    mind: Annotated[bool, typer.Option("--mind", help="Show how the merchant feels after each turn.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another day.")] = 0,
) -> None:
    """Talk to the persona yourself: you sit in the other chair. Ctrl-D hangs up."""
    from telerole import studio
    from telerole.studio.showing import hold

    call = studio.Interview(studio.find(name).persona, backend, seed)
    hold(console(), call, mind=mind)
    call.close()


@persona_app.command()
def coverage(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Personas; the library's, unless said.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .svg, .png, .html or .json.")] = None,
) -> None:
    """Which temperaments, trades and objections a set of personas leaves out."""
    from telerole import plots, studio
    from telerole.catalog import Catalog
    from telerole.studio.showing import show_coverage, show_text

    people = studio.personas_in(folder) if folder else Catalog.bundled().personas.values()
    covered = studio.coverage(people)
    show_coverage(console(), covered)
    if plot:
        plots.save(plots.coverage_chart(covered), plot)
        show_text(console(), f"drew {plot}")
