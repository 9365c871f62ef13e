"""How often the intervals cover what they should, at nominal 95 %: exactly, or by drawing data again and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from telerole.evaluation.statistics import (
    Accuracy,
    Arm,
    Estimate,
    agreement,
    always_valid_p,
    cluster_bootstrap,
    clustered_interval,
    clustered_rate,
    compare_rates,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    mean_interval,
    newcombe,
    percent_agreement,
    prediction_powered_rate,
    rate,
    relative_improvement,
    rogan_gladen,
    sequential_interval,
    tally,
    two_proportion_z,
    wilson,
)

SIZES = (30, 50, 100, 300, 1000)


def scores(values: np.ndarray) -> dict[str, list[float]]:
    """Values of shape (scripts, sessions) by script."""
    return {f"s{index}": row.tolist() for index, row in enumerate(values.astype(float))}


def judge(sensitivity: tuple[int, int], specificity: tuple[int, int]) -> Accuracy:
    return Accuracy(sensitivity=rate(*sensitivity), specificity=rate(*specificity))


def test_wilsons_interval_covers_averaged_over_neighbouring_rates() -> None:
    """Exact, from the binomial distribution: a single rate is hit more or less often as counts jump past it."""
    for n in SIZES:
        ends = np.array([wilson(k, n) for k in range(n + 1)])
        for low, high in ((0.5, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.99), (0.98, 0.999)):
            rates = np.linspace(low, high, 60)
            inside = (ends[:, :1] <= rates) & (rates <= ends[:, 1:])
            chance = stats.binom.pmf(np.arange(n + 1)[:, None], n, rates)
            assert 0.93 <= (chance * inside).sum(axis=0).mean() <= 0.97


def test_where_wilson_misses_at_a_single_rate_no_interval_of_a_count_can_do_it() -> None:
    """At n = 50 and .99 the counts of failures up to 1 have 91 % of the chance, those up to 2 98.6 %."""
    steps = stats.binom.cdf(range(5), 50, 0.01)
    assert not any(0.93 <= step <= 0.97 for step in steps)
    assert stats.binom.pmf(range(1, 5), 50, 0.01).sum() < 0.93  # nor can one that leaves out 0


@pytest.mark.parametrize("n", [30, 50, 100, 300])
def test_newcombes_interval_covers(n: int) -> None:
    """Exact; wider than need be where fewer than five failures are expected, never too narrow."""
    ends = np.array([[newcombe(x, n, y, n) for y in range(n + 1)] for x in range(n + 1)])
    for p1, p2 in (
        (0.5, 0.5),
        (0.5, 0.7),
        (0.7, 0.77),
        (0.8, 0.9),
        (0.9, 0.9),
        (0.9, 0.95),
        (0.95, 0.99),
        (0.99, 0.99),
    ):
        chance = np.outer(stats.binom.pmf(range(n + 1), n, p1), stats.binom.pmf(range(n + 1), n, p2))
        inside = (ends[..., 0] <= p2 - p1) & (p2 - p1 <= ends[..., 1])
        assert_covers((chance * inside).sum(), n * (1 - p2))


def assert_covers(share: float, failures: float, noise: float = 0.0) -> None:
    """Between 93 and 97 %; above it only where fewer than five failures are expected."""
    assert share >= 0.93 - noise
    assert share <= 0.97 + noise or failures < 5


def nested(rng: np.random.Generator, scripts: int, sessions: int, p1: float, p2: float) -> list[np.ndarray]:
    """Two systems' sessions nested in the same scripts, ICC about .3 on the scale of a rate."""
    easy = rng.standard_normal((scripts, 1))
    drawn = (math.sqrt(0.4) * easy + math.sqrt(0.6) * rng.standard_normal((scripts, sessions)) for _ in range(2))
    return [values < stats.norm.ppf(p) for values, p in zip(drawn, (p1, p2), strict=True)]


@pytest.mark.parametrize("sessions", [1, 3])
@pytest.mark.parametrize("scripts", [30, 100, 300])
def test_the_interval_of_two_systems_on_the_same_scripts_covers(scripts: int, sessions: int) -> None:
    rng = np.random.default_rng(scripts + sessions)
    for p1, p2 in ((0.5, 0.5), (0.7, 0.77), (0.9, 0.94), (0.95, 0.99), (0.99, 0.99)):
        hits = 0
        for _ in range(500):
            low, high = clustered_interval(*map(scores, nested(rng, scripts, sessions, p1, p2)))
            hits += low <= p2 - p1 <= high
        assert_covers(hits / 500, scripts * sessions * (1 - p2), noise=0.015)


