"""What a report is made of, whatever it is written as. All text is plain: who writes it escapes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from telerole.persona import Role
from telerole.records import Language

Tone = Literal["plain", "warning", "alarm"]
Mark = Literal["", "best", "second", "good", "bad"]


class Statement(NamedTuple):
    """A sentence or more; `about` names what it tells of, and stands before it."""

    text: str
    tone: Tone = "plain"
    about: str = ""


class Points(NamedTuple):
    """Statements, one below the other, and what they are about."""

    title: str
    items: tuple[Statement, ...]


class Cell(NamedTuple):
    """A value, and in small print what it rests on."""

    text: str
    detail: str = ""
    mark: Mark = ""


class Column(NamedTuple):
    """A column's heading; `figures` are set to the right."""

    title: str
    figures: bool = True


class Group(NamedTuple):
    """A heading over so many neighbouring columns."""

    title: str
    columns: int


class Part(NamedTuple):
    """Rows that belong together; the first cell of a row names it."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `groups`, where there are any, stand over all columns but the first."""

    caption: str
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    groups: tuple[Group, ...] = ()


class Chart(NamedTuple):
    """A Vega-Lite specification as wide as the page lets it be and `height` pixels high."""

    title: str
    spec: dict[str, Any]
    height: int


@dataclass(frozen=True, slots=True)
class Figure:
    """Charts, and the table of what they show: for who sees no charts, and in Markdown."""

    charts: tuple[Chart, ...]
    table: Table


class Piece(NamedTuple):
    """A stretch of a turn, and the metrics of which it is evidence."""

    text: str
    metrics: tuple[str, ...] = ()


class Note(NamedTuple):
    """Why a judge gave a 0, beside the turn that shows it."""

    metric: str
    judge: str
    reason: str


class Line(NamedTuple):
    """A turn of a call."""

    role: Role
    speaker: str
    pieces: tuple[Piece, ...]
    notes: tuple[Note, ...]


class Badge(NamedTuple):
    """What each judge says of one metric, and what that comes to."""

    metric: str
    said: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Call:
    """A call to read; `verdicts` has all that judges said of it, None where it was not judged."""

    title: str
    language: Language
    badges: tuple[Badge, ...]
    lines: tuple[Line, ...]
    ending: str
    verdicts: Table | None


Block: TypeAlias = Statement | Points | Table | Figure | Call


class Section(NamedTuple):
    """A chapter of the report."""

    title: str
    blocks: tuple[Block, ...]


class Report(NamedTuple):
    """The whole of it."""

    title: str
    sections: tuple[Section, ...]


def columns(words: Iterable[str], figures: Iterable[str], after: Iterable[str] = ()) -> tuple[Column, ...]:
    """Columns of words, then of figures, and of words `after` them."""
    first, last = ([Column(title, figures=False) for title in titles] for titles in (words, after))
    return (*first, *map(Column, figures), *last)


def plain_table(caption: str, columns: tuple[Column, ...], rows: tuple[tuple[Cell, ...], ...]) -> Table:
    """A table without parts."""
    return Table(caption, columns, (Part("", rows),))
