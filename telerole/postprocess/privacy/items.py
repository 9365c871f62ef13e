"""A private item in a text, and the text as the recognisers see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import yaml

from telerole.numerals import Number, as_digits, numbers
from telerole.records import Language

Kind = Literal["phone", "id", "card", "account", "email", "plate", "address", "name"]


class Item(NamedTuple):
    """What identifies somebody: its kind, where it stands, and its canonical value, the same however it is said.

    A value is a number's digits (a phone number without its country's code), or the words without spaces and case.
    """

    kind: Kind
    start: int
    end: int
    value: str


@dataclass(frozen=True)
class Said:
    """A text with what was said right before it: items are looked for from `start` on."""

    text: str
    start: int
    language: Language

    @classmethod
    def after(cls, before: str, text: str, language: Language) -> Said:
        """The text as said after the line `before`."""
        return cls(f"{before}\n{text}" if before else text, len(before) + 1 if before else 0, language)

    @cached_property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers, in places of the whole text."""
        return numbers(self.text, self.language)

    @cached_property
    def digits(self) -> tuple[str, tuple[int, ...]]:
        """The whole text in digits, and where each of its characters comes from."""
        shown, places = as_digits(self.text, self.language)
        return shown, (*places, len(self.text))


@cache
def data(language: Language) -> dict[str, Any]:
    """The words and patterns of a language, ``<language>.yaml``."""
    return dict(yaml.safe_load((files(__package__) / f"{language}.yaml").read_text(encoding="utf-8")))


@cache
def placeholder(language: Language) -> re.Pattern[str]:
    """What the placeholders of the language look like, such as ``[PHONE_1]``: a group for each kind, its number."""
    forms = (re.escape(form).replace(r"\{\}", r"(\d+)") for form in data(language)["placeholders"].values())
    return re.compile("|".join(forms))
