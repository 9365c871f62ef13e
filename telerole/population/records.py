"""What a population is to be: marginals and constraints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from telerole.errors import FileError
from telerole.records import Record, load

Attribute = Literal["language", "trade", "size", "temper", "strategy", "script", "merchant", "salesperson"]
ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
# Their values are words or names of one language, so their weights count within that language.
OF_A_LANGUAGE: frozenset[Attribute] = frozenset({"size", "strategy", "script", "merchant", "salesperson"})

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Values = Annotated[tuple[str, ...], BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw)]
Call = Mapping[Attribute, str]  # a call by its attributes


class Constraint(Record):
    """Where a call has all of `when`, it may not have all of `forbid`, or must have all of `require`.

    An attribute's values are alternatives: one of them is enough.
    """

    when: dict[Attribute, Values] = Field(min_length=1)
    forbid: dict[Attribute, Values] = {}
    require: dict[Attribute, Values] = {}

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if bool(self.forbid) == bool(self.require):
            raise ValueError("say either what `when` forbids or what it requires")
        return self

    def applies(self, call: Call) -> bool:
        """Whether the call is one that it speaks of."""
        return _has(call, self.when)

    def allows(self, call: Call) -> bool:
        """Whether the call may be drawn."""
        if not self.applies(call):
            return True
        return not _has(call, self.forbid) if self.forbid else _has(call, self.require)

    def __str__(self) -> str:
        verb, then = ("forbids", self.forbid) if self.forbid else ("requires", self.require)
        return f"{_text(self.when)} {verb} {_text(then)}"


class Population(Record):
    """Which calls to draw: for each attribute the weight of each value, and which combinations may not be.

    A value that is not listed is not drawn. Words and names of one language (size, strategy, script, merchant,
    salesperson) have their weights within it; where none of them is of a language, that language is drawn evenly, as
    is every attribute that is not declared.
    """

    marginals: dict[Attribute, Annotated[dict[str, Weight], Field(min_length=1)]] = {}
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """The population of a file; raises `FileError`."""
        found = load(path, cls)
        if len(found) > 1:
            raise FileError(path, [f"holds {len(found)} populations; a file holds one"])
        return found[0]

    def declared(self) -> list[Attribute]:
        """The attributes with a marginal, in one order however the file has them."""
        return [attribute for attribute in ATTRIBUTES if attribute in self.marginals]


def _has(call: Call, wanted: Mapping[Attribute, tuple[str, ...]]) -> bool:
    return all(call[attribute] in values for attribute, values in wanted.items())


def _text(wanted: Mapping[Attribute, tuple[str, ...]]) -> str:
    return ", ".join(f"{attribute} {' or '.join(values)}" for attribute, values in wanted.items())
