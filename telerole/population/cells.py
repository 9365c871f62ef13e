"""The calls that the library can give, sorted into cells by what a population declares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from telerole.catalog import Catalog, Seed
from telerole.persona import Persona
from telerole.population.quota import Margin, rake
from telerole.population.records import OF_A_LANGUAGE, Attribute, Call, Population
from telerole.records import LANGUAGES


class Possible(NamedTuple):
    """A call that the library can give, and its share where nothing is declared."""

    seed: Seed
    merchant: Persona
    salesperson: Persona
    call: Call
    share: float


class Cells(NamedTuple):
    """The possible calls by what is declared of them, with each cell's share, and the marginals over the cells."""

    calls: Sequence[Sequence[Possible]]
    shares: Sequence[float]
    margins: Sequence[Margin]


class Marginal(NamedTuple):
    """The share each value is to have of the calls in `language`, or of all calls where that is empty."""

    attribute: Attribute
    language: str
    shares: dict[str, float]


Rule = Callable[[Call], bool]


def call_of(seed: Seed, catalog: Catalog, merchant: Persona, salesperson: Persona) -> Call:
    """The attributes of a call; one that it lacks is an empty text."""
    profile = catalog.profile(seed.profile)
    return {
        "language": merchant.language,
        "trade": seed.trade,
        "size": profile.text("size") if "size" in profile.values else "",
        "temper": merchant.temper or "",
        "strategy": seed.strategy,
        "script": seed.script,
        "merchant": merchant.id,
        "salesperson": salesperson.id,
    }


def possible(catalog: Catalog) -> list[Possible]:
    """Every call the library can give: a seed, a merchant who may sell its trade, and a salesperson."""
    found = []
    for language in LANGUAGES:
        seeds = sorted(
            (one for one in catalog.seeds if catalog.script(one.script).language == language),
            key=lambda one: (one.script, one.profile, one.strategy),
        )
        people = sorted((one for one in catalog.personas.values() if one.language == language), key=lambda one: one.id)
        salespeople = [one for one in people if one.role == "salesperson"]
        for seed in seeds:
            merchants = [one for one in people if one.role == "merchant" and catalog.suits(one, seed)]
            share = 1 / (len(seeds) * max(len(merchants), 1) * max(len(salespeople), 1))
            found += [
                Possible(seed, merchant, salesperson, call_of(seed, catalog, merchant, salesperson), share)
                for merchant in merchants
                for salesperson in salespeople
            ]
    return found


def wanted(population: Population, library: Sequence[Possible]) -> list[Marginal]:
    """Each declared attribute's marginal, one a language where its values are words of a language."""
    found: list[Marginal] = []
    for attribute in population.declared():
        weights = population.marginals[attribute]
        for language in LANGUAGES if attribute in OF_A_LANGUAGE else ("",):
            there = {one.call[attribute] for one in library if language in ("", one.call["language"])}
            mine = {value: weights[value] for value in sorted(weights) if value in there}
            total = sum(mine.values())
            if mine:
                found.append(Marginal(attribute, language, {value: weight / total for value, weight in mine.items()}))
    return found


def rules_of(population: Population, library: Sequence[Possible]) -> dict[str, Rule]:
    """What may be drawn, each rule under the place where it is declared."""
    rules: dict[str, Rule] = {}
    allowed: defaultdict[Attribute, dict[str, dict[str, float]]] = defaultdict(dict)
    for attribute, language, shares in wanted(population, library):
        allowed[attribute][language] = shares

    def keeps(attribute: Attribute, by_language: dict[str, dict[str, float]]) -> Rule:
        def rule(call: Call) -> bool:
            shares = by_language.get("", by_language.get(call["language"]))
            return shares is None or call[attribute] in shares

        return rule

    for attribute, by_language in allowed.items():
        rules[f"marginals.{attribute}"] = keeps(attribute, by_language)
    for number, constraint in enumerate(population.constraints):
        rules[f"constraints[{number}]"] = constraint.allows
    return rules


def cells(population: Population, library: Sequence[Possible], rules: Iterable[Rule]) -> Cells:
    """The calls that all rules allow, in cells."""
    rules, declared = list(rules), population.declared()
    sorted_in: defaultdict[tuple[str, ...], list[Possible]] = defaultdict(list)
    for one in library:
        if all(rule(one.call) for rule in rules):
            sorted_in[(one.call["language"], *(one.call[attribute] for attribute in declared))].append(one)
    calls = list(sorted_in.values())
    firsts = [kind[0].call for kind in calls]
    margins = [
        Margin([call[attribute] if language in ("", call["language"]) else None for call in firsts], shares)
        for attribute, language, shares in wanted(population, library)
    ]
    return Cells(calls, rake([sum(one.share for one in kind) for kind in calls], margins), margins)
