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
)
from telerole.evaluation.played import Played
from telerole.evaluation.playing import Plays
from telerole.evaluation.rates import scores
from telerole.evaluation.results import System
from telerole.evaluation.statistics.intervals import Estimate
from telerole.evaluation.statistics.paired import clustered_rate
from telerole.outcome import OUTCOMES, Outcome, outcome, seconds, suspected_ai
from telerole.records import LANGUAGES, Language
from telerole.runs import Totals
from telerole.session import Payer, Usage


def describe(plays: Sequence[Plays], measured: Sequence[SessionMeasures], seed: int) -> System:
    """One system, over all its merchants; `measured` has the measures of each of its calls, in the order of `plays`."""
    played = [one for each in plays for one in each.played]
    return System(
        name=plays[0].system,
        played_by=plays[0].salesperson,
        sessions=len(played),
        unfinished=sum(each.totals.failures.total() for each in plays),
        outcomes=dict(_outcomes(played)),
        suspected_ai=clustered_rate(scores((one.script, suspected_ai(one.example.session)) for one in played)),
        seconds=fmean(seconds(one.example.session) for one in played),
        measures=dict(_measures(played, measured, seed)),
        lengths=dict(_lengths(played)),
        usage=_usage([each.totals for each in plays]),
    )


def _outcomes(played: Sequence[Played]) -> Iterator[tuple[Outcome, Estimate]]:
    came_to = [(one.script, outcome(one.example.session)) for one in played]
    for name in OUTCOMES:
        yield name, clustered_rate(scores((script, was == name) for script, was in came_to))


def _measures(
    played: Sequence[Played], measured: Sequence[SessionMeasures], seed: int
) -> Iterator[tuple[Language, dict[str, float | None]]]:
    for language, examples in _spoken(played):
        measures = [one for one in measured if one.language == language]
        sessions = [one.example.session for one in examples]
        varied = {f"fair_distinct_{n}": fair_distinct(sessions, "salesperson", n, seed=seed) for n in (1, 2)}
        entropy = opening_entropy(sessions)
        # `turns` are those of the call, not of the side.
        side = {name: value for name, value in role_means(measures, "salesperson").items() if name != "turns"}
        yield language, means(measures) | side | varied | {"opening_entropy": entropy}


def _lengths(played: Sequence[Played]) -> Iterator[tuple[Language, dict[int, int]]]:
    for language, examples in _spoken(played):
        counts = Counter(length for one in examples for length in turn_lengths(one.example.session, "salesperson"))
        yield language, dict(sorted(counts.items()))


def _spoken(played: Sequence[Played]) -> Iterator[tuple[Language, list[Played]]]:
    for language in LANGUAGES:
        if found := [one for one in played if one.example.session.language == language]:
            yield language, found


def _usage(totals: Sequence[Totals]) -> dict[Payer, Usage]:
    spent = Totals()
    for one in totals:
        spent.spend(one.usage)
    return spent.usage