@pytest.mark.parametrize("sessions", [1, 3])
@pytest.mark.parametrize("scripts", [30, 100, 300])
def test_the_interval_of_one_systems_rate_over_scripts_covers(scripts: int, sessions: int) -> None:
    rng = np.random.default_rng(scripts + sessions)
    for p in (0.5, 0.7, 0.8, 0.9, 0.95):
        hits = 0
        for _ in range(800):
            found = clustered_rate(scores(nested(rng, scripts, sessions, p, p)[0]))
            hits += found.low <= p <= found.high
        assert_covers(hits / 800, scripts * sessions * (1 - p), noise=0.015)


@pytest.mark.parametrize("scripts", [50, 150])
def test_the_cluster_bootstrap_covers_away_from_the_ends(scripts: int) -> None:
    rng = np.random.default_rng(scripts)
    hits = 0
    for _ in range(500):
        one, two = map(scores, nested(rng, scripts, 3, 0.7, 0.77))
        low, high = cluster_bootstrap(one, two, resamples=500)
        hits += low <= 0.77 - 0.7 <= high
    assert_covers(hits / 500, math.inf, noise=0.015)


@pytest.mark.parametrize("scripts", [18, 60])
def test_the_interval_of_a_mean_covers_when_scripts_differ_and_have_more_or_fewer_sessions(scripts: int) -> None:
    rng = np.random.default_rng(scripts)
    hits = 0
    for _ in range(800):
        values = 10 + rng.standard_normal((scripts, 1)) + rng.standard_normal((scripts, 4))
        found = mean_interval({f"s{n}": row[: rng.integers(1, 5)].tolist() for n, row in enumerate(values)})
        assert found is not None
        hits += found.low <= 10 <= found.high
    assert_covers(hits / 800, math.inf, noise=0.015)


def test_the_interval_of_a_mean_stays_within_the_values_seen() -> None:
    found = mean_interval({"a": [0.0, 0.0], "b": [0.0, 0.1], "c": [0.0, 0.0]})
    assert found is not None
    assert (found.low, 0.02 < found.high <= 0.1) == (0.0, True)


@pytest.mark.parametrize("alike", [{}, {"a": [1.0, 2.0], "b": []}, {"a": [0.0, 0.0], "b": [0.0]}])
def test_where_nothing_varies_between_scripts_a_mean_has_no_interval(alike: dict[str, list[float]]) -> None:
    assert mean_interval(alike) is None


def test_the_permutation_test_keeps_its_level_when_sessions_share_scripts() -> None:
    rng = np.random.default_rng(8)
    small = sum(compare_rates(*map(scores, nested(rng, 60, 3, 0.8, 0.8))).p < 0.05 for _ in range(1000))
    assert small / 1000 < 0.065


@pytest.mark.parametrize(("n", "good", "errs"), [(50, 0.5, 0.1), (50, 0.97, 0.01), (100, 0.8, 0.1), (300, 0.98, 0.005)])
def test_the_intervals_of_agreement_cover(n: int, good: float, errs: float) -> None:
    rng = np.random.default_rng(n)

    def rated(items: int) -> np.ndarray:
        truth = rng.random((items, 1)) < good
        return np.where(rng.random((items, 3)) < errs, ~truth, truth)

    patterns = np.bincount(rated(2_000_000).sum(axis=1), minlength=4)
    votes = np.array([[yes, 3 - yes] for yes in range(4)], dtype=float)
    population = tally([[True] * yes + [False] * (3 - yes) for yes in range(4)])._replace(
        votes=votes, items=patterns.astype(float)
    )
    names: Sequence[tuple[str, Callable[..., Any]]] = (
        ("percent", percent_agreement),
        ("kappa", fleiss_kappa),
        ("alpha", krippendorff_alpha),
        ("ac1", gwet_ac1),
    )
    true = {name: float(coefficient(population)) for name, coefficient in names}
    told: dict[str, list[bool]] = {name: [] for name in true}
    for seed in range(600):
        found = agreement(rated(n).tolist(), resamples=300, seed=seed)
        for name, value in true.items():
            interval: Estimate | None = getattr(found, name)
            told[name].append(interval is None or interval.low <= value <= interval.high)
    for hits in told.values():
        assert_covers(sum(hits) / 600, n * errs * 3, noise=0.015)


