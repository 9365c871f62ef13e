"""What was drawn beside what was declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from telerole.catalog import Catalog
from telerole.population.cells import call_of, possible, wanted
from telerole.population.records import ATTRIBUTES, Attribute, Call, Population
from telerole.records import Record
from telerole.scenario import Scenario


class Row(Record):
    """How many scenarios have a value; `wanted` is how many should (None where the attribute is not declared)."""

    attribute: Attribute
    value: str
    wanted: float | None
    drawn: int


class Check(Record):
    """How many scenarios a constraint speaks of, and how many of them break it."""

    constraint: str
    applies: int
    broken: int


class Table(Record):
    """The counts of every attribute that is declared or short enough to show, and of every constraint."""

    rows: tuple[Row, ...]
    checks: tuple[Check, ...]


def table(scenarios: Iterable[Scenario], population: Population, catalog: Catalog | None = None) -> Table:
    """What `scenarios` hold beside what `population` declares; their scripts are `catalog`'s."""
    catalog = catalog or Catalog.bundled()
    seeds = {(seed.script, seed.profile, seed.strategy): seed for seed in catalog.seeds}
    calls = [
        call_of(seeds[one.script.id, one.profile.id, one.strategy.id], catalog, one.merchant, one.salesperson)
        for one in scenarios
    ]
    checks = [
        Check(
            constraint=str(constraint),
            applies=sum(constraint.applies(call) for call in calls),
            broken=sum(not constraint.allows(call) for call in calls),
        )
        for constraint in population.constraints
    ]
    return Table(rows=tuple(_rows(calls, population, catalog)), checks=tuple(checks))


def _rows(calls: list[Call], population: Population, catalog: Catalog) -> Iterable[Row]:
    languages = Counter(call["language"] for call in calls)
    shares = {
        (attribute, value): share * (languages[language] if language else len(calls))
        for attribute, language, values in wanted(population, possible(catalog))
        for value, share in values.items()
    }
    for attribute in ATTRIBUTES:
        if attribute in ("script", "merchant") and attribute not in population.marginals:
            continue  # many names, each with a few
        counts = Counter(call[attribute] for call in calls)
        values = counts.keys() | {value for declared, value in shares if declared == attribute}
        for value in sorted(values):
            yield Row(attribute=attribute, value=value, wanted=shares.get((attribute, value)), drawn=counts[value])
