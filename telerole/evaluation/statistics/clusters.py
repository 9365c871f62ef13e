"""Sessions nested in scripts: how alike those of one script are, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from statistics import fmean

from telerole.errors import InputError

Scores = Mapping[str, Sequence[float]]
"""Each script's id, and a value for each of its sessions: 1 or 0 for a yes or no, or any measure."""


def intraclass_correlation(scores: Scores) -> float:
    """ICC(1), the share of the variance that lies between scripts: (MSB - MSW) / (MSB + (m0 - 1) MSW).

    MSB and MSW are the mean squares between and within scripts of a one-way analysis of variance; m0 is the mean number
    of sessions a script, (N - Σm²/N) / (k - 1) where they differ (Donner and Koval 1980). Negative where sessions of
    one script are less alike than those of two; 0 where all values are the same. Raises `InputError` with fewer than
    two scripts, or without a script that has two sessions.
    """
    groups = [list(values) for values in scores.values() if values]
    total, k = sum(map(len, groups)), len(groups)
    if k < 2 or total == k:
        raise InputError("an intraclass correlation needs two scripts, and a script with two sessions")
    grand = sum(map(sum, groups)) / total
    between = sum(len(group) * (fmean(group) - grand) ** 2 for group in groups) / (k - 1)
    within = sum((value - fmean(group)) ** 2 for group in groups for value in group) / (total - k)
    m0 = (total - sum(len(group) ** 2 for group in groups) / total) / (k - 1)
    spread = between + (m0 - 1) * within
    return (between - within) / spread if spread else 0.0


def design_effect(sessions_a_script: float, icc: float) -> float:
    """How many times the sessions are needed as when none shared a script: 1 + (m - 1) ICC (Kish 1965)."""
    return 1 + (sessions_a_script - 1) * icc


def pass_hat(scores: Scores, k: int) -> float:
    """pass^k: how likely k sessions of a script all succeed, the mean over scripts of C(c, k) / C(n, k).

    c of a script's n sessions succeed (value 1). Yao et al. 2024 (τ-bench). Raises `InputError` where a script has
    fewer than k sessions, or there is none.
    """
    if not scores:
        raise InputError("pass^k needs at least one script")
    short = [script for script, values in scores.items() if len(values) < k]
    if short:
        raise InputError(f"pass^{k} needs {k} sessions of every script; {short[0]!r} has {len(scores[short[0]])}")
    return fmean(comb(sum(value == 1 for value in values), k) / comb(len(values), k) for values in scores.values())
