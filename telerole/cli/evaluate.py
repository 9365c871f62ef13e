"""Candidates compared: the calls, the judges, the figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telerole.cli.app import LanguageName, app, console, means
from telerole.cli.report import shown

if TYPE_CHECKING:
    from telerole.evaluation.played import Label
    from telerole.records import Language

TO_READ = 2  # calls of each system


@app.command()
def evaluate(
    out: Annotated[Path, typer.Option(help="The evaluation's folder; one that was begun is gone on with.")],
    candidate: Annotated[list[str], typer.Option(metavar="NAME=SPEC", help="Who is tested; give two or more.")],
    merchant: Annotated[
        list[str] | None, typer.Option(metavar="NAME=SPEC", help="Who is called; offline unless said. Best two.")
    ] = None,
    judge: Annotated[list[str] | None, typer.Option(metavar="SPEC", help="Who judges; several are a panel.")] = None,
    baseline: Annotated[str, typer.Option(metavar="NAME", help="Compared with first; else the first candidate.")] = "",
    scenarios: Annotated[Path | None, typer.Option(help="Scenarios from a file instead of held-out scripts.")] = None,
    dataset: Annotated[Path | None, typer.Option(help="Take the scripts that this data set holds out.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=2, help="Draw from the whole library instead, for models not trained on it.")
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="Pairs of profile and strategy a held-out script.")] = 3,
    trials: Annotated[int, typer.Option(min=1, help="Calls a scenario, candidate and merchant.")] = 1,
    max_turns: Annotated[int, typer.Option(min=2, help="A call is cut off after so many turns of both sides.")] = 40,
    language: Annotated[LanguageName | None, typer.Option(help="Only this language.")] = None,
    seed: Annotated[int, typer.Option(help="Decides which scripts are held out, and every call.")] = 0,
    retest: Annotated[float, typer.Option(min=0, max=1, help="Share of the calls that are judged twice.")] = 0.1,
    calibrate: Annotated[
        int, typer.Option(min=0, help="Good calls a language that are judged with planted faults and without.")
    ] = 0,
    labels: Annotated[Path | None, typer.Option(help="What people said, as study score writes it.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls, then questions, at once.")] = None,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many model calls.")] = None,
    max_total_tokens: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many tokens.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep every model reply in this cassette.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Answer from this cassette; no network.")] = None,
) -> None:
    """Compare candidates (the paper's Table 2): they play the same calls, judges say yes or no to six metrics.

    A candidate's SPEC is openai:MODEL, openai:MODEL@BASE_URL, local:FILE.gguf, local:DIR (a fine-tuning) or offline,
    told profile and strategy only; prompted+SPEC is the same model under the expert's long prompt, the paper's
    baseline. A merchant's SPEC may be plain+SPEC, without a mind. Without --judge, outcomes and measures are compared
    alone.
    """
    from telerole.catalog import Catalog
    from telerole.errors import InputError
    from telerole.evaluation.evaluate import evaluate as run
    from telerole.evaluation.scenarios import held_out
    from telerole.evaluation.showing import show_evaluation
    from telerole.report import write_report

    spoken: Language | None = language.value if language else None
    if sum(one is not None for one in (scenarios, dataset, sample)) > 1:
        raise InputError("name the calls once: --scenarios FILE, --dataset DIR or --sample N")
    if scenarios is not None:
        planned = [one for one in Catalog.bundled().scenarios(scenarios) if spoken in (None, one.language)]
    elif sample is not None:
        planned = Catalog.bundled().sample(sample, seed, spoken)
    else:
        planned = held_out(dataset=dataset, each=each, seed=seed, language=spoken)
    result = run(
        _chairs(candidate, "candidate"),
        planned,
        judge or (),
        merchants=_chairs(merchant, "merchant") if merchant else None,
        baseline=baseline,
        trials=trials,
        max_turns=max_turns,
        seed=seed,
        retest=retest,
        calibrate=calibrate,
        labels=_labels(labels),
        out=out,
        concurrency=concurrency,
        progress=True,
        **means(max_calls, max_total_tokens, record, replay),
    )
    screen = console()
    show_evaluation(screen, result)
    screen.print(f"Results: {out}", soft_wrap=True)
    try:
        page, _ = write_report(out, evaluation=result, sessions=shown(out, result, TO_READ))
        screen.print(f"Report: {page}; `telerole report` adds the data set, the study and the online test to it")
    except InputError as error:
        screen.print(f"No report: {error}", soft_wrap=True)


def _labels(path: Path | None) -> list[Label]:
    from telerole.errors import FileError
    from telerole.evaluation.calibration.labels import read_labels

    if path is None:
        return []
    found, faults = read_labels(path)
    if faults:
        raise FileError(path, faults)
    return found


def _chairs(given: list[str], what: str) -> dict[str, str]:
    from telerole.errors import InputError

    chairs: dict[str, str] = {}
    for name, spec in map(_named, given):
        if name in chairs:
            raise InputError(f"two of --{what} have the name {name!r}; name them apart: --{what} NAME=SPEC")
        chairs[name] = spec
    return chairs


def _named(text: str) -> tuple[str, str]:
    """``NAME=SPEC`` in its parts; a SPEC alone is its own name, without the signs that no folder may have."""
    name, sign, spec = text.partition("=")
    if sign and not re.search(r"[:+@/]", name):
        return name.strip(), spec.strip()
    return re.sub(r"[^\w.+-]+", "-", text), text
