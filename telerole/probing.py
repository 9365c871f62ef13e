"""Probing a merchant: does it tell a good salesperson from a bad one?

Five counterfactual salespeople (`agents.probes`) call the same merchants in the same scenarios with the same seeds, so
that they meet the same moods and the same disturbances. A merchant worth training or testing with must take to them in
the expected order; one that is nice to everybody tests nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile, zip_longest
from statistics import fmean, median, stdev

from telerole.agents.mind import mind_after, mind_along
from telerole.agents.probes import PROBES
from telerole.catalog import Catalog
from telerole.chairs import Chair
from telerole.errors import InputError
from telerole.outcome import Outcome, outcome, resistance
from telerole.persona import Persona
from telerole.records import Language
from telerole.scenario import Scenario
from telerole.session import Session
from telerole.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Probed:
    """What one probe's calls came to. `interest` and `won` go by call, in the order of the scenarios.

    `exit_turn` is the median number of turns, `by_turn` the mean interest after each line of the salesperson among the
    calls that were still going on.
    """

    probe: str
    interest: tuple[float, ...]
    won: tuple[bool, ...]
    exit_turn: float
    outcomes: Counter[Outcome]
    resistance: float
    by_turn: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Contrast:
    """One probe against the next worse one, call by call.

    One-sided: `p_interest` of the mean difference in final interest (`mean_test`), `p_won` of who won the call where
    the two differ (`sign_test`, which is McNemar's exact test).
    """

    better: str
    worse: str
    p_interest: float
    p_won: float


def probe(
    persona: Persona | None = None,
    *,
    calls: int = 200,
    seed: int = 0,
    language: Language | None = None,
    merchant: Chair = "offline",
    catalog: Catalog | None = None,
) -> list[Probed]:
    """Call a merchant, or all those of the library, with each of the five probes, best first.

    `merchant` is who words the merchant's lines (a SPEC or a `Backend`); the mind decides in any case. A call that one
    probe could not finish counts for none of them. Raises `InputError` where no call was finished by all five.
    """
    scenarios = (catalog or Catalog.bundled()).sample(calls, seed, language, persona=persona)
    found: dict[str, dict[str, Session]] = {}
    why = ""
    for name, salesperson in PROBES.items():
        simulator = Simulator(salesperson, merchant, seed=seed)
        run = simulator.run_many(scenarios)
        simulator.close()
        found[name] = {session.scenario_id: session for session in run}
        why = why or next((failure.message for failure in run.failures()), "")
    shared = [one for one in scenarios if all(one.id in sessions for sessions in found.values())]
    if not shared:
        raise InputError(f"no call was finished by all five probes; the first that failed: {why}")
    return [_probed(name, [(one, sessions[one.id]) for one in shared]) for name, sessions in found.items()]


def contrasts(probed: Sequence[Probed]) -> list[Contrast]:
    """Each probe against the next; the calls are paired by scenario and seed."""
    return [
        Contrast(one.probe, other.probe, mean_test(one.interest, other.interest), sign_test(one.won, other.won))
        for one, other in pairwise(probed)
    ]


def trend_test(columns: Sequence[Sequence[float]]) -> float:
    """The p of all columns being in order at once, best first: Page's trend test, by its normal approximation.

    Each column holds one value a call, all in the order of the calls. Ties make it cautious.
    """
    rows = list(zip(*reversed(columns), strict=True))
    k, n = len(columns), len(rows)
    statistic = sum((place + 1) * rank for row in rows for place, rank in enumerate(_ranks(row)))
    mean, variance = n * k * (k + 1) ** 2 / 4, n * k**2 * (k + 1) * (k**2 - 1) / 144
    return 0.5 * math.erfc((statistic - mean) / math.sqrt(2 * variance))


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, ties sharing the mean of theirs."""
    return [sum(other < one for other in values) + (sum(other == one for other in values) + 1) / 2 for one in values]


def mean_test(better: Sequence[float], worse: Sequence[float]) -> float:
    """One-sided p of the mean difference of paired values, by the normal approximation; 1 where none differs.

    Where all n differ by the same it is exact: one of the 2^n ways to swap the two within pairs differs as much.
    """
    differences = [one - other for one, other in zip(better, worse, strict=True)]
    spread = stdev(differences) if len(differences) > 1 else 0.0
    if not spread:
        return 1.0 if fmean(differences) <= 0 else 0.5 ** len(differences)
    return 0.5 * math.erfc(fmean(differences) / spread * math.sqrt(len(differences) / 2))


def sign_test(better: Sequence[float], worse: Sequence[float]) -> float:
    """One-sided exact sign test for paired values, ties left out; with yes and no it is McNemar's exact test."""
    wins = sum(one > other for one, other in zip(better, worse, strict=True))
    losses = sum(one < other for one, other in zip(better, worse, strict=True))
    pairs = wins + losses
    return float(sum(math.comb(pairs, k) for k in range(wins, pairs + 1)) / 2**pairs)


def _probed(name: str, calls: Sequence[tuple[Scenario, Session]]) -> Probed:
    minds = [mind_after(scenario, session.turns, session.seed) for scenario, session in calls]
    came_to = [outcome(session) for _, session in calls]
    return Probed(
        name,
        tuple(mind.interest for mind in minds),
        tuple(one == "high_intention" for one in came_to),
        median(len(session.turns) for _, session in calls),
        Counter(came_to),
        fmean(resistance(session) for _, session in calls),
        _by_turn(calls),
    )


def _by_turn(calls: Sequence[tuple[Scenario, Session]]) -> tuple[float, ...]:
    """Mean interest after the salesperson's first, second, … line, as long as a tenth of the calls go on."""
    along = [
        [mind.interest for mind in mind_along(scenario, session.turns, session.seed)][::2]
        for scenario, session in calls
    ]
    lines = zip_longest(*along)
    going_on = ([interest for interest in line if interest is not None] for line in lines)
    return tuple(fmean(line) for line in takewhile(lambda line: len(line) >= max(1, len(calls) / 10), going_on))
