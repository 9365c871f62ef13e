"""Figures that keep their numerator and denominator, so that they can be summed over scripts (micro-average)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """`count` out of `of`."""

    count: int = 0
    of: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.count + other.count, self.of + other.of)

    @property
    def value(self) -> float | None:
        """From 0 to 1; None where there was nothing to count."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Match:
    """How much of what was `found` is right, and how much of what is `true` was found: `matched` is both."""

    matched: int = 0
    found: int = 0
    true: int = 0

    @classmethod
    def of(cls, true: Iterable[Hashable], found: Iterable[Hashable]) -> Match:
        """Two bags of items; one that stands n times in both is matched n times."""
        expected, given = Counter(true), Counter(found)
        return cls((expected & given).total(), given.total(), expected.total())

    def __add__(self, other: Match) -> Match:
        return Match(self.matched + other.matched, self.found + other.found, self.true + other.true)

    @property
    def precision(self) -> Share:
        """The share of what was found that is right."""
        return Share(self.matched, self.found)

    @property
    def recall(self) -> Share:
        """The share of what is true that was found."""
        return Share(self.matched, self.true)

    @property
    def f1(self) -> Share:
        """The harmonic mean of precision and recall, 2 · matched / (found + true)."""
        return Share(2 * self.matched, self.found + self.true)


NO_SHARE, NO_MATCH = Share(), Match()
