"""Looking at a running test as often as one likes: intervals and p that hold at every look together.

Both come from the mixture likelihood ratio Λ = √(V/(V+τ²)) exp(τ² d² / 2V(V+τ²)) of a difference d with variance V
against none, a normal prior of standard deviation τ (Robbins 1970; Johari, Pekelis and Walsh 2022, mSPRT). V is
estimated from the counts, as Waudby-Smith et al. (2024) justify; here from (events + ½) / (calls + 1).
"""

from __future__ import annotations

from math import exp, log, sqrt

from telerole.errors import InputError
from telerole.evaluation.statistics.counts import Arm
from telerole.evaluation.statistics.intervals import LEVEL, Interval


def sequential_interval(baseline: Arm, treatment: Arm, scale: float, level: float = LEVEL) -> Interval:
    """The interval of p2 - p1 at this look: at all looks together it covers the true difference at least as said.

    d ± √(V(V+τ²)/τ² · (2 ln(1/α) + ln((V+τ²)/V))). τ is `scale`, fixed before the first look: the difference that the
    test is to find, such as 0.01. Any τ is valid; the interval is narrowest where V is some τ²/8.
    """
    difference, variance = _observed(baseline, treatment)
    tau2 = _squared(scale)
    reach = sqrt(variance * (variance + tau2) / tau2 * (2 * log(1 / (1 - level)) + log((variance + tau2) / variance)))
    return Interval(max(-1.0, difference - reach), min(1.0, difference + reach))


def always_valid_p(baseline: Arm, treatment: Arm, scale: float) -> float:
    """The p of no difference at this look, min(1, 1/Λ): below α at any look with a chance of at most α.

    It is below α exactly where `sequential_interval` leaves out 0. The smallest of all looks so far is valid too.
    """
    difference, variance = _observed(baseline, treatment)
    tau2 = _squared(scale)
    exponent = -tau2 * difference**2 / (2 * variance * (variance + tau2))
    return min(1.0, sqrt((variance + tau2) / variance) * exp(exponent))


def _observed(baseline: Arm, treatment: Arm) -> tuple[float, float]:
    """The difference of the rates, and its variance from rates that are kept off 0 and 1."""
    if min(baseline.calls, treatment.calls) <= 0:
        raise InputError("a look needs calls in both arms")
    difference, variance = treatment.events / treatment.calls - baseline.events / baseline.calls, 0.0
    for arm in (baseline, treatment):
        near = (arm.events + 0.5) / (arm.calls + 1)
        variance += near * (1 - near) / arm.calls
    return difference, variance


def _squared(scale: float) -> float:
    if scale <= 0:
        raise InputError(f"the scale of a sequential test is a difference above 0, not {scale:g}")
    return scale**2
