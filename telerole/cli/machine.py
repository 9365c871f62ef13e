"""Commands about this machine: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

from telerole.cli.app import app, console


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
        console(),
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
