"""Commands that play calls and read them back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import LanguageName, app, console, means


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="The run folder; a folder that was begun is gone on with.")],
    sample: Annotated[int | None, typer.Option(min=1, help="Draw this many scenarios from the library.")] = None,
    scenarios: Annotated[Path | None, typer.Option(help="Scenarios from a file instead.")] = None,
    seed: Annotated[int, typer.Option(help="Decides the sample and every call.")] = 0,
    language: Annotated[LanguageName | None, typer.Option(help="Only this language.")] = None,
    backend: Annotated[str | None, typer.Option(metavar="SPEC", help="Who sits in both chairs.")] = None,
    salesperson: Annotated[str | None, typer.Option(metavar="SPEC", help="Who sells.")] = None,
    merchant: Annotated[str | None, typer.Option(metavar="SPEC", help="Who is called.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Calls a scenario.")] = 1,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls at once; 64 unless said.")] = None,
    max_turns: Annotated[int, typer.Option(min=2, help="A call is cut off after so many turns of both sides.")] = 40,
    mind: Annotated[
        str,
        typer.Option(metavar="SPEC", help="Who reads for a model's merchant: rules, a model, or none."),
    ] = "rules",
    director: Annotated[bool, typer.Option(help="Tell a model that sells the plan's next step.")] = True,
    lost: Annotated[float, typer.Option(min=0, max=1, help="Share of words that the line loses.")] = 0.0,
    interruptions: Annotated[float, typer.Option(min=0, max=1, help="How often a long line is cut into.")] = 0.0,
    temperature: Annotated[float | None, typer.Option(min=0, help="The models' sampling temperature.")] = None,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many model calls.")] = None,
    max_total_tokens: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many tokens.")] = None,
    rpm: Annotated[float | None, typer.Option(min=1, help="At most so many requests a minute, each endpoint.")] = None,
    tpm: Annotated[float | None, typer.Option(min=1, help="At most so many tokens a minute, each endpoint.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep every model reply in this cassette.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Answer from this cassette; no network.")] = None,
) -> None:
    """Play calls into a run folder.

    SPEC is offline, local, local:FILE.gguf, local:DIR (a fine-tuning), openai:MODEL, openai:MODEL@BASE_URL, human, or
    candidate+SPEC for a model in the salesperson's chair that is told only profile and strategy; a merchant that was
    fine-tuned is trained+SPEC.
    """
    from telerole.backends.base import Sampling
    from telerole.catalog import Catalog
    from telerole.channel import Channel
    from telerole.display import show_totals
    from telerole.errors import InputError
    from telerole.simulator import Simulator

    if (sample is None) == (scenarios is None):
        raise InputError("name the scenarios: either --sample N or --scenarios FILE")
    catalog = Catalog.bundled()
    if scenarios is not None:
        planned = [one for one in catalog.scenarios(scenarios) if language in (None, one.language)]
    else:
        planned = catalog.sample(sample or 1, seed, language.value if language else None)
    simulator = Simulator(
        salesperson or backend or "offline",
        merchant or backend or "offline",
        seed=seed,
        max_turns=max_turns,
        mind=None if mind == "none" else mind,
        director=director,
        channel=Channel(lost, interruptions) if lost or interruptions else None,
        sampling=Sampling(temperature=temperature),
        requests_per_minute=rpm,
        tokens_per_minute=tpm,
        **means(max_calls, max_total_tokens, record, replay),
    )
    screen = console()
    run = simulator.run_many(planned, trials=trials, concurrency=concurrency, out=out, progress=True)
    simulator.close()
    totals = run.totals()
    show_totals(screen, totals)
    screen.print(f"Results: {out}", soft_wrap=True)
    if totals.failures:
        unfinished = out / "failures.jsonl"
        screen.print(f"What could not be finished: {unfinished}; the same command tries it again", soft_wrap=True)
    if left := len(planned) * trials - totals.sessions - totals.failures.total():
        screen.print(f"Not begun: {left} calls; the same command with a larger budget goes on")


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Where the two run folders go.")] = Path("runs/demo")) -> None:
    """The main job on the embedded default: 40 training calls, and 20 with a candidate, in Chinese and English."""
    from telerole.catalog import Catalog
    from telerole.display import show_session, show_totals
    from telerole.simulator import Simulator

    screen = console()
    sample = Catalog.bundled().sample
    training = Simulator("offline", "offline", seed=1).run_many(sample(40, seed=1), out=out / "training", progress=True)
    trial = Simulator("candidate+offline", "offline", seed=2).run_many(
        sample(20, seed=2), out=out / "candidate", progress=True
    )
    for language, reason in (("en", "goal_reached"), ("zh", "merchant_goodbye")):
        calls = [session for session in training if session.language == language]
        show_session(screen, next((call for call in calls if call.end.reason == reason), calls[0]))
    for title, run in (("Training calls", training), ("Calls with a candidate", trial)):
        screen.print(title, style="bold")
        show_totals(screen, run.totals())
    made, tried = out / "training", out / "candidate"
    screen.print(f"Results: {made} and {tried}; read on with `telerole show {made}`", soft_wrap=True)


@app.command()
def show(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    session: Annotated[str | None, typer.Argument(metavar="[ID]", help="One session; without it all.")] = None,
) -> None:
    """Read a run: its table, or one call."""
    from telerole.display import show_run, show_session
    from telerole.runs import read

    folder = read(run)
    if session is None:
        show_run(console(), folder)
    else:
        show_session(console(), folder.session(session))
