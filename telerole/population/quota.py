"""Whole numbers that meet several marginals at once: shares by raking, counts by controlled rounding.

Cells are numbered from 0. Raking (iterative proportional fitting, Deming and Stephan 1940) finds the shares nearest to
the given ones that have the wanted marginals; rounding keeps every marginal's count next to what it should be.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

ROUNDS = 500
CLOSE = 1e-9  # raking ends when no share moves by more
OFF = 0.005  # a share further off than this was not met


class Margin(NamedTuple):
    """Each cell's value, None where the margin does not apply to it, and the share each value is to have."""

    values: Sequence[str | None]
    wanted: Mapping[str, float]


class Miss(NamedTuple):
    """A value whose share, among the cells its margin applies to, is not what it should be."""

    margin: int
    value: str
    wanted: float
    got: float


def rake(shares: Sequence[float], margins: Sequence[Margin]) -> list[float]:
    """The shares nearest to these, in sum 1, that have the wanted marginals, or come near them where they conflict."""
    raked = [share / math.fsum(shares) for share in shares]
    grouped = [(_members(margin), margin.wanted) for margin in margins]
    for _ in range(ROUNDS):
        moved = max([_fit(raked, members, wanted) for members, wanted in grouped], default=0.0)
        if moved < CLOSE:
            break
    return raked


def misses(shares: Sequence[float], margins: Sequence[Margin]) -> list[Miss]:
    """The values whose share the raked shares do not have."""
    found = []
    for number, margin in enumerate(margins):
        sums = _sums(shares, margin)
        total = math.fsum(sums.values()) or 1.0
        shared = {value: sums.get(value, 0.0) / total for value in margin.wanted}
        found += [
            Miss(number, value, wanted, shared[value])
            for value, wanted in margin.wanted.items()
            if abs(shared[value] - wanted) > OFF
        ]
    return found


def apportion(shares: Sequence[float], margins: Sequence[Margin], count: int, random: Random) -> list[int]:
    """How many of `count` go to each cell, so that each marginal's count is next to its share of them."""
    cells = [share * count for share in shares]
    taken = [math.floor(cell + 1e-9) for cell in cells]
    keys = _keys(margins, len(cells))
    lack: dict[tuple[int, str], float] = defaultdict(float)
    for number, margin in enumerate(margins):
        total = math.fsum(_sums(cells, margin).values())
        lack.update({(number, value): total * wanted for value, wanted in margin.wanted.items()})
    for cell, number in enumerate(taken):
        for key in keys[cell]:
            lack[key] -= number
    usable = [cell for cell, share in enumerate(cells) if share > 0]
    for _ in range(count - sum(taken)):
        random.shuffle(usable)
        neediest = max(usable, key=lambda cell: sum(lack[key] for key in keys[cell]) + cells[cell] - taken[cell])
        _move(neediest, 1, taken, keys, lack)
    _mend(usable, taken, keys, lack)
    return taken


Keys = Sequence[Sequence[tuple[int, str]]]


def _keys(margins: Sequence[Margin], cells: int) -> Keys:
    return [
        [(number, value) for number, margin in enumerate(margins) if (value := margin.values[cell]) is not None]
        for cell in range(cells)
    ]


def _members(margin: Margin) -> dict[str, list[int]]:
    """The cells of each value."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for cell, value in enumerate(margin.values):
        if value is not None:
            members[value].append(cell)
    return members


def _sums(shares: Sequence[float], margin: Margin) -> dict[str, float]:
    return {value: math.fsum(shares[cell] for cell in cells) for value, cells in _members(margin).items()}


def _fit(shares: list[float], members: Mapping[str, Sequence[int]], wanted: Mapping[str, float]) -> float:
    """Give one margin its wanted shares, in place; returns how much that moved a value at most, as a ratio."""
    parts = {value: math.fsum([shares[cell] for cell in cells]) for value, cells in members.items()}
    total, moved = math.fsum(parts.values()), 0.0
    for value, part in parts.items():
        factor = wanted[value] * total / part if part else 1.0
        moved = max(moved, abs(factor - 1))
        for cell in members[value]:
            shares[cell] *= factor
    return moved


def _move(cell: int, by: int, taken: list[int], keys: Keys, lack: dict[tuple[int, str], float]) -> None:
    taken[cell] += by
    for key in keys[cell]:
        lack[key] -= by


def _mend(usable: Sequence[int], taken: list[int], keys: Keys, lack: dict[tuple[int, str], float]) -> None:
    """Give from one cell to another as long as that brings the marginals nearer and one of them is off by 1."""
    for _ in range(len(usable)):
        off = max(lack, key=lambda key: abs(lack[key]), default=None)
        if off is None or abs(lack[off]) < 1:
            return
        gain, giver, taker = min(_exchanges(off, usable, taken, keys, lack), default=(0.0, 0, 0))
        if gain > -1e-9:
            return
        _move(giver, -1, taken, keys, lack)
        _move(taker, 1, taken, keys, lack)


def _exchanges(
    off: tuple[int, str], usable: Sequence[int], taken: Sequence[int], keys: Keys, lack: Mapping[tuple[int, str], float]
) -> Iterator[tuple[float, int, int]]:
    """What each exchange that helps `off` adds to the sum of squared lacks, with its giver and its taker."""
    inside = [cell for cell in usable if off in keys[cell]]
    outside = [cell for cell in usable if off not in keys[cell]]
    givers, takers = (outside, inside) if lack[off] > 0 else (inside, outside)
    for giver in (cell for cell in givers if taken[cell]):
        for taker in takers:
            left = [key for key in keys[giver] if key not in keys[taker]]
            come = [key for key in keys[taker] if key not in keys[giver]]
            yield sum(2 * lack[key] + 1 for key in left) - sum(2 * lack[key] - 1 for key in come), giver, taker
