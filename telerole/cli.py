"""The command line: parses, calls, prints. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Telemarketing calls between a salesperson and a merchant: training data for a sales model, and tests of it.",
)


class LanguageName(StrEnum):
    """The languages, as options take them."""

    en = "en"
    zh = "zh"


def main() -> None:
    """Run the command line; what the user got wrong is one clear message and exit code 2."""
    from telerole.errors import TeleroleError

    try:
        app()
    except TeleroleError as error:
        print(f"telerole: {error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == 130:  # how typer ends on Ctrl-C
            print("telerole: stopped; what was finished is kept, and the same command goes on", file=sys.stderr)
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)


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
    max_turns: Annotated[int, typer.Option(min=2, help="A call is cut off after so many turns of both sides.")] = 30,
    temperature: Annotated[float | None, typer.Option(min=0, help="The models' sampling temperature.")] = None,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many model calls.")] = None,
    max_total_tokens: Annotated[int | None, typer.Option(min=1, help="Budget: stop after so many tokens.")] = None,
    rpm: Annotated[float | None, typer.Option(min=1, help="At most so many requests a minute, each endpoint.")] = None,
    tpm: Annotated[float | None, typer.Option(min=1, help="At most so many tokens a minute, each endpoint.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep every model reply in this cassette.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Answer from this cassette; no network.")] = None,
) -> None:
    """Play calls into a run folder.

    SPEC is offline, local, local:FILE.gguf, openai:MODEL, openai:MODEL@BASE_URL, human, or candidate+SPEC for a
    model in the salesperson's chair that is told only profile and strategy.
    """
    from telerole.backends.base import Sampling
    from telerole.backends.budget import Budget
    from telerole.backends.cassette import Cassette
    from telerole.catalog import Catalog
    from telerole.display import show_totals
    from telerole.errors import InputError
    from telerole.simulator import Simulator

    if (sample is None) == (scenarios is None):
        raise InputError("name the scenarios: either --sample N or --scenarios FILE")
    if record and replay:
        raise InputError("--record and --replay exclude each other")
    catalog = Catalog.bundled()
    if scenarios is not None:
        planned = [one for one in catalog.scenarios(scenarios) if language in (None, one.language)]
    else:
        planned = catalog.sample(sample or 1, seed, language.value if language else None)
    tape = record or replay
    simulator = Simulator(
        salesperson or backend or "offline",
        merchant or backend or "offline",
        seed=seed,
        max_turns=max_turns,
        sampling=Sampling(temperature=temperature),
        budget=Budget(calls=max_calls, tokens=max_total_tokens) if max_calls or max_total_tokens else None,
        cassette=Cassette(tape, mode="record" if record else "replay") if tape else None,
        requests_per_minute=rpm,
        tokens_per_minute=tpm,
    )
    console = _console()
    run = simulator.run_many(planned, trials=trials, concurrency=concurrency, out=out, progress=True)
    simulator.close()
    totals = run.totals()
    show_totals(console, totals)
    console.print(f"Results: {out}", soft_wrap=True)
    if totals.failures:
        unfinished = out / "failures.jsonl"
        console.print(f"What could not be finished: {unfinished}; the same command tries it again", soft_wrap=True)
    if left := len(planned) * trials - totals.sessions - totals.failures.total():
        console.print(f"Not begun: {left} calls; the same command with a larger budget goes on")


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Where the two run folders go.")] = Path("runs/demo")) -> None:
    """The main job on the embedded default: 40 training calls, and 20 with a candidate, in Chinese and English."""
    from telerole.catalog import Catalog
    from telerole.display import show_session, show_totals
    from telerole.simulator import Simulator

    console = _console()
    sample = Catalog.bundled().sample
    training = Simulator("offline", "offline", seed=1).run_many(sample(40, seed=1), out=out / "training", progress=True)
    trial = Simulator("candidate+offline", "offline", seed=2).run_many(
        sample(20, seed=2), out=out / "candidate", progress=True
    )
    for language, reason in (("en", "goal_reached"), ("zh", "merchant_goodbye")):
        calls = [session for session in training if session.language == language]
        show_session(console, next((call for call in calls if call.end.reason == reason), calls[0]))
    for title, run in (("Training calls", training), ("Calls with a candidate", trial)):
        console.print(title, style="bold")
        show_totals(console, run.totals())
    made, tried = out / "training", out / "candidate"
    console.print(f"Results: {made} and {tried}; read on with `telerole show {made}`", soft_wrap=True)


@app.command()
def show(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    session: Annotated[str | None, typer.Argument(metavar="[ID]", help="One session; without it all.")] = None,
) -> None:
    """Read a run: its table, or one call."""
    from telerole.display import show_run, show_session
    from telerole.runs import RunFolder

    folder = RunFolder.read(run)
    if session is None:
        show_run(_console(), folder)
    else:
        show_session(_console(), folder.session(session))


@app.command(name="list")
def list_() -> None:
    """What the library holds: personas, strategies, profile templates, seed scripts."""
    from telerole.catalog import Catalog
    from telerole.display import show_table

    catalog, console = Catalog.bundled(), _console()
    people = sorted(catalog.personas.values(), key=lambda one: (one.role, one.language, one.id))
    show_table(
        console,
        ("persona", "role", "language", "temperament"),
        [(p.id, p.role, p.language, p.temperament) for p in people],
    )
    show_table(
        console,
        ("strategy", "language", "title", "steps"),
        [(s.id, s.language, s.title, str(len(s.flow))) for s in catalog.strategies.values()],
    )
    show_table(
        console,
        ("profile template", "language", "fields"),
        [(t.id, t.language, ", ".join(t.fields)) for t in catalog.templates.values()],
    )
    show_table(
        console, ("script", "language", "title"), [(s.id, s.language, s.title) for s in catalog.scripts.values()]
    )


@app.command()
def check(path: Annotated[Path, typer.Argument(help="A file or a folder of personas, strategies, scripts, …")]) -> None:
    """Check files: every fault with its line or field, and the nearest right name."""
    from telerole import checking

    for file, held in checking.check(path).items():
        print(f"{file}: {held}")


@app.command()
def doctor(
    reach: Annotated[str | None, typer.Option(metavar="BASE_URL", help="Also ask this server for its models.")] = None,
) -> None:
    """What is installed, what is missing, and what to do about it. Exit code 1 where something needed is broken."""
    from telerole.display import show_table
    from telerole.doctor import examine

    findings = examine(reach=reach)
    marks = {True: "ok", False: "BROKEN", None: "–"}
    show_table(
        _console(),
        ("", "what", "found", "what to do"),
        [(marks[finding.ok], finding.name, finding.detail, finding.fix) for finding in findings],
    )
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


@app.command(name="install-model")
def install_model() -> None:
    """Install llama.cpp and the small model that `local` uses by default (about 100 MB)."""
    from telerole.backends import local

    local.install_model()
    print("installed; try: telerole simulate --backend local --sample 1 --max-turns 6 --out runs/local")


def _console() -> Console:
    from rich.console import Console

    return Console()
