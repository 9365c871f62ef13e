"""The human double-blind study: made, and scored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telerole.cli.app import LanguageName, console

if TYPE_CHECKING:
    from telerole.evaluation.played import Played

study_app = typer.Typer(no_args_is_help=True, help="A double-blind study: calls for people to rate, and what they say.")

MERCHANT = "merchant"  # a run alone does not name whom it called; runs given together called the same


class MetricName(StrEnum):
    """The six metrics, as options take them."""

    consistency = "consistency"
    repetition = "repetition"
    conversationality = "conversationality"
    diversity = "diversity"
    strategy_following = "strategy_following"
    knowledge_grounding = "knowledge_grounding"


@study_app.command()
def make(
    calls: Annotated[
        list[str],
        typer.Argument(metavar="EVALUATION|NAME=RUN_DIR…", help="An evaluation's folder, or a run each system."),
    ],
    out: Annotated[Path, typer.Option(help="The study's folder, a new one.")],
    items: Annotated[int, typer.Option(min=1, help="Calls of each system.")] = 30,
    raters: Annotated[int, typer.Option(min=1, help="People who rate.")] = 3,
    metric: Annotated[list[MetricName] | None, typer.Option(help="Ask only this; may be given again.")] = None,
    overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the calls that all rate; the others one rater each.")
    ] = 1.0,
    attention: Annotated[
        float, typer.Option(min=0, max=1, help="Share of calls with a planted fault, added to a rater's.")
    ] = 0.1,
    language: Annotated[LanguageName | None, typer.Option(help="Only calls in this language.")] = None,
    seed: Annotated[int, typer.Option(help="Decides which calls, their ids and their order.")] = 0,
) -> None:
    """Make a double-blind study of two systems' calls or more: OUT/items goes to raters, OUT/secret stays with you.

    Raters may fill in a sheet (.csv), a .jsonl file or a Label Studio project; all three hold the same.
    """
    from rich.text import Text

    from telerole.evaluation.study import make_study

    made = make_study(
        [one for name in calls for one in _played(name)],
        out,
        items=items,
        metrics=[one.value for one in metric or MetricName],
        raters=raters,
        overlap=overlap,
        attention=attention,
        language=language.value if language else None,
        seed=seed,
    )
    screen = console()
    for rater, order in made.orders.items():
        screen.print(f"{rater}: {len(order)} items", soft_wrap=True)
    for warning in made.warnings:
        screen.print(Text(f"! {warning}", style="yellow"), soft_wrap=True)
    screen.print(f"Give raters {out / 'items'}; keep {out / 'secret'} to yourself", soft_wrap=True)


@study_app.command()
def score(
    study: Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder, secret/ in it.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="What raters filled in: .csv, .jsonl, .json.")],
    out: Annotated[Path | None, typer.Option(help="Where the results go; DIR/score unless said.")] = None,
    exclude_inattentive: Annotated[
        bool, typer.Option("--exclude-inattentive", help="Leave out who passes fewer than 2/3 of the attention items.")
    ] = False,
) -> None:
    """Score what raters filled in: attention, agreement, raters' leanings, rates, differences of the systems.

    OUT/score.json has every figure, OUT/labels.jsonl the labels for `telerole evaluate --labels`. Exit code 1 where
    something in the files could not be read; the rest counts.
    """
    from telerole import journal
    from telerole.evaluation.study import labels, read_ratings, read_study, score_study
    from telerole.evaluation.study.showing import show_score

    design, key = read_study(study)
    ratings = read_ratings(files, design, key)
    for fault in ratings.faults:
        print(f"telerole: {fault}", file=sys.stderr)
    found = score_study(design, key, ratings, exclude_inattentive=exclude_inattentive)
    folder = out or study / "score"
    with journal.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        journal.replace(folder / "score.json", [found.model_dump_json(indent=2).encode() + b"\n"])
        journal.replace(folder / "labels.jsonl", map(journal.line, labels(found, key, ratings)))
    screen = console()
    show_score(screen, found)
    screen.print(f"Results: {folder}", soft_wrap=True)
    if ratings.faults:
        raise typer.Exit(1)


def _played(name: str) -> Iterator[Played]:
    """The calls of an evaluation's folder, or of ``NAME=RUN_DIR``."""
    from telerole.errors import InputError
    from telerole.evaluation.played import Played, played_in
    from telerole.postprocess.filtering import Example
    from telerole.runs import read

    system, sign, run = name.partition("=")
    if Path(name).exists() or not sign:
        yield from played_in(name)
    elif not system:
        raise InputError(f"{name!r}: give the system a name: NAME=RUN_DIR")
    else:
        for triplet in read(run).triplets():
            yield Played(system, MERCHANT, Example.of(triplet), triplet.source)
