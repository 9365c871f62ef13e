"""`claims`: what a text says that can be true or false."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from telerole.claims.claim import Claim
from telerole.claims.counting import counted
from telerole.claims.naming import named
from telerole.claims.words import introduction, offers, pattern
from telerole.numerals import as_digits, numbers
from telerole.records import Language

PLACEHOLDER = re.compile(r"\[(?:[A-Z_]+_|[\u4e00-\u9fff]+)\d+\]")


@lru_cache(maxsize=65536)
def claims(text: str, language: Language) -> tuple[Claim, ...]:
    """The claims of a text in the order in which they stand.

    A number is a claim where it counts, prices or measures something ("fifty parcels", 五个点), and none in a set
    phrase or where it only says how short something is ("one thing", "two minutes", 一句话). An offer may hold a number
    that is a claim of its own. A speaker's own name is none where it introduces itself, nor is a placeholder that
    stands for something private.
    """
    found = [*_counted(text, language), *_named(text, language), *_offered(text, language)]
    masked = [placeholder.span() for placeholder in PLACEHOLDER.finditer(text)]
    told = (one for one in found if not any(start <= one.start < end for start, end in masked))
    return tuple(sorted(told, key=lambda claim: (claim.start, claim.end)))


def _counted(text: str, language: Language) -> Iterator[Claim]:
    digits, places = as_digits(text, language)
    ends = {number.start: number.end for number in numbers(text, language)}
    for one in counted(digits, language):
        start, last = places[one.start], places[one.end - 1]
        end = ends.get(last, last + 1)
        yield Claim(kind=one.kind, value=one.value, text=text[start:end], start=start, end=end)


def introduced(text: str, language: Language) -> tuple[str, ...]:
    """The words in which the speaker says who it is ("I'm Gwen, from Seabridge")."""
    return tuple(text[start:end] for start, end in _introductions(text, language))


def _named(text: str, language: Language) -> Iterator[Claim]:
    own = _introductions(text, language)
    for one in named(text, language):
        if one.kind == "place" or not any(start < one.end and one.start < end for start, end in own):
            yield Claim(kind=one.kind, value=one.value, text=text[one.start : one.end], start=one.start, end=one.end)


def _introductions(text: str, language: Language) -> list[tuple[int, int]]:
    """Where the speaker says who it is; nowhere in a text without a name."""
    if not named(text, language):
        return []
    return [found.span() for found in introduction(language).finditer(text)]


def _offered(text: str, language: Language) -> Iterator[Claim]:
    lowered = text.lower()
    for concept, cue in offers(language):
        for found in cue.finditer(lowered):
            start, end = found.span()
            if not pattern("denied", language).search(lowered, 0, start):
                yield Claim(kind="offer", value=concept, text=text[start:end], start=start, end=end)