@pytest.mark.parametrize(
    ("n", "bad", "good", "true", "specificity", "sensitivity"),
    [
        (300, 50, 50, 0.8, 0.9, 0.95),
        (1000, 30, 70, 0.9, 0.8, 0.9),
        (300, 30, 30, 0.5, 0.9, 0.9),
        (300, 30, 30, 0.95, 0.99, 0.99),
    ],
)
def test_the_interval_of_a_judges_corrected_rate_covers(
    n: int, bad: int, good: int, true: float, specificity: float, sensitivity: float
) -> None:
    rng = np.random.default_rng(n + bad)
    said_good = true * sensitivity + (1 - true) * (1 - specificity)
    hits = 0
    for _ in range(1500):
        known = judge((rng.binomial(good, sensitivity), good), (rng.binomial(bad, specificity), bad))
        found = rogan_gladen(rate(rng.binomial(n, said_good), n), known)
        hits += found.low <= true <= found.high
    assert_covers(hits / 1500, min(good * (1 - sensitivity), bad * (1 - specificity)) * 2, noise=0.011)


@pytest.mark.parametrize(
    ("labelled", "true", "errs"), [(30, 0.8, 0.2), (100, 0.8, 0.1), (300, 0.9, 0.1), (100, 0.99, 0.01)]
)
def test_the_prediction_powered_interval_covers(labelled: int, true: float, errs: float) -> None:
    rng = np.random.default_rng(labelled)
    hits = 0
    for _ in range(1000):
        truth = rng.random(1000 + labelled) < true
        said = np.where(rng.random(len(truth)) < errs, ~truth, truth)
        found = prediction_powered_rate(said[labelled:].tolist(), truth[:labelled].tolist(), said[:labelled].tolist())
        hits += found.low <= true <= found.high
    assert_covers(hits / 1000, labelled * errs, noise=0.013)


@pytest.mark.parametrize(("n", "p1", "p2"), [(300, 0.05, 0.1), (1000, 0.02, 0.04), (300, 0.5, 0.6), (1000, 0.8, 0.9)])
def test_the_interval_of_a_relative_improvement_covers(n: int, p1: float, p2: float) -> None:
    rng = np.random.default_rng(n)
    hits = 0
    for x1, x2 in zip(rng.binomial(n, p1, 4000), rng.binomial(n, p2, 4000), strict=True):
        found = relative_improvement(Arm(x1, n), Arm(x2, n))
        hits += found is None or found.low <= p2 / p1 - 1 <= found.high
    assert_covers(hits / 4000, n * p1, noise=0.007)


@pytest.mark.parametrize(("p1", "p2"), [(0.5, 0.5), (0.02, 0.02), (0.02, 0.03), (0.002, 0.002), (0.9, 0.95)])
def test_the_sequential_interval_covers_at_every_look_together(p1: float, p2: float) -> None:
    rng = np.random.default_rng(round(1000 * p2))
    n = np.arange(50, 10_001, 50)
    held, last, runs = 0, 0, 300
    for _ in range(runs):
        one, two = (np.cumsum(rng.binomial(50, p, len(n))) for p in (p1, p2))
        looks = [sequential_interval(Arm(a, at), Arm(b, at), 0.02) for a, b, at in zip(one, two, n, strict=True)]
        inside = [low <= p2 - p1 <= high for low, high in looks]
        held += all(inside)
        last += inside[-1]
    assert held / runs >= 0.935  # at least 95 %, with this many runs


def test_looking_at_a_plain_test_again_and_again_does_not_keep_its_level_and_the_sequential_one_does() -> None:
    rng = np.random.default_rng(6)
    n = np.arange(100, 10_001, 100)
    plain = valid = 0
    for _ in range(200):
        one, two = (np.cumsum(rng.binomial(100, 0.05, len(n))) for _ in range(2))
        arms = [(Arm(a, at), Arm(b, at)) for a, b, at in zip(one, two, n, strict=True)]
        plain += any(two_proportion_z(*arm).p < 0.05 for arm in arms)
        valid += any(always_valid_p(*arm, 0.01) < 0.05 for arm in arms)
    assert plain / 200 > 0.25
    assert valid / 200 <= 0.075
