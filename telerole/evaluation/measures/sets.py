"""All measures of a set of sessions of one language together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from telerole.errors import InputError
from telerole.evaluation.measures.ending import Exits, exits, outcome_rates
from telerole.evaluation.measures.variety import distinct, fair_distinct, opening_entropy, self_similarity
from telerole.outcome import Outcome
from telerole.persona import Role
from telerole.records import Language, Record
from telerole.session import Session


class Variety(Record):
    """How varied one side's words are over a set: distinct-1 and distinct-2, of all its tokens and of 1,000."""

    distinct_1: float | None
    distinct_2: float | None
    fair_distinct_1: float | None
    fair_distinct_2: float | None


class SetMeasures(Record):
    """A set of sessions of one language, each measure as the function of its name defines it."""

    language: Language
    sessions: int
    outcomes: dict[Outcome, float]
    exits: Exits
    self_similarity: float | None
    opening_entropy: float | None
    variety: dict[Role, Variety]


def measure_set(sessions: Sequence[Session], *, seed: int = 0) -> SetMeasures:
    """Measure a set; `seed` decides which sessions the length-fair measures draw.

    Raises `InputError` where there is no session, or where they are of two languages.
    """
    languages = {one.language for one in sessions}
    if len(languages) != 1:
        found = "none" if not languages else f"sessions in {' and '.join(sorted(languages))}"
        raise InputError(f"a set to measure has sessions of one language, not {found}")
    return SetMeasures(
        language=languages.pop(),
        sessions=len(sessions),
        outcomes=outcome_rates(sessions),
        exits=exits(sessions),
        self_similarity=self_similarity(sessions),
        opening_entropy=opening_entropy(sessions),
        variety={role: _variety(sessions, role, seed) for role in get_args(Role)},
    )


def _variety(sessions: Sequence[Session], role: Role, seed: int) -> Variety:
    return Variety(
        distinct_1=distinct(sessions, role, 1),
        distinct_2=distinct(sessions, role, 2),
        fair_distinct_1=fair_distinct(sessions, role, 1, seed=seed),
        fair_distinct_2=fair_distinct(sessions, role, 2, seed=seed),
    )
