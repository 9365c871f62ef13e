"""How many sessions, calls or pairs a comparison needs."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from telerole.errors import InputError


def sessions_an_arm(
    p1: float, p2: float, *, power: float = 0.8, alpha: float = 0.05, design_effect: float = 1.0
) -> int:
    """Sessions in each arm to tell rate `p1` from `p2` with a two-sided test, to the nearest whole number.

    (z_α √(2p̄(1-p̄)) + z_β √(p1(1-p1) + p2(1-p2)))² / (p2-p1)² times the design effect, p̄ the mean of the two (Fleiss,
    Levin and Paik 2003, without the correction for continuity). Raises `InputError` for equal rates.
    """
    if p1 == p2:
        raise InputError("no number of sessions tells two equal rates apart")
    z_alpha, z_beta, middle = *_quantiles(alpha, power), (p1 + p2) / 2
    reach = z_alpha * sqrt(2 * middle * (1 - middle)) + z_beta * sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return round(design_effect * (reach / (p2 - p1)) ** 2)


def pairs(first_only: float, second_only: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Pairs for McNemar's two-sided test, to the nearest whole number (Connor 1987).

    `first_only` and `second_only` are the shares of pairs that succeed under one system only, s their sum and d their
    difference: (z_α √s + z_β √(s - d²))² / d². Raises `InputError` for equal shares.
    """
    if first_only == second_only:
        raise InputError("no number of pairs tells two equal shares apart")
    z_alpha, z_beta = _quantiles(alpha, power)
    discordant, difference = first_only + second_only, second_only - first_only
    reach = z_alpha * sqrt(discordant) + z_beta * sqrt(discordant - difference**2)
    return round((reach / difference) ** 2)


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    return NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
