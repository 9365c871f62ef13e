"""Measures of sessions that need no judge. Each is a function whose docstring is its definition.

Of one session: `repeating`, `speaking` and `session`, which takes them together. Of a set of sessions of one language:
`variety`, `ending` and `sets`. What the salesperson claims is `telerole.evaluation.ledger`.
"""

from telerole.evaluation.measures.ending import Exits, exits, outcome_rates
from telerole.evaluation.measures.repeating import asked_again, repeated_turns
from telerole.evaluation.measures.session import (
    RoleMeasures,
    SessionMeasures,
    means,
    measure_session,
    role_means,
    value_of,
)
from telerole.evaluation.measures.sets import SetMeasures, Variety, measure_set
from telerole.evaluation.measures.speaking import bookish_turns, goodbye_tail, role_faults, style_gap, turn_lengths
from telerole.evaluation.measures.variety import distinct, fair_distinct, opening_entropy, self_similarity

__all__ = [
    "Exits",
    "RoleMeasures",
    "SessionMeasures",
    "SetMeasures",
    "Variety",
    "asked_again",
    "bookish_turns",
    "distinct",
    "exits",
    "fair_distinct",
    "goodbye_tail",
    "means",
    "measure_session",
    "measure_set",
    "opening_entropy",
    "outcome_rates",
    "repeated_turns",
    "role_faults",
    "role_means",
    "self_similarity",
    "style_gap",
    "turn_lengths",
    "value_of",
]
