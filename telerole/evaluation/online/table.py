"""Two arms of an online test compared: the paper's Table 3, with what its figures rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from telerole.errors import InputError, nearest
from telerole.evaluation.online.calls import METRICS, Call, Metric
from telerole.evaluation.statistics.counts import Arm, TestName, difference_test, relative_improvement
from telerole.evaluation.statistics.intervals import Estimate, Interval, newcombe
from telerole.evaluation.statistics.multiplicity import FINDING, holm
from telerole.records import Record

LONG = 20.0  # seconds; some three turns of both sides (paper 5.3)
LOWER_IS_BETTER: frozenset[Metric] = frozenset({"ai_suspicion"})


class Rates(Record):
    """One metric of both arms: events in calls, the difference of the rates, their ratio, and p.

    `difference` is Newcombe's interval of treatment - baseline. `change` is treatment / baseline - 1
    (`relative_improvement`), below 0 where the rate falls, of AI suspicion too; None where an arm has no event. `test`
    names the test of p (`difference_test`).
    """

    baseline: Arm
    treatment: Arm
    difference: Interval
    change: Estimate | None
    test: TestName
    p: float


class Row(Rates):
    """A row of the table: of all calls, or only of those of 20 seconds or more (`long`). `holm` is p among all rows.

    `better` says whether the treatment is the better one, None where Holm's p is not below 0.05; a lower AI suspicion
    is better. `bounds` has a row of long calls: between what the change may really lie (`selection_bounds`).
    """

    metric: Metric
    long: bool
    holm: float
    better: bool | None
    bounds: Interval | None


class ABTest(Record):
    """An online test: how many calls of each arm are long, a row for each metric known, and what to beware of."""

    baseline: str
    treatment: str
    lasting: Rates
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


def ab(calls: Iterable[Call], *, baseline: str, treatment: str) -> ABTest:
    """Compare two arms. A metric is told where both have a call for which it is known, other arms are left out.

    Raises `InputError` where an arm has no call.
    """
    arms = _arms(calls, baseline, treatment)
    lasting = _rates(*(Arm(sum(call.duration >= LONG for call in arm), len(arm)) for arm in arms))
    found: dict[tuple[Metric, bool], Rates] = {}
    for long, metric in product((False, True), METRICS):
        counts = _counts(arms, metric, long)
        if all(arm.calls for arm in counts):
            found[metric, long] = _rates(*counts)
    adjusted = holm({row: rates.p for row, rates in found.items()})
    rows = tuple(_row(*row, rates, adjusted[row], lasting) for row, rates in found.items())
    return ABTest(
        baseline=baseline,
        treatment=treatment,
        lasting=lasting,
        rows=rows,
        warnings=tuple(_warnings(arms, lasting, rows)),
    )


def selection_bounds(baseline: Arm, treatment: Arm, lasting: Rates) -> Interval | None:
    """Between what the relative change lies in calls that are long whoever makes them (Lee 2009, trimming).

    Counts are of long calls. The arm that makes more calls long has some that the other would have lost: a share e of
    its long ones, 1 - the smaller share of long calls / the larger. Without them its rate p lies between (p - e) /
    (1 - e) and p / (1 - e). Each bound is as far off by sampling as `relative_improvement` is; that of e is left out.
    None where an arm has no event, or the baseline's rate may be 0.
    """
    shares = lasting.baseline.events / lasting.baseline.calls, lasting.treatment.events / lasting.treatment.calls
    change = relative_improvement(baseline, treatment)
    if change is None:
        return None
    before, after = (
        _trimmed(arm.events / arm.calls, max(0.0, 1 - min(shares) / share))
        for arm, share in zip((baseline, treatment), shares, strict=True)
    )
    if before.low == 0:
        return None
    below, above = (1 + change.low) / (1 + change.value), (1 + change.high) / (1 + change.value)
    return Interval(below * after.low / before.high - 1, above * after.high / before.low - 1)


def _trimmed(rate: float, excess: float) -> Interval:
    return Interval(max(0.0, (rate - excess) / (1 - excess)), min(1.0, rate / (1 - excess)))


def _arms(calls: Iterable[Call], *names: str) -> tuple[list[Call], list[Call]]:
    by_arm: dict[str, list[Call]] = {}
    for call in calls:
        by_arm.setdefault(call.arm, []).append(call)
    for name in names:
        if name not in by_arm:
            hint = nearest(name, by_arm) or f"; the arms are {', '.join(sorted(by_arm)) or 'none'}"
            raise InputError(f"no call was made by {name!r}{hint}")
    baseline, treatment = names
    if baseline == treatment:
        raise InputError(f"baseline and treatment are both {baseline!r}")
    return by_arm[baseline], by_arm[treatment]


def _counts(arms: Sequence[Sequence[Call]], metric: Metric, long: bool) -> list[Arm]:
    """Each arm's events and calls for which the metric is known."""
    known = ([getattr(call, metric) for call in arm if call.duration >= LONG or not long] for arm in arms)
    return [Arm(values.count(True), values.count(True) + values.count(False)) for values in known]


def _rates(baseline: Arm, treatment: Arm) -> Rates:
    test, p = difference_test(baseline, treatment)
    return Rates(
        baseline=baseline,
        treatment=treatment,
        difference=newcombe(*baseline, *treatment),
        change=relative_improvement(baseline, treatment),
        test=test,
        p=p,
    )


def _row(metric: Metric, long: bool, rates: Rates, adjusted: float, lasting: Rates) -> Row:
    lower = rates.treatment.events / rates.treatment.calls < rates.baseline.events / rates.baseline.calls
    return Row(
        **dict(rates),
        metric=metric,
        long=long,
        holm=adjusted,
        better=lower == (metric in LOWER_IS_BETTER) if adjusted < FINDING else None,
        bounds=selection_bounds(rates.baseline, rates.treatment, lasting) if long else None,
    )


def _warnings(arms: Sequence[Sequence[Call]], lasting: Rates, rows: Sequence[Row]) -> Iterator[str]:
    if any(row.long for row in rows):
        shares = " and ".join(f"{arm.events / arm.calls:.1%}" for arm in (lasting.baseline, lasting.treatment))
        yield (
            f"a call gets to {LONG:g} s by what the arm says: {shares} of the calls do (p {lasting.p:.2g}), so rows of "
            f"{LONG:g} s or more may compare different merchants; the rows of all calls do not"
        )
    times = Counter(call.lead for arm in arms for call in arm if call.lead)
    if again := sum(count > 1 for count in times.values()):
        yield f"{again} leads were called more than once, and the tests take every call for independent"
    if few := sum(row.test != "z" for row in rows):
        yield f"{few} of {len(rows)} rows rest on fewer than 50 events: their tests are exact, their changes vague"
