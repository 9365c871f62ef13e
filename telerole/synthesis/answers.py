"""The shapes in which a model answers: field by field in the order in which it should think."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from telerole.numerals import numbers
from telerole.persona import Role
from telerole.profile import ProfileField, ProfileTemplate, Value
from telerole.strategy import Strategy

HAN = re.compile("[\u4e00-\u9fff]")
LONGEST = 18  # digits of a number that a profile holds


class Answer(BaseModel):
    """Part of a model's answer; texts lose the blanks at their ends."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)


class Told(Answer):
    """A profile field and what the script tells of it; several values only where a field takes several tags."""

    field: str
    values: list[str] = Field(min_length=1)


class CleanTurn(Answer):
    """A turn with what it is about, written first, who speaks, and the lines it comes from."""

    note: str
    speaker: Role
    lines: list[int]
    steps: list[str]
    text: str = Field(min_length=1)


class Removal(Answer):
    """Lines that were left out, and why."""

    lines: list[int]
    why: str


class Extraction(Answer):
    """Profile, strategy and session of one script, or of a window of a long one (paper 4.1)."""

    template: str
    fields: list[Told]
    strategy: str
    offers: list[str]
    turns: list[CleanTurn]
    removed: list[Removal]


class PrefixTurn(Answer):
    """A turn that leads to the question, and what it is for, written first."""

    note: str
    speaker: Role
    text: str = Field(min_length=1)


class Prefix(Answer):
    """The turns before the expert's question and answer (paper 4.3)."""

    turns: list[PrefixTurn] = Field(min_length=3)


class Check(Answer):
    """What a reader finds in a prefix: reason first, then the verdicts; `quote` is what is wrong, or empty."""

    reason: str
    leads_naturally: bool
    gives_answer_away: bool
    contradicts_profile: bool
    quote: str


def extraction_of(templates: Sequence[ProfileTemplate], strategies: Sequence[Strategy]) -> type[Extraction]:
    """`Extraction` with nothing else to choose: these templates and their fields, these strategies and their steps."""
    known = {template.id: template for template in templates}
    steps = {strategy.id: {step.id for step in strategy.flow} for strategy in strategies}

    def fits(answer: Extraction) -> Extraction:
        faults = [fault for told in answer.fields if (fault := _fault(told, known[answer.template]))]
        faults += [
            f"turns[{number}].steps: {step!r} is no step of {answer.strategy}"
            for number, turn in enumerate(answer.turns)
            for step in turn.steps
            if step not in steps[answer.strategy]
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return answer

    class Bound(Extraction):
        @model_validator(mode="after")
        def _fits(self) -> Self:
            fits(self)
            return self

    fields = tuple(dict.fromkeys(name for template in templates for name in template.fields))
    all_steps = tuple(dict.fromkeys(step.id for strategy in strategies for step in strategy.flow))
    told = create_model("Told", __base__=Told, field=_choice(fields))
    step, _ = _choice(all_steps)
    turn = create_model("CleanTurn", __base__=CleanTurn, steps=(list[step], ...))  # type: ignore[valid-type]
    return create_model(
        "Extraction",
        __base__=Bound,
        template=_choice(tuple(known)),
        fields=(list[told], ...),
        strategy=_choice(tuple(steps)),
        turns=(list[turn], ...),
    )


def value_of(values: Sequence[str], field: ProfileField) -> Value:
    """What a profile holds in this field, from the words of an answer; a number is read in digits or in words.

    Words that are no number, or one that counts nothing (of more than `LONGEST` digits), stay as they are.
    """
    if field.kind == "tags":
        return tuple(dict.fromkeys(values))
    if field.kind == "number":
        found = next(iter(numbers(values[0], "zh" if HAN.search(values[0]) else "en")), None)
        return int(Decimal(found.digits)) if found and len(found.digits) <= LONGEST else values[0]
    return values[0]


def _fault(told: Told, template: ProfileTemplate) -> str | None:
    field = template.fields.get(told.field)
    if field is None:
        return f"fields: {told.field!r} is no field of {template.id}"
    fault = field.fault(value_of(told.values, field))
    return f"fields: {told.field}: {fault}" if fault else None


def _choice(words: tuple[str, ...]) -> Any:
    return (Literal[words], ...)
