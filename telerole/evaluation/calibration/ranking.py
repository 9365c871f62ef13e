"""Whether rates that were put right still tell two systems apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from telerole.evaluation.calibration.results import Corrected, CorrectedDifference
from telerole.evaluation.statistics.intervals import Interval, recovered


def corrected_differences(corrected: Iterable[Corrected]) -> Iterator[CorrectedDifference]:
    """Each two systems whose rates in a metric were put right by one method, in the order of the systems.

    The interval joins those of the two rates as independent ones (`recovered`, Zou and Donner 2008): each system has
    labels of its own. Scenarios that both played make it rather too long.
    """
    groups: dict[tuple[str, str], list[Corrected]] = {}
    for one in corrected:
        groups.setdefault((one.metric, one.method), []).append(one)
    for group in groups.values():
        for first, second in combinations(group, 2):
            if first.rate is None or second.rate is None:
                continue
            low, high = recovered(
                first.rate.value,
                Interval(first.rate.low, first.rate.high),
                second.rate.value,
                Interval(second.rate.low, second.rate.high),
                0.0,
            )
            yield CorrectedDifference(
                metric=first.metric,
                method=first.method,
                baseline=first.system,
                treatment=second.system,
                difference=second.rate.value - first.rate.value,
                low=low,
                high=high,
            )
