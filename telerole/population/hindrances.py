"""What stands in a population's way: values nobody has, values out of reach, marginals that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence

from telerole.errors import InputError, nearest
from telerole.population.cells import Cells, Possible, Rule, cells, rules_of, wanted
from telerole.population.quota import misses
from telerole.population.records import Population


def drawable(population: Population, library: Sequence[Possible]) -> Cells:
    """The cells that a population is drawn from; an `InputError` names all that cannot be met."""
    _refuse(_unknown(population, library))
    rules = rules_of(population, library)
    _refuse(_out_of_reach(population, library, rules))
    found = cells(population, library, rules.values())
    if missed := misses(found.shares, found.margins):
        attributes = [one.attribute for one in wanted(population, library)]
        faults = [
            f"marginals.{attributes[one.margin]}: {one.value!r} is to be {one.wanted:.1%}, but comes to {one.got:.1%}"
            for one in missed
        ]
        _refuse([*faults, f"these cannot all be met together; in the way: {_culprits(population, library, rules)}"])
    return found


def _unknown(population: Population, library: Sequence[Possible]) -> list[str]:
    """The values that nothing in the library has."""
    named = [
        (f"marginals.{attribute}", attribute, value)
        for attribute in population.declared()
        for value in population.marginals[attribute]
    ]
    for number, constraint in enumerate(population.constraints):
        for part in ("when", "forbid", "require"):
            for attribute, values in getattr(constraint, part).items():
                named += [(f"constraints[{number}].{part}.{attribute}", attribute, value) for value in values]
    known = {attribute: sorted({one.call[attribute] for one in library} - {""}) for _, attribute, _ in named}
    return [
        f"{place}: nothing in the library is {value!r}{nearest(value, known[attribute])}; "
        f"there is {', '.join(known[attribute])}"
        for place, attribute, value in named
        if value not in known[attribute]
    ]


def _out_of_reach(population: Population, library: Sequence[Possible], rules: dict[str, Rule]) -> list[str]:
    """The values to be drawn that no allowed call has, each with the rules that stand in its way."""
    faults = []
    for attribute in population.declared():
        for value in population.marginals[attribute]:
            own = [one.call for one in library if one.call[attribute] == value]
            if not any(all(rule(call) for rule in rules.values()) for call in own):
                names = [
                    name
                    for name in rules
                    if any(all(rule(call) for other, rule in rules.items() if other != name) for call in own)
                ]
                faults.append(
                    f"marginals.{attribute}: {value!r} cannot be drawn; nothing is left of it by {_listed(names)}"
                )
    if not any(all(rule(one.call) for rule in rules.values()) for one in library) and not faults:
        faults.append("constraints: no call is left that may be drawn")
    return faults


def _culprits(population: Population, library: Sequence[Possible], rules: dict[str, Rule]) -> str:
    """The rules without any one of which the marginals could be met."""
    names = []
    for name in rules:
        attribute = name.removeprefix("marginals.")
        rest = {other: weights for other, weights in population.marginals.items() if other != attribute}
        without = population.model_copy(update={"marginals": rest})
        tried = cells(without, library, [rule for other, rule in rules.items() if other != name])
        if not misses(tried.shares, tried.margins):
            names.append(name)
    return _listed(names)


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) if names else "the other marginals and the constraints"


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise InputError("\n".join(faults))
