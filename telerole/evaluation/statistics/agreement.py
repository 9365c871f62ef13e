"""How far raters agree, and how far a judge agrees with people.

Where nearly every item is rated the same, kappa and alpha fall to 0 however well raters agree, and AC1 does not; so all
are told together (Feinstein and Cicchetti 1990; Gwet 2008).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from telerole.errors import InputError
from telerole.evaluation.statistics.intervals import LEVEL, Estimate, rate
from telerole.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 2_000
PRIOR = 2.0  # items' worth of what might have been said

Ratings = Sequence[Sequence[Hashable | None]]
"""An item a row, in it what each rater said; None where a rater said nothing."""


class Tally(NamedTuple):
    """Ratings counted. `votes` has a row for each pattern that occurs: how many raters chose each category.

    `items` has how many items show each pattern, of shape (..., patterns): several data sets at once.
    """

    votes: Floats
    items: Floats


class Agreement(Record):
    """Every coefficient with its bootstrap interval over items; None where it is not defined.

    The bootstrap is Bayesian (Rubin 1981): items weigh as a Dirichlet draw says. To the items it adds the weight of
    two, spread over what raters might have said: all the same, or all but one (`PRIOR`). With two categories and three
    raters that is Jeffreys' half for each pattern. Without it 95 % intervals cover 58 to 76 % of the time at 50 items
    of which 3 % are disputed. An interval is widened to its estimate where that lies outside.
    """

    percent: Estimate
    kappa: Estimate | None
    alpha: Estimate | None
    ac1: Estimate | None


class Accuracy(Record):
    """A judge against the truth, each share with Wilson's interval; None where there is no such item."""

    sensitivity: Estimate | None
    specificity: Estimate | None


def agreement(ratings: Ratings, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Agreement:
    """How far raters agree, by four coefficients. Raises `InputError` where no item has two ratings."""

    if not any(sum(said is not None for said in row) >= 2 for row in ratings):
        raise InputError("agreement needs an item with two ratings")
    counted = tally(ratings)
    possible = _possible(counted)
    votes = np.concatenate([counted.votes, possible])
    items = np.concatenate([counted.items, np.zeros(len(possible))])
    prior = np.concatenate([np.zeros(len(counted.items)), np.full(len(possible), PRIOR / len(possible))])

    def estimate(coefficient: Callable[[Tally], Floats]) -> Estimate:
        return _bootstrapped(lambda drawn: coefficient(Tally(votes, drawn)), items, prior, level, resamples, seed)

    return Agreement(
        percent=estimate(percent_agreement),
        kappa=_defined(estimate(fleiss_kappa)),
        alpha=_defined(estimate(krippendorff_alpha)),
        ac1=_defined(estimate(gwet_ac1)),
    )


def tally(ratings: Ratings) -> Tally:
    """Count the ratings; there are two categories at least, as a yes or no has even where all say yes."""
    seen = list(dict.fromkeys(value for row in ratings for value in row if value is not None))
    rows = Counter(tuple(row.count(value) for value in seen) for row in map(list, ratings))
    votes = np.array(list(rows), dtype=float).reshape(len(rows), len(seen))
    return Tally(np.pad(votes, ((0, 0), (0, max(0, 2 - len(seen))))), np.array(list(rows.values()), dtype=float))


def percent_agreement(tally: Tally) -> Floats:
    """The share of pairs of ratings of one item that are the same, the mean over items with two or more: P_a.

    An item's share is Σ_k n_k(n_k - 1) / n(n - 1), n_k of its n ratings being category k.
    """
    paired = _with_two(tally)
    n = paired.votes.sum(axis=1)
    same = (paired.votes * (paired.votes - 1)).sum(axis=1) / (n * (n - 1))
    return _ratio(paired.items @ same, paired.items.sum(axis=-1))


def fleiss_kappa(tally: Tally) -> Floats:
    """(P_a - P_e) / (1 - P_e), P_e = Σ π_k², π_k the mean over items of category k's share (Fleiss 1971).

    Where items have different numbers of ratings an item weighs the same whatever it has (Gwet 2014).
    """
    return _beyond_chance(tally, (_shares(tally) ** 2).sum(axis=-1))


def gwet_ac1(tally: Tally) -> Floats:
    """(P_a - P_e) / (1 - P_e), P_e = Σ π_k(1 - π_k) / (q - 1) with q categories (Gwet 2008)."""
    shares = _shares(tally)
    return _beyond_chance(tally, (shares * (1 - shares)).sum(axis=-1) / (tally.votes.shape[1] - 1))


def krippendorff_alpha(tally: Tally) -> Floats:
    """Nominal alpha, 1 - D_o / D_e, of items with two ratings or more (Krippendorff 2004, chapter 11).

    D_o = 1 - Σ_items Σ_k n_k(n_k - 1) / (n - 1) / N and D_e = 1 - Σ_k N_k(N_k - 1) / N(N - 1), N all ratings, N_k those
    of category k.
    """
    paired = _with_two(tally)
    same = (paired.votes * (paired.votes - 1)).sum(axis=1) / (paired.votes.sum(axis=1) - 1)
    by_category = paired.items @ paired.votes
    total = by_category.sum(axis=-1)
    observed = 1 - _ratio(paired.items @ same, total)
    expected = 1 - _ratio((by_category * (by_category - 1)).sum(axis=-1), total * (total - 1))
    return 1 - _ratio(observed, expected)


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate | None:
    """Two raters' (P_o - P_e) / (1 - P_e), P_e = Σ_k p1_k p2_k (Cohen 1960), with a bootstrap interval over items.

    None where both say one and the same of everything.
    """
    seen = list(dict.fromkeys([*first, *second]))
    if (q := len(seen)) < 2:
        return None
    pairs = Counter(zip(first, second, strict=True))

    def kappa(cells: Floats) -> Floats:
        table = cells.reshape(*cells.shape[:-1], q, q) / cells.sum(axis=-1)[..., None, None]
        observed = np.trace(table, axis1=-2, axis2=-1)
        expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1)
        return _ratio(observed - expected, 1 - expected)

    cells = np.array([pairs[one, other] for one in seen for other in seen], dtype=float)
    return _defined(_bootstrapped(kappa, cells, np.full(q * q, PRIOR / (q * q)), level, resamples, seed))


