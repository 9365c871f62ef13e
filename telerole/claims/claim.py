"""`Claim`: a piece of a line that somebody could look up, and its canonical value."""

from __future__ import annotations

from typing import Literal

from telerole.records import Record

Kind = Literal["number", "date", "name", "place", "offer"]


class Claim(Record):
    """What a text says that can be true or false, where it says it, and in one form however it was put.

    `value` is digits for a number (``186``, ``20%``); for a date ``09-16``, ``09-`` (a month), ``-16`` (a day),
    ``2026``, ``W4`` (Thursday) or ``3:30`` (a time of day, on twelve hours), and ``09-16/09-18`` from one to the other;
    the name itself for a person, company or place; and what is promised for an offer (``free``).
    `text` is ``source[start:end]``.
    """

    kind: Kind
    value: str
    text: str
    start: int
    end: int
