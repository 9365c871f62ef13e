"""Attention items: calls with a planted fault that nobody who reads them overlooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import comb

from telerole.evaluation.calibration.faults import Planted, plant
from telerole.evaluation.calibration.results import METRIC_OF
from telerole.evaluation.played import Played
from telerole.evaluation.study.key import Plan
from telerole.evaluation.study.results import attentive


@dataclass(frozen=True, slots=True)
class Trap:
    """A call that was played, and what it was made into."""

    played: Played
    planted: Planted


def traps(candidates: Sequence[Played], number: int, plan: Plan) -> Iterator[Trap]:
    """So many attention items: the metrics' faults in turn, each in a call of its own, the first candidates first.

    Fewer where too few candidates can bear a fault.
    """
    faults = [fault for fault, metric in METRIC_OF.items() if metric in plan.metrics]
    left = list(candidates)
    for fault in islice(cycle(plan.random("faults").sample(faults, len(faults))), number):
        for place, one in enumerate(left):
            if planted := plant(one.example, fault, plan.seed):
                del left[place]
                yield Trap(one, planted)
                break


def passed_by_coin(number: int) -> float:
    """How likely somebody who tosses a coin passes two thirds of so many attention items."""
    ways = sum(comb(number, passed) for passed in range(number + 1) if attentive(passed, number))
    return float(ways / 2**number)
