"""In which order raters see calls: each an order of their own, and systems counter-balanced in it.

A rater's order has as many periods as there are systems. In each period a match is shown once, by the system that a
Latin square says: match i in period p by system i + p + r for rater r. So over the raters the systems of a match come
first as evenly as can be. Inside a period, systems come in blocks that hold each once, in a drawn order (permuted
blocks).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from telerole.errors import InputError
from telerole.evaluation.study.sampling import Match

TRIES = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """An item as the order sees it: its id, and the scenario that its neighbours must not have."""

    item: str
    scenario: str


def deal(drawn: Sequence[Match], raters: int, overlap: float) -> list[list[Match]]:
    """Each rater's matches: a share `overlap` goes to all, the rest one by one to each in turn."""
    common = round(overlap * len(drawn))
    return [[*drawn[:common], *drawn[common + rater :: raters]] for rater in range(raters)]


def order(
    dealt: Sequence[Match],
    systems: Sequence[str],
    rater: int,
    shown: Mapping[str, Shown],
    attention: Sequence[Shown],
    random: Random,
) -> list[str]:
    """One rater's items in order; `shown` has each call by its `Played.id`, `rater` counts from 0.

    Where all S systems made every call, systems stand equally often, within S // 2 + 1, in every beginning of it,
    attention items apart. Those are spread evenly, each somewhere in its stretch. Calls of one scenario never stand
    next to each other; raises `InputError` where no such order is found.
    """
    for _ in range(TRIES):
        with suppress(_StuckError):
            calls = list(_periods(dealt, systems, rater, shown, random))
            return [one.item for one in _with_attention(calls, attention, random)]
    raise InputError(
        f"calls of one scenario would stand next to each other: {len({one.scenario for one in dealt})} scenarios are "
        "too few; give calls of more, or a larger overlap"
    )


class _StuckError(Exception):
    """Only calls of the scenario just shown are left."""


def _periods(
    dealt: Sequence[Match], systems: Sequence[str], rater: int, shown: Mapping[str, Shown], random: Random
) -> Iterator[Shown]:
    last = ""
    for period in range(len(systems)):
        waiting: dict[str, list[Match]] = {system: [] for system in systems}
        for index, match in enumerate(dealt):
            system = systems[(index + period + rater) % len(systems)]
            if system in match.calls:
                waiting[system].append(match)
        for system in _blocks({system: len(found) for system, found in waiting.items()}, random):
            match = _another(waiting[system], last, random)
            waiting[system].remove(match)
            last = match.scenario
            yield shown[match.calls[system].id]


def _blocks(counts: dict[str, int], random: Random) -> Iterator[str]:
    """Systems in blocks that hold once each that is not used up; a last block may hold some alone."""
    for block in range(max(counts.values(), default=0)):
        there = [system for system, count in counts.items() if count > block]
        yield from random.sample(there, len(there))


def _another(waiting: Sequence[Match], last: str, random: Random) -> Match:
    fit = [match for match in waiting if match.scenario != last]
    if not fit:
        raise _StuckError
    return random.choice(fit)


def _with_attention(calls: Sequence[Shown], attention: Sequence[Shown], random: Random) -> list[Shown]:
    """The calls with one attention item in each of as many equal stretches, from the last to the first."""
    placed = list(calls)
    for number, one in reversed(list(enumerate(random.sample(attention, len(attention))))):
        first, end = (len(calls) * edge // len(attention) for edge in (number, number + 1))
        fit = [at for at in range(first, end) if one.scenario not in _neighbours(placed, at)]
        if not fit:
            raise _StuckError
        placed.insert(random.choice(fit), one)
    return placed


def _neighbours(placed: Sequence[Shown], at: int) -> set[str]:
    return {one.scenario for one in placed[max(0, at - 1) : at + 1]}
