"""What playing and judging cost, and how long the calls are."""

from __future__ import annotations

from collections.abc import Iterator

from telerole.evaluation.results import Evaluation
from telerole.report.shape import Cell, Section, columns, plain_table
from telerole.session import Usage


def cost(result: Evaluation) -> Iterator[Section]:
    """The section of what was spent."""
    figures = ("Model calls", "Requests", "Prompt tokens", "of them cached", "Completion tokens")
    spent = plain_table(
        "Model calls and tokens",
        columns(("Whose", "What for"), figures),
        tuple((Cell(whose), Cell(what), *_usage(usage)) for whose, what, usage in _spent(result)),
    )
    talk = plain_table(
        "Talk",
        columns(("System",), ("Calls", "Seconds a call", "Hours of talk")),
        tuple(
            tuple(map(Cell, (one.name, f"{one.sessions:,}", f"{one.seconds:.0f}", _hours(one.sessions * one.seconds))))
            for one in result.systems
        ),
    )
    yield Section("Cost", (spent, talk) if spent.parts[0].rows else (talk,))


def _spent(result: Evaluation) -> Iterator[tuple[str, str, Usage]]:
    for system in result.systems:
        for payer, usage in system.usage.items():
            if usage.attempts:
                yield system.name, payer, usage
    if result.judging.attempts:
        yield "judges", "verdicts", result.judging
    if result.calibration and result.calibration.usage.attempts:
        yield "judges", "calibration", result.calibration.usage


def _usage(one: Usage) -> tuple[Cell, ...]:
    figures = (one.calls, one.attempts, one.prompt_tokens, one.cached_tokens, one.completion_tokens)
    return tuple(Cell(f"{number:,}") for number in figures)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f}"