def accuracy(truth: Sequence[bool], judged: Sequence[bool], level: float = LEVEL) -> Accuracy:
    """Sensitivity, the share of good items judged good, and specificity, that of bad items judged bad."""
    verdicts = Counter(zip(truth, judged, strict=True))
    good, bad = verdicts[True, True] + verdicts[True, False], verdicts[False, True] + verdicts[False, False]
    return Accuracy(
        sensitivity=rate(verdicts[True, True], good, level) if good else None,
        specificity=rate(verdicts[False, False], bad, level) if bad else None,
    )


def _possible(tally: Tally) -> Floats:
    """The patterns of one whole item: all its raters choose one category, or all but one do."""
    one, raters = np.eye(tally.votes.shape[1]), float(tally.votes.sum(axis=1).max())
    possible: Floats = ((raters - 1) * one[:, None] + one).reshape(-1, len(one))
    return possible


def _bootstrapped(
    coefficient: Callable[[Floats], Floats], items: Floats, prior: Floats, level: float, resamples: int, seed: int
) -> Estimate:
    """The coefficient of how many items show each pattern, and its interval."""
    value, n = float(coefficient(items)), int(items.sum())
    drawn = np.random.default_rng(seed).dirichlet(items + prior, resamples) * n
    low, high = np.nanquantile(coefficient(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value=value, low=min(value, float(low)), high=max(value, float(high)), n=n)


def _defined(estimate: Estimate) -> Estimate | None:
    return None if np.isnan(estimate.value) else estimate


def _with_two(tally: Tally) -> Tally:
    """Only the patterns of two ratings or more."""
    two = tally.votes.sum(axis=1) >= 2
    return Tally(tally.votes[two], tally.items[..., two])


def _shares(tally: Tally) -> Floats:
    """Each category's share of an item's ratings, the mean over items that have any."""
    rated = tally.votes.sum(axis=1) >= 1
    votes, items = tally.votes[rated], tally.items[..., rated]
    shares: Floats = items @ (votes / votes.sum(axis=1, keepdims=True)) / items.sum(axis=-1)[..., None]
    return shares


def _beyond_chance(tally: Tally, by_chance: Floats) -> Floats:
    return _ratio(percent_agreement(tally) - by_chance, 1 - by_chance)


def _ratio(above: Floats, below: Floats) -> Floats:
    """`above` / `below`; not a number where that is nothing."""
    nothing = np.abs(below) < 1e-12
    return np.where(nothing, np.nan, above / np.where(nothing, 1.0, below))
