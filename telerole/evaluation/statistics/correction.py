"""Rates from a judge that errs, put right with labels by people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt

from telerole.errors import InputError
from telerole.evaluation.statistics.agreement import Accuracy
from telerole.evaluation.statistics.intervals import LEVEL, Estimate, Interval, newcombe_paired, wilson, z_value


def rogan_gladen(judged: Estimate, accuracy: Accuracy, level: float = LEVEL) -> Estimate:
    """The true rate behind a judge's: θ = (p + q0 - 1) / (q0 + q1 - 1), from 0 to 1 (Rogan and Gladen 1978).

    `judged` is the share p judged good of n items; q1 the judge's sensitivity over m1 labels, q0 its specificity over
    m0. The interval is that of Lee et al. 2025 (arXiv 2511.21140): of p with z²/2 added to the good and z² to all, of
    q0 and q1 with 1 and 2, θ + dθ ± z se, where

        se = √(p(1-p)/n + (1-θ)² q0(1-q0)/m0 + θ² q1(1-q1)/m1) / (q0 + q1 - 1)
        dθ = 2z² (θ q1(1-q1)/m1 - (1-θ) q0(1-q0)/m0)

    Raises `InputError` where a class has no label, or the judge is no better than chance: q0 + q1 ≤ 1.
    """
    if accuracy.sensitivity is None or accuracy.specificity is None:
        raise InputError("a judge's rate is put right with labels of both kinds; there are only good, or only bad ones")
    q1, m1 = accuracy.sensitivity.value, accuracy.sensitivity.n
    q0, m0 = accuracy.specificity.value, accuracy.specificity.n
    theta = _true_rate(judged.value, q0, q1)
    low, high = _lee(judged.value, judged.n, q0, m0, q1, m1, z_value(level))
    return Estimate(value=min(1.0, max(0.0, theta)), low=low, high=high, n=judged.n)


def prediction_powered_rate(
    judged: Sequence[bool], labels: Sequence[bool], judged_labelled: Sequence[bool], level: float = LEVEL
) -> Estimate:
    """The rate of many judged items, put right by what the judge got wrong on a few that people labelled too.

    θ = mean(judged) + mean(labels - judged_labelled), from 0 to 1 (Angelopoulos et al. 2023, prediction-powered
    inference). The labelled items are a random sample and none of `judged`. For few labels the interval joins Wilson's
    of the first mean and Newcombe's paired one of the second (Zou and Donner 2008) in place of normal ones.
    """
    if not judged or not labels:
        raise InputError("a prediction-powered rate needs judged items and labelled ones")
    seen = Counter(zip(labels, judged_labelled, strict=True))
    shift = (seen[True, False] - seen[False, True]) / len(labels)
    second = newcombe_paired(seen[True, True], seen[False, True], seen[True, False], seen[False, False], level)
    mean, first = sum(judged) / len(judged), wilson(sum(judged), len(judged), level)
    value = mean + shift
    low = value - sqrt((mean - first.low) ** 2 + (shift - second.low) ** 2)
    high = value + sqrt((first.high - mean) ** 2 + (second.high - shift) ** 2)
    return Estimate(value=_within(value), low=_within(low), high=_within(high), n=len(judged) + len(labels))


def _true_rate(p: float, q0: float, q1: float) -> float:
    if q0 + q1 <= 1:
        raise InputError(
            f"the judge is no better than chance: sensitivity {q1:.2f} + specificity {q0:.2f} is not above 1, so its "
            "rate cannot be put right"
        )
    return (p + q0 - 1) / (q0 + q1 - 1)


def _lee(p: float, n: int, q0: float, m0: int, q1: float, m1: int, z: float) -> Interval:
    p, n_more = (n * p + z**2 / 2) / (n + z**2), n + z**2
    q0, q1 = (m0 * q0 + 1) / (m0 + 2), (m1 * q1 + 1) / (m1 + 2)
    theta = _true_rate(p, q0, q1)
    from_bad, from_good = q0 * (1 - q0) / (m0 + 2), q1 * (1 - q1) / (m1 + 2)
    error = sqrt(p * (1 - p) / n_more + (1 - theta) ** 2 * from_bad + theta**2 * from_good) / (q0 + q1 - 1)
    middle = theta + 2 * z**2 * (theta * from_good - (1 - theta) * from_bad)
    return Interval(_within(middle - z * error), _within(middle + z * error))


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
