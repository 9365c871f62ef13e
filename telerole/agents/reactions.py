"""How merchants react: the table that says what each event of a call moves, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import yaml

from telerole.persona import Event, Feeling, Persona, Temper
from telerole.records import Record

Row = Mapping[str, Mapping[Feeling, float]]
"""By event, what it moves."""


class Table(Record):
    """``reactions.yaml``, checked: the usual row, and what a temper changes in it."""

    usual: dict[Event, dict[Feeling, float]]
    tempers: dict[Temper, dict[Event, dict[Feeling, float]]]


@lru_cache(maxsize=1)
def table() -> Table:
    """The bundled table."""
    raw = yaml.safe_load((files("telerole.agents") / "reactions.yaml").read_text(encoding="utf-8"))
    return Table(usual=raw.pop("usual"), tempers=raw)


@lru_cache(maxsize=512)
def _of(temper: Temper | None, own: tuple[tuple[Event, tuple[tuple[Feeling, float], ...]], ...]) -> Row:
    merged: dict[str, dict[Feeling, float]] = {event: dict(moves) for event, moves in table().usual.items()}
    for row in (table().tempers.get(temper, {}) if temper else {}, {event: dict(moves) for event, moves in own}):
        for event, moves in row.items():
            merged[event] |= moves
    return merged


def reactions_of(persona: Persona) -> Row:
    """What each event moves in this merchant: the usual, changed by their temper, changed by their own `reactions`."""
    own = tuple((event, tuple(sorted(moves.items()))) for event, moves in sorted(persona.reactions.items()))
    return _of(persona.temper, own)
