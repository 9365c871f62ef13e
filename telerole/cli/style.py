"""How spoken a run's calls are, against real telephone talk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telerole.cli.app import LanguageName, app, console

if TYPE_CHECKING:
    from telerole.style import Style

WORDS = {
    "short_turns": "turns of three words or fewer",
    "fillers": "fillers per 100 words",
    "backchannels": "turns that only listen",
    "stock_phrases": "turns with a stock phrase",
    "length": "words a turn",
    "median_length": "words a turn, median",
}


@app.command()
def style(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    language: Annotated[LanguageName | None, typer.Option(help="Only this language.")] = None,
) -> None:
    """How far a run's calls are from real telephone talk, per language and role."""
    from telerole.display import show_table
    from telerole.errors import InputError
    from telerole.runs import read
    from telerole.style import measure_calls, target

    calls = (call for call in read(run) if language in (None, call.language))
    measured = measure_calls(calls)
    if not measured:
        raise InputError(f"{run}: holds no finished call{f' in {language.value!r}' if language else ''}")
    screen = console()
    for (spoken, role), ours in measured.items():
        real = target(spoken, role)
        screen.print(f"{spoken}, {role}: {ours.turns} turns", style="bold")
        show_table(screen, ("", "ours", "real", "ours / real", "within a third"), _rows(ours, real.style))
        screen.print(f"real: {real.source}, {real.calls} calls, {real.style.turns} turns; {real.note}", soft_wrap=True)


def _rows(ours: Style, real: Style) -> Iterator[tuple[str, ...]]:
    from telerole.style import gap, near

    judged = {figure: "yes" if good else "NO" for figure, good in near(ours, real).items()}
    for figure, difference in gap(ours, real).items():
        values = (_value(figure, getattr(ours, figure)), _value(figure, getattr(real, figure)))
        yield (WORDS[figure], *values, f"{1 + difference:.2f}", judged.get(figure, ""))


def _value(figure: str, value: float) -> str:
    return f"{value:.1%}" if figure in ("short_turns", "backchannels", "stock_phrases") else f"{value:.1f}"
