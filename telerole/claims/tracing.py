"""Where claims come from: what a source holds, and the claims that no source does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from telerole.claims.claim import Claim
from telerole.claims.counting import figures
from telerole.claims.finding import claims
from telerole.claims.naming import named
from telerole.numerals import as_digits
from telerole.records import Language

_WORD = re.compile(r"[\w&]+")
_DAY = re.compile(r"(\d\d)-(\d\d)")


class Held(NamedTuple):
    """What a source holds: the values of its claims, with every number it has, and its words."""

    values: frozenset[str]
    offers: frozenset[str]
    text: str
    words: frozenset[str]


@lru_cache(maxsize=16384)
def held(source: str, language: Language) -> Held:
    """What can be traced to this source."""
    told = claims(source, language)
    values = {value for claim in told if claim.kind != "offer" for value in _spread(claim)}
    values |= {one.value for one in named(source, language)}
    digits, _ = as_digits(source, language)
    lowered = source.lower()
    return Held(
        frozenset(values | figures(digits)),
        frozenset(claim.value for claim in told if claim.kind == "offer"),
        lowered,
        frozenset(_WORD.findall(lowered)),
    )


def traced(claim: Claim, sources: Iterable[Held]) -> bool:
    """Whether one of the sources holds the claim.

    A number and a date are held where their value is, an offer where the same is promised in any words, and a name
    where all of it stands.
    """
    return any(_holds(source, claim) for source in sources)


def untraced(texts: Sequence[str], sources: Iterable[str], language: Language) -> tuple[tuple[int, Claim], ...]:
    """The claims in `texts`, each with its text's index, that no source holds."""
    known = [held(source, language) for source in sources]
    return tuple(
        (index, claim)
        for index, text in enumerate(texts)
        for claim in claims(text, language)
        if not traced(claim, known)
    )


def _holds(source: Held, claim: Claim) -> bool:
    match claim.kind:
        case "offer":
            return claim.value in source.offers
        case "number":
            return claim.value in source.values
        case "date":
            return all(_has_date(source, part) for part in claim.value.split("/"))
    words = set(_WORD.findall(claim.value.lower()))
    stands = len(claim.value) > 1 and claim.value.lower() in source.text  # a surname alone stands in many words
    return words <= source.words or claim.value in source.values or stands


def _has_date(source: Held, date: str) -> bool:
    return date in source.values or (
        (day := _DAY.fullmatch(date)) is not None and {f"{day[1]}-", f"-{day[2]}"} <= source.values
    )


def _spread(claim: Claim) -> set[str]:
    """The values that a claim holds: a day its month and its number, a stretch of days every day of it."""
    if claim.kind != "date" or "-" not in claim.value:
        return {claim.value}
    held: set[str] = set()
    for date in _days(claim.value.split("/")):
        month, _, day = date.partition("-")
        held |= {date, *([f"{month}-"] if month else []), *([f"-{day}"] if day else [])}
    return held


def _days(ends: list[str]) -> list[str]:
    """Every day from the first to the last, where both are in one month."""
    (month, first), (last_month, last) = (date.split("-") for date in (ends[0], ends[-1]))
    if month != last_month or not (first and last):
        return ends
    return [f"{month}-{day:02}" for day in range(int(first), int(last) + 1)]
