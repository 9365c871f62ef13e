"""What is evaluated: a session, whose it is, and which merchant was called; and what people say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from telerole.errors import InputError
from telerole.evaluation.judge.questions import Metric
from telerole.postprocess.filtering import Example
from telerole.records import Record, Text
from telerole.runs import RunFolder


@dataclass(frozen=True, slots=True)
class Played:
    """A session that `system` played with `merchant`, both names of an evaluation; `source` is its seed script's id."""

    system: str
    merchant: str
    example: Example
    source: str = ""

    @property
    def id(self) -> str:
        """``<system>/<merchant>/<session>``: its name in an evaluation, in verdicts and in labels."""
        return f"{self.system}/{self.merchant}/{self.example.session.id}"

    @property
    def script(self) -> str:
        """The seed script, else the scenario, it was played from: what shares one is not independent."""
        return self.source or self.example.session.scenario_id


class Label(Record):
    """What a person says of one metric of one session: True is the paper's 1. `session` is a `Played.id`."""

    session: Text
    metric: Metric
    good: bool
    rater: str = ""


def played_in(path: Path | str) -> Iterator[Played]:
    """The finished sessions of an evaluation's folder: ``<system>/<merchant>/`` each holds a run.

    Raises `InputError` where it holds none.
    """
    runs = sorted(file.parent for file in Path(path).glob("*/*/run.json"))
    if not runs:
        raise InputError(f"{path}: holds no evaluation; name a folder that `telerole evaluate` made")
    for run in runs:
        for triplet in RunFolder.read(run).triplets():
            yield Played(run.parent.name, run.name, Example.of(triplet), triplet.source)
