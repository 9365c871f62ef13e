"""What raters read beside the calls, in their language: names, questions, headings, instructions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import yaml

from telerole.evaluation.judge.questions import Metric
from telerole.persona import Role
from telerole.records import Language, Record, Text


class Asked(Record):
    """A metric's question as people read it: what deserves a 1, what a 0, and what is no fault."""

    name: Text
    question: Text
    good: Text
    faults: tuple[Text, ...]
    fine: tuple[Text, ...]


class Wording(Record):
    """The words of one language. `columns` are the headings of a sheet beside the metrics' names."""

    speakers: dict[Role, Text]
    columns: dict[str, Text]
    good: Text
    bad: Text
    metrics: dict[Metric, Asked]


@cache
def wording(language: Language) -> Wording:
    """The words in ``wording.<language>.yaml``."""
    return Wording.model_validate(yaml.safe_load(_text(f"wording.{language}.yaml")))


def instructions(language: Language, metrics: Sequence[Metric]) -> str:
    """``instructions.<language>.md`` with the questions that are asked."""
    from jinja2 import Environment, StrictUndefined

    words = wording(language)
    page = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return page.from_string(_text(f"instructions.{language}.md")).render(
        metrics=[words.metrics[metric] for metric in metrics], columns=words.columns
    )


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
