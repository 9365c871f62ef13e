"""What a set of calls came to, and when merchants walk away. The order of the sessions changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from telerole.outcome import OUTCOMES, Outcome, outcome, seconds
from telerole.records import Record
from telerole.session import Session

WALKED_OUT = frozenset({"merchant_hangup", "merchant_goodbye"})


class Exits(Record):
    """When merchants walk away: the share of calls, and the median turns and seconds of those; None without any."""

    share: float
    turns: float | None
    seconds: float | None


def outcome_rates(sessions: Sequence[Session]) -> dict[Outcome, float]:
    """The share of the sessions with each outcome (`outcome.outcome`), from 0 to 1; they sum to 1 (paper 5.3)."""
    came_to = Counter(map(outcome, sessions))
    return {name: came_to[name] / len(sessions) for name in OUTCOMES}


def exits(sessions: Sequence[Session]) -> Exits:
    """How soon merchants walk away: calls that ended in `merchant_hangup` or `merchant_goodbye`.

    Seconds are those of `outcome.seconds`. Calls that ended otherwise have no such moment and are left out.
    """
    left = [one for one in sessions if one.end.reason in WALKED_OUT]
    return Exits(
        share=len(left) / len(sessions),
        turns=median(len(one.turns) for one in left) if left else None,
        seconds=median(map(seconds, left)) if left else None,
    )
