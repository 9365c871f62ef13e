"""The command line's root, and what its commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

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
    """Where commands print."""
    from rich.console import Console

    return Console()
