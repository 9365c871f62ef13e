"""Watching a running test: looks that stay valid however many there are."""

from __future__ import annotations

from collections.abc import Iterable

from telerole.errors import InputError
from telerole.evaluation.online.calls import Call, Metric
from telerole.evaluation.statistics.counts import Arm
from telerole.evaluation.statistics.intervals import Interval
from telerole.evaluation.statistics.sequential import always_valid_p, sequential_interval
from telerole.records import Record

LOOKS = 20


class Look(Record):
    """What was known after so many calls of both arms: the difference of the rates, and the smallest p so far."""

    baseline: Arm
    treatment: Arm
    difference: Interval
    p: float


def monitor(
    calls: Iterable[Call], *, baseline: str, treatment: str, metric: Metric, scale: float, looks: int = LOOKS
) -> list[Look]:
    """Evenly spaced looks at one metric of all calls, in the order of their times, or as they stand where one has none.

    `scale` is the difference of the rates that the test is to find, fixed before the first look
    (`sequential_interval`). A test may end at the first look whose p is below 0.05. Looks before both arms have a call
    are left out. Raises `InputError` where no look is left.
    """
    known = [call for call in calls if call.arm in (baseline, treatment) and getattr(call, metric) is not None]
    if all(call.time for call in known):
        known.sort(key=_when)
    stops = {round(len(known) * (look + 1) / looks) for look in range(looks)}
    events, made = {baseline: 0, treatment: 0}, {baseline: 0, treatment: 0}
    found: list[Look] = []
    for number, call in enumerate(known, start=1):
        events[call.arm] += bool(getattr(call, metric))
        made[call.arm] += 1
        if number in stops and all(made.values()):
            arms = Arm(events[baseline], made[baseline]), Arm(events[treatment], made[treatment])
            found.append(_look(*arms, scale, found[-1].p if found else 1.0))
    if not found:
        raise InputError(f"there is no look at {metric}: both arms need calls for which it is known")
    return found


def _look(baseline: Arm, treatment: Arm, scale: float, before: float) -> Look:
    return Look(
        baseline=baseline,
        treatment=treatment,
        difference=sequential_interval(baseline, treatment, scale),
        p=min(before, always_valid_p(baseline, treatment, scale)),
    )


def _when(call: Call) -> float:
    return call.time.timestamp() if call.time else 0.0
