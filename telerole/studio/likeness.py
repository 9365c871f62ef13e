"""How like two personas are, and which of the library comes nearest to one."""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz

from telerole.catalog import Catalog
from telerole.persona import Disposition, Persona

TOO_NEAR = 0.75  # the nearest two of the library stand at 0.66
WEIGHTS = {"temper": 0.15, "disposition": 0.15, "objections": 0.15, "wording": 0.55}
SPREAD = 0.5  # a mean difference of all five numbers that makes two dispositions wholly unlike
SAME = 0.85  # of one part: shared; below `OTHER` it differs
OTHER = 0.5


@dataclass(frozen=True, slots=True)
class Likeness:
    """The nearest persona: how like from 0 to 1, in which parts they are the same and in which different."""

    persona: Persona
    likeness: float
    shared: tuple[str, ...]
    differs: tuple[str, ...]


def nearest(persona: Persona, catalog: Catalog | None = None) -> Likeness | None:
    """The bundled persona of the same role and language that is most like this one; None where there is none.

    A persona is not compared with the one of its own id.
    """
    library = (catalog or Catalog.bundled()).personas.values()
    own = (persona.role, persona.language)
    others = [one for one in library if (one.role, one.language) == own and one.id != persona.id]
    if not others:
        return None
    return max((compare(persona, other) for other in others), key=lambda found: found.likeness)


def compare(persona: Persona, other: Persona) -> Likeness:
    """How like `other` is to `persona`: the weighted mean over temper, disposition, objections and wording."""
    parts = _parts(persona, other)
    weight = sum(WEIGHTS[name] for name in parts)
    return Likeness(
        other,
        sum(WEIGHTS[name] * alike for name, alike in parts.items()) / weight,
        tuple(name for name, alike in parts.items() if alike >= SAME),
        tuple(name for name, alike in parts.items() if alike < OTHER),
    )


def _parts(one: Persona, other: Persona) -> dict[str, float]:
    wording = {"wording": _wording(one, other)}
    if one.role == "salesperson":
        return wording
    return {
        "temper": float(one.temper == other.temper),
        "disposition": max(0.0, 1 - _apart(one.disposition, other.disposition) / SPREAD),
        "objections": _objections(one, other),
        **wording,
    }


def _apart(one: Disposition, other: Disposition) -> float:
    numbers: list[float] = [abs(getattr(one, name) - getattr(other, name)) for name in Disposition.model_fields]
    return sum(numbers) / len(numbers)


def _objections(one: Persona, other: Persona) -> float:
    """The share of objections both have, and half of it only for the likeliest one being the same."""
    both, either = set(one.objections) & set(other.objections), set(one.objections) | set(other.objections)
    if not either:
        return 1.0
    return 0.5 * len(both) / len(either) + 0.5 * (one.objections[:1] == other.objections[:1])


def _wording(one: Persona, other: Persona) -> float:
    """How near each of one's lines comes to some line of the other's, in the mean."""
    lines, others = _lines(one), _lines(other)
    return sum(max(fuzz.ratio(line, theirs) for theirs in others) for line in lines) / len(lines) / 100


def _lines(persona: Persona) -> list[str]:
    return [persona.background, persona.temperament, *persona.manner, *persona.refusals, *persona.facts.values()]
