"""The command line's root, and what its commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def console() -> Console:
    """Where commands print; what they show are names, paths and texts of others, so nothing is read as markup."""
    from rich.console import Console

    return Console(markup=False)


def means(
    max_calls: int | None, max_total_tokens: int | None, record: Path | None, replay: Path | None
) -> dict[str, Any]:
    """The budget and the cassette that the options ask for."""
    from telerole.backends.budget import Budget
    from telerole.backends.cassette import Cassette
    from telerole.errors import InputError

    if record and replay:
        raise InputError("--record and --replay exclude each other")
    tape = record or replay
    return {
        "budget": Budget(calls=max_calls, tokens=max_total_tokens) if max_calls or max_total_tokens else None,
        "cassette": Cassette(tape, mode="record" if record else "replay") if tape else None,
    }
