"""A system without a judge: what its calls came to, how they measure, what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean

from telerole.evaluation.measures import (
    SessionMeasures,
    fair_distinct,
    means,
    opening_entropy,
    role_means,
    turn_lengths,
    value_of,
)
from telerole.evaluation.played import Played
from telerole.evaluation.playing import Plays
from telerole.evaluation.rates import scores
from telerole.evaluation.results import System
from telerole.evaluation.statistics.intervals import Estimate, Interval
from telerole.evaluation.statistics.paired import clustered_rate, mean_interval
from telerole.outcome import OUTCOMES, Outcome, outcome, seconds, suspected_ai
from telerole.records import LANGUAGES, Language
from telerole.runs import Totals
from telerole.session import Payer, Usage

Calls = Sequence[tuple[Played, SessionMeasures]]
"""A system's calls, each with its measures."""


def describe(plays: Sequence[Plays], calls: Calls, seed: int) -> System:
    """One system, over all its merchants; `calls` are those of `plays`."""
    played = [one for one, _ in calls]
    return System(
        name=plays[0].system,
        played_by=plays[0].salesperson,
        sessions=len(played),
        unfinished=sum(each.planned - len(each.played) for each in plays),
        outcomes=dict(_outcomes(played)),
        suspected_ai=clustered_rate(scores((one.script, suspected_ai(one.example.session)) for one in played)),
        seconds=fmean(seconds(one.example.session) for one in played),
        measures={language: _means(spoken, seed) for language, spoken in _spoken(calls)},
        reach={language: dict(_reach(spoken)) for language, spoken in _spoken(calls)},
        lengths={language: _lengths(spoken) for language, spoken in _spoken(calls)},
        usage=_usage([each.totals for each in plays]),
    )


def _outcomes(played: Sequence[Played]) -> Iterator[tuple[Outcome, Estimate]]:
    came_to = [(one.script, outcome(one.example.session)) for one in played]
    for name in OUTCOMES:
        yield name, clustered_rate(scores((script, was == name) for script, was in came_to))


def _means(calls: Calls, seed: int) -> dict[str, float | None]:
    sessions = [one.example.session for one, _ in calls]
    varied = {f"fair_distinct_{n}": fair_distinct(sessions, "salesperson", n, seed=seed) for n in (1, 2)}
    return _of_session(calls) | varied | {"opening_entropy": opening_entropy(sessions)}


def _of_session(calls: Calls) -> dict[str, float | None]:
    measured = [one for _, one in calls]
    # `turns` are those of the call, not of the side.
    side = {name: value for name, value in role_means(measured, "salesperson").items() if name != "turns"}
    return means(measured) | side


def _reach(calls: Calls) -> Iterator[tuple[str, Interval]]:
    for name in _of_session(calls):
        by_script = scores((one.script, value_of(measured, name)) for one, measured in calls)
        if interval := mean_interval(by_script):
            yield name, interval


def _lengths(calls: Calls) -> dict[int, int]:
    counts = Counter(length for one, _ in calls for length in turn_lengths(one.example.session, "salesperson"))
    return dict(sorted(counts.items()))


def _spoken(calls: Calls) -> Iterator[tuple[Language, Calls]]:
    for language in LANGUAGES:
        if found := [one for one in calls if one[1].language == language]:
            yield language, found


def _usage(totals: Sequence[Totals]) -> dict[Payer, Usage]:
    spent = Totals()
    for one in totals:
        spent.spend(one.usage)
    return spent.usage
