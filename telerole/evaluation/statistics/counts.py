"""Two arms of an online test, from how many events each had in how many calls."""

from __future__ import annotations

from math import exp, log, sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

from telerole.errors import InputError
from telerole.evaluation.statistics.intervals import LEVEL, Estimate, z_value

FEW = 50  # fewer events than this in both arms together, and the test is exact
SMALL = 300  # calls an arm up to which Barnard's test is quick

TestName = Literal["z", "fisher", "barnard"]


class Arm(NamedTuple):
    """Events in calls. A re-analysis of published rates may have fractions of events."""

    events: float
    calls: float


class ZTest(NamedTuple):
    """The z of a difference, and its two-sided p."""

    z: float
    p: float


class Difference(NamedTuple):
    """Which test was made, and its two-sided p."""

    test: TestName
    p: float


def two_proportion_z(baseline: Arm, treatment: Arm, design_effect: float = 1.0) -> ZTest:
    """(p2 - p1) / √(p̄(1-p̄)(1/n1 + 1/n2)), p̄ of both arms together (Pearson's chi-square is its square).

    With sessions that share scripts z is divided by √(design effect) (Rao and Scott 1992). Where nothing, or
    everything, is an event z is 0.
    """
    if min(baseline.calls, treatment.calls) <= 0:
        raise InputError("a comparison needs calls in both arms")
    pooled = (baseline.events + treatment.events) / (baseline.calls + treatment.calls)
    error = sqrt(pooled * (1 - pooled) * (1 / baseline.calls + 1 / treatment.calls) * design_effect)
    difference = treatment.events / treatment.calls - baseline.events / baseline.calls
    z = difference / error if error else 0.0
    return ZTest(z, 2 * NormalDist().cdf(-abs(z)))


def fisher(baseline: Arm, treatment: Arm) -> float:
    """Fisher's exact two-sided p: tables with the same margins that are no likelier than this one (Fisher 1935)."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(_table(baseline, treatment)).pvalue)


def barnard(baseline: Arm, treatment: Arm) -> float:
    """Barnard's exact two-sided p, the largest over the common rate, ordered by the pooled z (Barnard 1945).

    Stronger than Fisher's, as the events of both arms together are not held fixed; slow above a few hundred calls.
    """
    from scipy.stats import barnard_exact

    return float(barnard_exact(_table(baseline, treatment)).pvalue)


def difference_test(baseline: Arm, treatment: Arm) -> Difference:
    """The test that fits the counts: exact below 50 events in both arms together, else the two-proportion z.

    What does not happen counts as an event where it is the rarer. Exact is Barnard's up to 300 calls an arm, Fisher's
    above.
    """
    events, calls = baseline.events + treatment.events, baseline.calls + treatment.calls
    if min(events, calls - events) >= FEW:
        return Difference("z", two_proportion_z(baseline, treatment).p)
    if max(baseline.calls, treatment.calls) <= SMALL:
        return Difference("barnard", barnard(baseline, treatment))
    return Difference("fisher", fisher(baseline, treatment))


def relative_improvement(baseline: Arm, treatment: Arm, level: float = LEVEL) -> Estimate | None:
    """p2 / p1 - 1 with the interval of the log ratio (Katz et al. 1978); None where an arm has no event.

    exp(ln(p2/p1) ± z √(1/x1 - 1/n1 + 1/x2 - 1/n2)) - 1, x events in n calls.
    """
    if not baseline.events or not treatment.events:
        return None
    ratio = (treatment.events / treatment.calls) / (baseline.events / baseline.calls)
    variance = sum(1 / arm.events - 1 / arm.calls for arm in (baseline, treatment))
    reach = z_value(level) * sqrt(variance)
    return Estimate(
        value=ratio - 1,
        low=exp(log(ratio) - reach) - 1,
        high=exp(log(ratio) + reach) - 1,
        n=round(baseline.calls + treatment.calls),
    )


def _table(baseline: Arm, treatment: Arm) -> list[list[int]]:
    """Arms as columns, what scipy's exact tests take: whole events, so fractions of them are rounded."""
    arms = [(round(arm.events), round(arm.calls)) for arm in (baseline, treatment)]
    return [[events for events, _ in arms], [calls - events for events, calls in arms]]
