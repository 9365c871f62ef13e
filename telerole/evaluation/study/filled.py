"""Filled forms as rows: CSV in whatever way a spreadsheet saved it, JSON lines, and Label Studio's JSON export."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from telerole.errors import FileError, InputError, nearest
from telerole.evaluation.judge.questions import METRICS, Metric
from telerole.evaluation.study.wording import wording
from telerole.records import LANGUAGES, raw_records

SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """What one rater says of one item, not yet checked. `place` is where it stands, such as ``row 3``.

    `answers` has each metric that is there: what the file calls it, and what stands there.
    """

    place: str
    rater: str
    item: str
    answers: Mapping[Metric, tuple[str, Any]]


Found = Row | InputError
"""A row, or what is wrong with the file at some place; what comes after it is read all the same."""


def rows(path: Path, metrics: Sequence[Metric]) -> Iterator[Found]:
    """The rows of a filled file, by its suffix. Raises `FileError` where it cannot be read at all."""
    match path.suffix.lower():
        case ".csv":
            yield from _sheet(path, metrics)
        case ".jsonl":
            yield from _json_lines(path, metrics)
        case ".json":
            yield from _label_studio(path, metrics)
        case other:
            raise FileError(path, [f"unknown file type {other!r}; give .csv, .jsonl, or Label Studio's .json export"])


def _named(path: Path) -> str:
    """The rater that the file's name tells, where nothing in the file does."""
    return path.name.partition(".")[0]


def _sheet(path: Path, metrics: Sequence[Metric]) -> Iterator[Found]:
    """Rows count from 1, the heading, as a spreadsheet counts them."""
    text = _decoded(path)
    lines = _cells(csv.reader(StringIO(text, newline=""), delimiter=_separator(text), strict=True))
    heading = next(lines, [])
    if isinstance(heading, InputError):
        raise FileError(path, [str(heading)])
    columns = {field: place for place, name in enumerate(heading) if (field := _headings().get(name.strip()))}
    if "item" not in columns:
        raise FileError(path, [f"row 1: there is no column {_heading('item')}, which tells the items apart"])
    yield from _missing_columns(columns, metrics)
    for number, cells in enumerate(lines, start=2):
        if isinstance(cells, InputError):
            yield cells
            return
        told = {field: cells[place].strip() if place < len(cells) else "" for field, place in columns.items()}
        if any(told.values()):
            answers = {metric: (heading[columns[metric]], told[metric]) for metric in metrics if metric in told}
            yield Row(f"row {number}", told.get("rater") or _named(path), told["item"], answers)


def _cells(lines: Iterator[list[str]]) -> Iterator[list[str] | InputError]:
    """The rows' cells, and, where one cannot be read, what is wrong with it; nothing of what follows can be read."""
    number = 1
    try:
        for cells in lines:
            yield cells
            number += 1
    except csv.Error as error:
        yield InputError(f"row {number}: {error}; this row and all after it cannot be read: close its quotes")


def _decoded(path: Path) -> str:
    """The text; one that is not UTF-8 was saved by a Chinese Excel. Ids and answers read alike in either."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(path, [f"cannot be read: {error.strerror}"]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", errors="replace")


def _separator(text: str) -> str:
    """A European Excel separates by semicolons, and copied cells by tabs."""
    heading = text.partition("\n")[0]
    return max(SEPARATORS, key=heading.count)


def _headings() -> dict[str, str]:
    """What a column may be called, in any language, and what it holds."""
    known = {name: name for name in ("rater", "item", *METRICS)}
    for language in LANGUAGES:
        words = wording(language)
        known |= {words.columns[name]: name for name in ("rater", "item")}
        known |= {asked.name: metric for metric, asked in words.metrics.items()}
    return known


def _heading(field: str) -> str:
    """A column's headings in all languages, for a message."""
    return " / ".join(dict.fromkeys(name for name, of in _headings().items() if of == field and name != field))


def _missing_columns(columns: Mapping[str, int], metrics: Sequence[Metric]) -> Iterator[InputError]:
    for metric in metrics:
        if metric not in columns:
            yield InputError(f"row 1: there is no column {_heading(metric)}; its answers count as missing")


def _json_lines(path: Path, metrics: Sequence[Metric]) -> Iterator[Found]:
    for place, raw in raw_records(path):
        if isinstance(raw, InputError):
            yield InputError(f"{place}{raw}")
        elif not isinstance(raw, dict) or not isinstance(raw.get("answers"), dict):
            yield InputError(f"{place}is no rated item; expected the fields rater, item and answers")
        else:
            yield from _answered(path, place, raw, raw["answers"], metrics)


def _answered(
    path: Path, place: str, raw: Mapping[str, Any], said: Mapping[str, Any], metrics: Sequence[Metric]
) -> Iterator[Found]:
    """A row of answers by metric, after what is not asked for."""
    place = place.removesuffix(": ")
    for name in said:
        if name not in metrics:
            yield InputError(f"{place}: {name}: is no metric of this study{nearest(name, metrics)}")
    answers = {metric: (metric, said[metric]) for metric in metrics if metric in said}
    yield Row(place, str(raw.get("rater") or _named(path)), str(raw.get("item") or ""), answers)


def _label_studio(path: Path, metrics: Sequence[Metric]) -> Iterator[Found]:
    """Its tasks' annotations. Where several people annotated the tasks of one rater, they are the raters."""
    tasks = [(place.replace("item", "task"), raw if isinstance(raw, dict) else {}) for place, raw in raw_records(path)]
    people: dict[Any, set[str]] = {}
    for _, task in tasks:
        people.setdefault(_rater(task), set()).update(map(_annotator, _annotations(task)))
    for place, task in tasks:
        if not isinstance(task.get("data"), dict) or "annotations" not in task:
            yield InputError(f"{place}is no task with its annotations; export as JSON, not as JSON-MIN")
            continue
        for one in _annotations(task):
            own = {"rater": f"annotator-{_annotator(one)}"} if len(people[_rater(task)]) > 1 else {}
            yield from _answered(path, place, task["data"] | own, _choices(one), metrics)


def _rater(task: Mapping[str, Any]) -> Any:
    data = task.get("data")
    return data.get("rater") if isinstance(data, dict) else None


def _annotations(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that were handed in, not the skipped ones."""
    return [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]


def _annotator(annotation: Mapping[str, Any]) -> str:
    by = annotation.get("completed_by")
    return str(by.get("email") or by.get("id")) if isinstance(by, dict) else str(by)


def _choices(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen of each question, by the question's name."""
    results: list[dict[str, Any]] = annotation.get("result") or []
    return {one["from_name"]: "".join(one["value"]["choices"]) for one in results if one.get("type") == "choices"}
