"""What is evaluated: a session, whose it is, and which merchant was called; and what people say of it."""

from __future__ import annotations

from dataclasses import dataclass

from telerole.evaluation.judge.questions import Metric
from telerole.postprocess.filtering import Example
from telerole.records import Record, Text


@dataclass(frozen=True, slots=True)
class Played:
    """A session that `system` played with `merchant`, both names of the evaluation."""

    system: str
    merchant: str
    example: Example

    @property
    def id(self) -> str:
        """``<system>/<merchant>/<session>``: its name in an evaluation, in verdicts and in labels."""
        return f"{self.system}/{self.merchant}/{self.example.session.id}"

    @property
    def script(self) -> str:
        """The scenario it was played from: sessions of one scenario are no independent observations."""
        return self.example.session.scenario_id


class Label(Record):
    """What a person says of one metric of one session: True is the paper's 1. `session` is a `Played.id`."""

    session: Text
    metric: Metric
    good: bool
    rater: str = ""
