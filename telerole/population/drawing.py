"""Drawing a population: how many of each cell, and for each of them the call that was used least."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from typing import TypeVar

from telerole.catalog import Catalog
from telerole.errors import InputError
from telerole.population.cells import Cells, Possible, possible
from telerole.population.hindrances import drawable
from telerole.population.quota import Margin, apportion
from telerole.population.records import Population
from telerole.scenario import Scenario
from telerole.speaker import derive_seed

Kind = dict[tuple[str, str, str], dict[str, dict[str, Possible]]]  # a cell's calls by seed, merchant and salesperson
T = TypeVar("T")


def draw(population: Population, count: int, seed: int = 0, catalog: Catalog | None = None) -> list[Scenario]:
    """`count` scenarios whose counts are next to the declared marginals, in random order.

    The same population, count and seed give the same scenarios, however the population's file is ordered; a longer
    draw does not begin with a shorter one. Raises `InputError` where the library cannot give the population, with
    every value that is unknown or cannot be drawn and the marginals or constraints it contradicts.
    """
    if count < 1:
        raise InputError(f"a population is drawn with at least 1 scenario, not {count}")
    catalog = catalog or Catalog.bundled()
    random = Random(derive_seed("population", seed, count))
    found = drawable(population, possible(catalog))
    taken = apportion(found.shares, [_languages(found), *found.margins], count, random)
    slots = [kind for kind, number in zip(map(_sorted, found.calls), taken, strict=True) for _ in range(number)]
    random.shuffle(slots)
    used: Counter[object] = Counter()
    drawn = [_least_used(kind, used, random) for kind in slots]
    return [catalog.scenario(one.seed, one.salesperson, one.merchant, number) for number, one in enumerate(drawn)]


def _languages(found: Cells) -> Margin:
    """The languages' shares as they come out: they are kept to as well where they are not declared."""
    values = [kind[0].call["language"] for kind in found.calls]
    shares = dict.fromkeys(values, 0.0)
    for language, share in zip(values, found.shares, strict=True):
        shares[language] += share
    return Margin(values, shares)


def _sorted(kind: Sequence[Possible]) -> Kind:
    found: Kind = {}
    for one in kind:
        seed = (one.seed.script, one.seed.profile, one.seed.strategy)
        found.setdefault(seed, {}).setdefault(one.merchant.id, {})[one.salesperson.id] = one
    return found


def _least_used(kind: Kind, used: Counter[object], random: Random) -> Possible:
    """One of these calls: its script, then its merchant, then its salesperson the one drawn least so far."""

    def least(names: Iterable[T], beside: object) -> T:
        picked = min(names, key=lambda name: (used[name], used[beside, name], random.random()))
        used.update([picked, (beside, picked)])
        return picked

    seed = least(kind, None)
    merchant = least(kind[seed], seed)
    return kind[seed][merchant][least(kind[seed][merchant], merchant)]
