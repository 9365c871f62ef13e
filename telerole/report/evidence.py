"""A turn cut up where evidence stands in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from telerole.postprocess.quoting import place
from telerole.report.shape import Piece


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
