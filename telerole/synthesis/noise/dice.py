"""Chance: a stream of its own for every kind of noise in every call, and a line that is bad in stretches."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

from telerole.speaker import derive_seed

T = TypeVar("T")
BAD = 0.25  # the share of its words that a line with bursts spends in the bad state


class Draw(NamedTuple):
    """What chance decides in one place: `chance`, whether something happens; `choice`, which. Both from [0, 1)."""

    chance: float
    choice: float

    def among(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.choice * len(options))]


class Dice:
    """Draws for one call. A place's draw depends on the seed, the call, the purpose and the place alone.

    So the same happens in the other kinds when one is switched off, and what happens at a low level happens at every
    higher one as well.
    """

    def __init__(self, seed: int, call: str) -> None:
        self._seed, self._call = seed, call

    def throw(self, purpose: str, places: int) -> list[Draw]:
        """A draw for each place."""
        random = Random(derive_seed("noise", self._seed, self._call, purpose))
        return [Draw(random.random(), random.random()) for _ in range(places)]

    def bad_line(self, words: int, bursts: float) -> list[bool]:
        """Whether the line is bad at each word: a Markov chain that begins as it goes on.

        It stays bad for `bursts` words in the mean, and is bad at the share `BAD` of all words.
        """
        leaves = 1 / bursts
        enters = leaves * BAD / (1 - BAD)
        states: list[bool] = []
        for draw in self.throw("bad_line", words):
            turns_bad = BAD if not states else 1 - leaves if states[-1] else enters
            states.append(draw.chance < turns_bad)
        return states


def in_bursts(rate: float, bad: bool) -> float:
    """The error rate in that state where `rate` is the mean: all errors are in bad stretches while they hold them."""
    return min(1.0, rate / BAD) if bad else max(0.0, (rate - BAD) / (1 - BAD))
