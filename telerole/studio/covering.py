"""What a set of personas covers, and what it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from telerole.persona import Disposition, Objection, Persona, Role, Temper, Topic, Trade
from telerole.records import LANGUAGES

BANDS = {"low": (0.0, 1 / 3), "middle": (1 / 3, 2 / 3), "high": (2 / 3, 1.01)}
KNOWN: dict[str, tuple[str, ...]] = {
    "role": get_args(Role),
    "language": LANGUAGES,
    "temper": get_args(Temper),
    "trade": get_args(Trade),
    "objection": get_args(Objection),
    "topic": get_args(Topic),
    **dict.fromkeys(Disposition.model_fields, tuple(BANDS)),
}


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many personas of a set show each value of each trait; all but role and language count merchants only.

    `counts` is trait → value → personas, values that nobody shows included. A trait is role, language, temper, trade,
    objection, topic, or a number of the disposition in three bands. `pairs` counts temper with likeliest objection.
    """

    personas: int
    counts: Mapping[str, Mapping[str, int]]
    pairs: Mapping[tuple[str, str], int]

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """Trait → values that nobody shows, traits that are whole left out."""
        left = {trait: tuple(v for v, n in values.items() if not n) for trait, values in self.counts.items()}
        return {trait: values for trait, values in left.items() if values}

    def rare(self, at_most: int = 0) -> list[tuple[str, str]]:
        """The pairs of temper and likeliest objection of which there are so few, where the set has both by themselves.

        Those that are likeliest to be met come first: the product of how often each occurs.
        """
        tempers, objections = self.counts["temper"], self.counts["objection"]
        few = [(t, o) for (t, o), n in self.pairs.items() if n <= at_most and tempers[t] and objections[o]]
        return sorted(few, key=lambda pair: -tempers[pair[0]] * objections[pair[1]])


def coverage(personas: Iterable[Persona]) -> Coverage:
    """Count what a set of personas covers."""
    people = list(personas)
    shown = Counter((trait, value) for one in people for trait, values in _traits(one).items() for value in values)
    paired: Counter[tuple[str, str]] = Counter(
        (one.temper, one.objections[0]) for one in people if one.temper and one.objections
    )
    return Coverage(
        len(people),
        {trait: {value: shown[trait, value] for value in values} for trait, values in KNOWN.items()},
        {(t, o): paired[t, o] for t in KNOWN["temper"] for o in KNOWN["objection"]},
    )


def _traits(one: Persona) -> dict[str, set[str]]:
    """Trait → the values that one persona shows."""
    own: dict[str, set[str]] = {"role": {one.role}, "language": {one.language}}
    if one.role == "salesperson":
        return own
    bands = {name: {band(getattr(one.disposition, name))} for name in Disposition.model_fields}
    return {
        **own,
        "temper": {one.temper} if one.temper else set(),
        "trade": set(one.trades),
        "objection": set(one.objections),
        "topic": set(one.facts),
        **bands,
    }


def band(value: float) -> str:
    """The third of 0 to 1 in which a number lies."""
    return next(name for name, (low, high) in BANDS.items() if low <= value < high)
