"""The statistics of a data set (paper 5.1, Table 1), beside the paper's own."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from telerole.reading import words
from telerole.records import Language, Record
from telerole.session import Method, Triplet

METHODS: dict[Method, str] = {
    "extraction": "Multi-task extraction",
    "simulation": "Role-playing simulation",
    "completion": "Session prefix completion",
}


class Row(Record):
    """One method in one language: seeds put in, triplets that were valid, and how long these are.

    `turns` is the mean number of turns of both sides, `length` that of an utterance, in characters for Chinese and in
    words for English; both are None without a valid triplet. `why_none` says why a method was left out.
    """

    method: Method
    language: Language
    seeds: int
    valid: int
    turns: float | None = None
    length: float | None = None
    why_none: str = ""


PAPER: tuple[Row, ...] = (
    Row(method="extraction", language="zh", seeds=1504, valid=813, turns=7.54, length=30.26),
    Row(method="simulation", language="zh", seeds=1710, valid=1061, turns=8.01, length=37.01),
    Row(method="completion", language="zh", seeds=701, valid=701, turns=5.18, length=41.44),
)
"""Table 1 of the paper; its corpus is Chinese. It does not say whether a turn there is one side's or an exchange."""


def row(method: Method, language: Language, seeds: int, kept: Iterable[Triplet], why_none: str = "") -> Row:
    """The row of a method in a language; triplets in another language do not count."""
    sessions = [one.session for one in kept if one.session.language == language]
    said = [words(turn.text, language) for session in sessions for turn in session.turns]
    return Row(
        method=method,
        language=language,
        seeds=seeds,
        valid=len(sessions),
        turns=fmean(len(session.turns) for session in sessions) if sessions else None,
        length=fmean(said) if said else None,
        why_none=why_none,
    )
