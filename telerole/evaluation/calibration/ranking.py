"""Whether rates that were put right still tell two systems apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

from telerole.evaluation.calibration.results import Corrected, CorrectedDifference, Method
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.statistics.intervals import Estimate, Interval, recovered, z_value
from telerole.evaluation.statistics.multiplicity import holm


class Two(NamedTuple):
    """Two systems, and how their rates were put right."""

    baseline: str
    treatment: str
    method: Method


class Apart(NamedTuple):
    """How far the rates of two systems lie apart in a metric, and the p of that."""

    difference: float
    interval: Interval
    p: float


def corrected_differences(corrected: Iterable[Corrected]) -> Iterator[CorrectedDifference]:
    """Each two systems whose rates in a metric were put right by one method, in the order of the systems.

    The interval joins those of the two rates as independent ones (`recovered`, Zou and Donner 2008): each system has
    labels of its own. Scenarios that both played make it rather too long. p is that of a normal difference whose
    interval reaches as far towards 0: two-sided, of z = 1.96 |difference| / reach.
    """
    found: dict[Two, dict[Metric, Apart]] = {}
    for two, metric, apart in _apart(corrected):
        found.setdefault(two, {})[metric] = apart
    for two, metrics in found.items():
        adjusted = holm({metric: apart.p for metric, apart in metrics.items()})
        for metric, apart in metrics.items():
            yield CorrectedDifference(
                metric=metric,
                method=two.method,
                baseline=two.baseline,
                treatment=two.treatment,
                difference=apart.difference,
                low=apart.interval.low,
                high=apart.interval.high,
                p=apart.p,
                holm=adjusted[metric],
            )


def _apart(corrected: Iterable[Corrected]) -> Iterator[tuple[Two, Metric, Apart]]:
    groups: dict[tuple[Metric, Method], dict[str, Estimate]] = {}
    for one in corrected:
        if one.rate:
            groups.setdefault((one.metric, one.method), {})[one.system] = one.rate
    for (metric, method), rates in groups.items():
        for (first, one_rate), (second, other) in combinations(rates.items(), 2):
            yield Two(first, second, method), metric, _difference(one_rate, other)


def _difference(first: Estimate, second: Estimate) -> Apart:
    one, two = (Interval(rate.low, rate.high) for rate in (first, second))
    interval = recovered(first.value, one, second.value, two, 0.0)
    difference = second.value - first.value
    reach = difference - interval.low if difference > 0 else interval.high - difference
    return Apart(difference, interval, _p(abs(difference), reach))


def _p(difference: float, reach: float) -> float:
    if not reach:
        return 0.0 if difference else 1.0
    return 2 * NormalDist().cdf(-z_value() * difference / reach)
