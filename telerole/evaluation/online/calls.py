"""The calls of an online test, from a CSV file or from a run (paper 5.3)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, get_args

from pydantic import BeforeValidator, Field, ValidationError

from telerole.errors import FileError, nearest
from telerole.outcome import outcome, seconds, suspected_ai
from telerole.records import Record, Text, explain, read_text
from telerole.session import Session

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

Metric = Literal["high_intention", "follow_up", "visit", "ai_suspicion"]
METRICS: tuple[Metric, ...] = get_args(Metric)

YES_OR_NO = {"是": True, "有": True, "否": False, "无": False, "没有": False}
YesOrNo = Annotated[bool, BeforeValidator(lambda said: YES_OR_NO.get(said, said))]
"""1 or 0, true or false, yes or no, 是 or 否."""

R = TypeVar("R", bound=Record)


class Call(Record):
    """One call: who made it, how many seconds it took, and what it came to; None where that is not known.

    `follow_up` is a salesperson's mark such as "potential customer", `visit` a visit within 7 days, `ai_suspicion` that
    the merchant suspected a machine. `lead` is the merchant or the script, `time` when the call was made.
    """

    arm: Text
    duration: float = Field(ge=0)
    high_intention: YesOrNo | None = None
    follow_up: YesOrNo | None = None
    visit: YesOrNo | None = None
    ai_suspicion: YesOrNo | None = None
    lead: str = ""
    time: datetime | None = None


def read_csv(path: Path | str, kind: type[R]) -> tuple[list[R], list[str]]:
    """The rows of a CSV file that are right, and the faults of the others, each with its line and column.

    Columns are the fields of `kind`; an empty cell is one that is left out. Raises `FileError` where the file cannot be
    read, a quote in it is not closed, or its heading has a column that is not known, stands twice or is missing.
    """
    rows = csv.reader(StringIO(read_text(path), newline=""), strict=True)
    heading = [name.strip() for name in next(_whole(rows, path), [])]
    if faults := list(_heading_faults(heading, kind)):
        raise FileError(path, faults)
    found: list[R] = []
    line = rows.line_num + 1
    for cells in _whole(rows, path):
        place, line = f"line {line}: ", rows.line_num + 1
        if not any(cells):
            continue
        if len(cells) != len(heading):
            faults.append(f"{place}has {len(cells)} cells where the heading has {len(heading)}")
            continue
        try:
            found.append(
                kind.model_validate(
                    {name: cell.strip() for name, cell in zip(heading, cells, strict=True) if cell.strip()}
                )
            )
        except ValidationError as error:
            faults.extend(place + fault for fault in explain(error, kind))
    return found, faults


def calls_of(sessions: Iterable[Session], arm: str) -> Iterator[Call]:
    """Simulated calls as those of one arm: what `outcome`, `suspected_ai` and `seconds` say; unfinished ones left out.

    Nobody marks simulated calls or visits after them, so `follow_up` and `visit` are not known. Two arms that played
    the same scenarios are better told apart by `statistics.compare_rates`, which pairs them.
    """
    for session in sessions:
        if session.finished:
            yield Call(
                arm=arm,
                duration=seconds(session),
                high_intention=outcome(session) == "high_intention",
                ai_suspicion=suspected_ai(session),
                lead=session.scenario_id,
            )


def _whole(rows: CSVReader, path: Path | str) -> Iterator[list[str]]:
    """The rows; a `FileError` where one begins that no cells can be made of, as where a quote is never closed."""
    begins = rows.line_num + 1
    try:
        for cells in rows:
            yield cells
            begins = rows.line_num + 1
    except csv.Error as error:
        raise FileError(
            path, [f"line {begins}: {error}; a cell with a quote in it is quoted, each of its quotes doubled"]
        ) from None


def _heading_faults(heading: list[str], kind: type[Record]) -> Iterator[str]:
    known = list(kind.model_fields)
    for name in dict.fromkeys(heading):
        if name not in known:
            hint = nearest(name, known) or f"; known: {', '.join(known)}"
            yield f"line 1: {name}: unknown column{hint}"
        elif heading.count(name) > 1:
            yield f"line 1: {name}: stands twice"
    for name, field in kind.model_fields.items():
        if field.is_required() and name not in heading:
            yield f"line 1: {name}: this column is missing"
