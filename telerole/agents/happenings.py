"""What happens around a merchant on the phone: somebody walks in, the line goes bad, a meeting is near.

Drawn before the call from the session's seed alone, so that compared salespeople meet the same day.
"""

from __future__ import annotations

from random import Random
from typing import Literal

from telerole.persona import Persona
from telerole.speaker import derive_seed

Happening = Literal["walk_in", "bad_line", "meeting_soon"]

BASE: dict[Happening, float] = {"walk_in": 0.16, "bad_line": 0.12, "meeting_soon": 0.08}
BUSY: dict[Happening, float] = {"walk_in": 0.22, "bad_line": 0.0, "meeting_soon": 0.12}  # more for the busiest
FIRST, LAST = 2, 7  # among the merchant's own turns, from 0


def happenings(persona: Persona, seed: int) -> dict[int, Happening]:
    """Which of the merchant's turns (from 0) something happens at: each kind at most once a call."""
    random, found = Random(derive_seed(seed, "happenings")), dict[int, Happening]()
    for kind, chance in BASE.items():
        comes = random.random() < chance + BUSY[kind] * persona.disposition.busyness
        at = random.randint(FIRST, LAST)
        if comes:
            found.setdefault(at, kind)
    return found
