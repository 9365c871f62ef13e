"""Commands that make training examples: extraction, prefix completion, the whole data set."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telerole.cli.app import LanguageName, app, console, means

if TYPE_CHECKING:
    from telerole.runs import TripletFolder
    from telerole.synthesis.making import Triplets

Model = Annotated[
    str, typer.Option(metavar="SPEC", help="The model: openai:MODEL[@BASE_URL], local:FILE.gguf, local:DIR.")
]
Out = Annotated[Path, typer.Option(help="The run folder; a folder that was begun is gone on with.")]
RunSeed = Annotated[int, typer.Option(help="Decides what is sampled, and each call's own seed.")]
AtOnce = Annotated[int, typer.Option(min=1, help="Model calls at once.")]
MaxCalls = Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many model calls.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many tokens.")]
Record = Annotated[Path | None, typer.Option(help="Keep every model reply in this cassette.")]
Replay = Annotated[Path | None, typer.Option(help="Answer from this cassette; no network.")]


@app.command()
def extract(
    scripts: Annotated[Path, typer.Argument(metavar="PATH", help="Scripts: a file (.jsonl, .yaml, .txt) or a folder.")],
    backend: Model,
    out: Out,
    profiles: Annotated[
        Path | None, typer.Option(help="What is known of the merchants: profiles with the scripts' ids.")
    ] = None,
    score: Annotated[Path | None, typer.Option(help="The scripts' truths: say how well they were read.")] = None,
    seed: RunSeed = 0,
    concurrency: AtOnce = 16,
    max_calls: MaxCalls = None,
    max_total_tokens: MaxTokens = None,
    record: Record = None,
    replay: Replay = None,
) -> None:
    """Read noisy scripts: profile, strategy and clean session of each. Exit code 1 where some could not be read."""
    from telerole.catalog import Catalog
    from telerole.display import show_deviations, show_table
    from telerole.errors import FileError
    from telerole.profile import Profile
    from telerole.records import load
    from telerole.synthesis.extract import extract as run
    from telerole.synthesis.score import answers
    from telerole.synthesis.score import score as compare
    from telerole.transcripts import read_scripts
    from telerole.truth import Truth

    found, screen = read_scripts(scripts), console()
    _say(found.faults)
    if not found.scripts:
        raise FileError(scripts, ["holds no script that can be read"])
    library = Catalog.bundled()
    truths = load(score, Truth) if score else []
    known = load(profiles, Profile, library.with_template) if profiles else []
    made = run(
        found.scripts,
        backend,
        profiles={profile.id: profile for profile in known},
        seed=seed,
        out=out,
        concurrency=concurrency,
        progress=True,
        **means(max_calls, max_total_tokens, record, replay),
    )
    show_deviations(screen, made.triplets())
    if truths:
        columns, *rows = compare(list(made.triplets()), truths, found.scripts, answers(library)).rows()
        show_table(screen, columns, rows)
    _wind_up(made, out, wrong=bool(found.faults))


@app.command()
def complete(
    pairs: Annotated[Path, typer.Argument(metavar="FILE", help="QA pairs (.jsonl, .json or .yaml).")],
    backend: Model,
    out: Out,
    trials: Annotated[int, typer.Option(min=1, help="Calls a pair.")] = 1,
    seed: RunSeed = 0,
    concurrency: AtOnce = 16,
    max_calls: MaxCalls = None,
    max_total_tokens: MaxTokens = None,
    record: Record = None,
    replay: Replay = None,
) -> None:
    """Write the call that leads to each expert's question and answer. Exit code 1 where some could not be written."""
    from telerole.errors import FileError
    from telerole.qa import QAPair
    from telerole.records import load_each
    from telerole.synthesis.complete import complete as run

    found, faults = load_each(pairs, QAPair)
    _say(f"{pairs}: {fault}" for fault in faults)
    if not found:
        raise FileError(pairs, ["holds no QA pair that can be read"])
    made = run(
        found,
        backend,
        trials=trials,
        seed=seed,
        out=out,
        concurrency=concurrency,
        progress=True,
        **means(max_calls, max_total_tokens, record, replay),
    )
    _wind_up(made, out, wrong=bool(faults))


@app.command()
def synthesize(
    out: Annotated[Path, typer.Option(help="The data set's folder; one that was begun is gone on with.")],
    backend: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Reads, writes, judges and plays; without it only offline calls are made."),
    ] = None,
    salesperson: Annotated[str | None, typer.Option(metavar="SPEC", help="Who sells in the played calls.")] = None,
    merchant: Annotated[str | None, typer.Option(metavar="SPEC", help="Who is called.")] = None,
    filters: Annotated[Path | None, typer.Option(help="The filters, in YAML; the bundled ones, unless said.")] = None,
    language: Annotated[LanguageName | None, typer.Option(help="Only this language.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Played calls a script, written calls a QA pair.")] = 1,
    seed: RunSeed = 0,
    max_calls: MaxCalls = None,
    max_total_tokens: MaxTokens = None,
    record: Record = None,
    replay: Replay = None,
) -> None:
    """Make a data set from the library's seed corpus with all three methods, clean it, and print Table 1."""
    from telerole.display import show_failures, show_funnel, show_table1
    from telerole.postprocess.chain import Chain
    from telerole.runs import read
    from telerole.synthesis.dataset import synthesize as run

    made = run(
        out,
        backend,
        salesperson=salesperson,
        merchant=merchant,
        language=language.value if language else None,
        trials=trials,
        seed=seed,
        chain=Chain.read(filters),
        progress=True,
        **means(max_calls, max_total_tokens, record, replay),
    )
    screen = console()
    failed = []
    for method, funnel in made.funnels.items():
        screen.print(method, style="bold")
        show_funnel(screen, funnel)
        failed += list(read(out / method).failures())
    show_failures(screen, failed)
    show_table1(screen, made.table)
    screen.print(f"The data set: {out / 'dataset.jsonl'}", soft_wrap=True)
    unjudged = sum(funnel.unjudged for funnel in made.funnels.values())
    if failed or unjudged:
        screen.print(f"{len(failed)} could not be made and {unjudged} not be judged; the same command tries again")
        raise typer.Exit(1)


def _say(faults: Iterable[str]) -> None:
    for fault in faults:
        print(f"telerole: {fault}", file=sys.stderr)


def _wind_up(made: Triplets | TripletFolder, out: Path, *, wrong: bool) -> None:
    """Say what was made and what was not; exit code 1 where something is missing."""
    from telerole.display import show_failures

    screen = console()
    failed = list(made.failures())
    show_failures(screen, failed)
    screen.print(f"{len(made)} made: {out / 'triplets.jsonl'}", soft_wrap=True)
    if failed:
        screen.print(
            f"What could not be made: {out / 'failures.jsonl'}; the same command tries it again", soft_wrap=True
        )
    if failed or wrong:
        raise typer.Exit(1)
