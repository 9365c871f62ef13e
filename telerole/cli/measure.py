"""The measures of a run's sessions that need no judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telerole.cli.app import LanguageName, app, console

if TYPE_CHECKING:
    from rich.console import Console

    from telerole.evaluation.ledger import Summary
    from telerole.evaluation.measures import SetMeasures
    from telerole.postprocess.filtering import Example

ROLES = ("salesperson", "merchant")


@app.command()
def measure(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    language: Annotated[LanguageName | None, typer.Option(help="Only this language.")] = None,
    seed: Annotated[int, typer.Option(help="Which sessions the length-fair measures draw.")] = 0,
) -> None:
    """Measure a run's sessions without a judge, per language and role: means over sessions."""
    from telerole.errors import InputError
    from telerole.postprocess.filtering import Example
    from telerole.records import LANGUAGES
    from telerole.runs import read

    examples = [Example.of(triplet) for triplet in read(run).triplets()]
    spoken = {one: [each for each in examples if each.session.language == one] for one in LANGUAGES}
    wanted = {one: found for one, found in spoken.items() if found and language in (None, one)}
    if not wanted:
        raise InputError(f"{run}: holds no finished call{f' in {language.value!r}' if language else ''}")
    for one, found in wanted.items():
        _show(console(), one, found, seed)


def _show(screen: Console, language: str, examples: Sequence[Example], seed: int) -> None:
    from telerole.display import show_table
    from telerole.evaluation.ledger import ledger, summary
    from telerole.evaluation.measures import means, measure_session, measure_set, role_means

    measured = [measure_session(example) for example in examples]
    whole = measure_set([example.session for example in examples], seed=seed)
    sides = [role_means(measured, "salesperson"), role_means(measured, "merchant")]
    varied = [whole.variety[role].model_dump() for role in ("salesperson", "merchant")]
    screen.print(f"{language}: {len(examples)} sessions", style="bold")
    show_table(screen, ("a session, mean", ""), _rows([means(measured)]))
    show_table(screen, ("a side, mean", *ROLES), _rows(sides))
    show_table(screen, ("all sessions", *ROLES), _rows(varied))
    show_table(screen, ("all sessions", ""), _together(whole))
    screen.print(_claims(summary(map(ledger, examples))), soft_wrap=True)


def _rows(columns: Sequence[dict[str, float | None]]) -> Iterator[tuple[str, ...]]:
    from telerole.evaluation.measures.names import WORDS, figure

    for name in columns[0]:
        yield (WORDS[name], *(figure(name, column[name]) for column in columns))


def _together(whole: SetMeasures) -> Iterator[tuple[str, str]]:
    from telerole.evaluation.measures.names import WORDS, figure

    for outcome, share in whole.outcomes.items():
        if share:
            yield outcome, f"{share:.1%}"
    yield "the merchant walks away", f"{whole.exits.share:.1%}"
    yield "... after turns, median", figure("turns", whole.exits.turns)
    yield "... after seconds, median", figure("seconds", whole.exits.seconds)
    for name in ("self_similarity", "opening_entropy"):
        yield WORDS[name], figure(name, getattr(whole, name))


def _claims(known: Summary) -> str:
    places = ", ".join(f"{count} {place}" for place, count in known.places.items()) or "none"
    untraced = ", ".join(f"{count} {kind}" for kind, count in known.untraced.items()) or "none"
    return f"{known.claims} claims; traced: {places}; untraced: {untraced}"
