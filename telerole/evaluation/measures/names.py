"""The measures in words, and their figures as people read them."""

from __future__ import annotations

SHARES = frozenset({"traced", "coverage", "order", "drift", "style_gap", "bookish_turns", "repeated_turns"})
RARE = ("role_faults", "goodbye_tail", "asked_again")  # well below one a call
FINE = ("distinct_1", "distinct_2", "fair_distinct_1", "fair_distinct_2", "self_similarity", "opening_entropy")
DIGITS = dict.fromkeys(RARE, 2) | dict.fromkeys(FINE, 3)
WORDS = {
    "turns": "turns",
    "seconds": "seconds",
    "role_faults": "turns out of role",
    "goodbye_tail": "goodbyes after the goodbyes",
    "claims": "claims of the salesperson",
    "traced": "claims that a source holds",
    "coverage": "steps of the plan taken",
    "order": "steps in the plan's order",
    "drift": "salesperson's turns off the plan",
    "return_time": "turns until back on the plan",
    "length": "words a turn",
    "longest": "words of the longest turn",
    "style_gap": "gap to real telephone talk",
    "bookish_turns": "bookish turns",
    "repeated_turns": "turns that repeat an earlier one",
    "asked_again": "questions asked again",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "fair_distinct_1": "distinct-1 of 1,000 tokens",
    "fair_distinct_2": "distinct-2 of 1,000 tokens",
    "self_similarity": "likeness to the nearest other session",
    "opening_entropy": "entropy of the openings, of the most there can be",
}

HIGHER_IS_BETTER = {
    "coverage": True,
    "order": True,
    "traced": True,
    "drift": False,
    "role_faults": False,
    "style_gap": False,
    "bookish_turns": False,
    "repeated_turns": False,
    "asked_again": False,
    "goodbye_tail": False,
}
"""The measures in which one system can be better than another; of the others there is a right amount, or none."""


def figure(name: str, value: float | None) -> str:
    """A measure's value as it is shown: shares in per cent, a dash for none."""
    if value is None:
        return "-"
    if name in SHARES:
        return f"{value:.1%}"
    return f"{value:.{DIGITS.get(name, 1)}f}"


def change(name: str, value: float) -> str:
    """A difference of two values of a measure, with its sign; shares in percentage points."""
    if name in SHARES:
        return f"{100 * value:+.1f} points"
    return f"{value:+.2f}"
