"""`Ratings`: what raters said of a study's items, read from filled files with every fault named."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from telerole.errors import FileError, InputError, nearest
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.study.filled import Row, rows
from telerole.evaluation.study.key import Key, Study

ANSWERS = {"1": True, "true": True, "0": False, "false": False}


class Asked(NamedTuple):
    """One metric of one item, as one rater was asked it."""

    rater: str
    item: str
    metric: Metric


@dataclass(slots=True)
class Ratings:
    """The answers that came, the items of each rater who handed something in, and the faults of the files.

    A rater of the study has the items of the design, anybody else those that the file holds.
    """

    answers: dict[Asked, bool] = field(default_factory=dict)
    items: dict[str, set[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def of(self, rater: str) -> dict[tuple[str, Metric], bool]:
        """A rater's answers by item and metric."""
        return {(one.item, one.metric): good for one, good in self.answers.items() if one.rater == rater}


def read_ratings(paths: Iterable[Path | str], study: Study, key: Iterable[Key]) -> Ratings:
    """The answers in filled files of any of the three formats; an empty one is missing.

    A fault names the file and the place in it, and what to do; everything else is read all the same.
    """
    found, known = Ratings(), {one.item for one in key}
    places: dict[Asked, str] = {}
    for path in map(Path, paths):
        try:
            for row in rows(path, study.metrics):
                if isinstance(row, InputError):
                    found.faults.append(f"{path}: {row}")
                elif fault := _stranger(row, study, known):
                    found.faults.append(f"{path}: {row.place}: {fault}")
                else:
                    found.faults += _take(row, path, study, found, places)
        except FileError as error:
            found.faults.append(str(error))
    return found


def _stranger(row: Row, study: Study, known: set[str]) -> str | None:
    """What is wrong with a row whose item is none of the study's."""
    if row.item in known:
        return None
    if not row.item:
        return "has no item's id; copy it from the file that was given out"
    if row.item.partition("-")[0] != study.code:
        return f"item {row.item!r}: is of another study; this one's begin with {study.code!r}"
    return f"item {row.item!r}: is unknown{nearest(row.item, known)}; copy it from the file that was given out"


def _take(row: Row, path: Path, study: Study, found: Ratings, places: dict[Asked, str]) -> Iterator[str]:
    """Add a row's answers; yields what is wrong with some of them."""
    given = found.items.setdefault(row.rater, set(study.orders.get(row.rater, ())))
    given.add(row.item)
    for metric, (called, said) in row.answers.items():
        asked = Asked(row.rater, row.item, metric)
        try:
            good = _answer(said)
        except InputError as error:
            yield f"{path}: {row.place}, column {called}: {error}"
            continue
        if good is None:
            continue
        if asked in places:
            yield f"{path}: {row.place}, column {called}: {row.rater} answered this in {places[asked]}, which counts"
            continue
        places[asked] = f"{path}, {row.place}"
        found.answers[asked] = good


def _answer(said: Any) -> bool | None:
    """1 or 0, also typed in full width, as true and false or 1.0; None where nothing stands there."""
    text = unicodedata.normalize("NFKC", "" if said is None else str(said)).strip().lower().removesuffix(".0")
    if not text:
        return None
    if text not in ANSWERS:
        raise InputError(f"{said!r} is no answer; write 1 (no fault) or 0 (a fault), or leave it empty")
    return ANSWERS[text]
