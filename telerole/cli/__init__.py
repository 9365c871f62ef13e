"""The command line: parses, calls, prints. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from telerole.cli import (
    ab,
    calls,
    cleaning,
    evaluate,
    export,
    library,
    machine,
    measure,
    noise,
    population,
    probe,
    report,
    serve,
    style,
    synthesis,
    train,
)
from telerole.cli.app import app
from telerole.cli.persona import persona_app
from telerole.cli.study import study_app

__all__ = [
    "ab",
    "app",
    "calls",
    "cleaning",
    "evaluate",
    "export",
    "library",
    "machine",
    "main",
    "measure",
    "noise",
    "persona_app",
    "population",
    "probe",
    "report",
    "serve",
    "study_app",
    "style",
    "synthesis",
    "train",
]

app.add_typer(persona_app, name="persona")
app.add_typer(study_app, name="study")


def main() -> None:
    """Run the command line; what the user got wrong is one clear message and exit code 2."""
    from telerole.errors import TeleroleError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that has no Chinese shows marks in its place
            stream.reconfigure(errors="replace")
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
