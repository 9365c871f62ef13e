"""Where evidence stands in a turn, and the turn cut up accordingly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from telerole.report.shape import Piece


def place(quote: str, text: str) -> tuple[int, int] | None:
    """From where to where in `text` the quote's letters and digits stand, first of all places; None where they do not.

    Case, spaces and punctuation do not count, as in `postprocess.quoting`.
    """
    letters = [(letter, at) for at, written in enumerate(text) for letter in written.casefold() if letter.isalnum()]
    words = "".join(letter for letter in quote.casefold() if letter.isalnum())
    start = "".join(letter for letter, _ in letters).find(words) if words else -1
    if start < 0:
        return None
    return letters[start][1], letters[start + len(words) - 1][1] + 1


def pieces(text: str, quotes: Mapping[str, Iterable[str]]) -> tuple[Piece, ...]:
    """The text in pieces, each with the metrics whose quotes cover it; quotes may overlap. They join to the text."""
    spans = [
        (metric, span) for metric, said in quotes.items() for quote in said if (span := place(quote, text)) is not None
    ]
    over: list[tuple[str, ...]] = [
        tuple(dict.fromkeys(metric for metric, (start, end) in spans if start <= at < end)) for at in range(len(text))
    ]
    cuts = [0, *(at for at in range(1, len(text)) if over[at] != over[at - 1]), len(text)]
    return tuple(Piece(text[start:end], over[start]) for start, end in pairwise(cuts))
