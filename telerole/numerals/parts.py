"""What the readers of the languages share: a part of a text that reads as a number, and how numbers are written."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from telerole.records import Language

FULL_WIDTH = str.maketrans("０１２３４５６７８９．＋－", "0123456789.+-")
WRITTEN = r"(?>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)"
_IN_FULL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千")
_IN_FULL_RUN = re.compile(r"[零〇幺壹贰叁肆伍陆柒捌玖拾佰仟]{3,}")  # fewer may be a name: 陆总
MASK = "\0"  # stands for each character of a set phrase: no number is read in it


def plain(text: str) -> str:
    """The text, character for character, with full-width digits as digits and 壹贰叁 as 一二三."""
    return _IN_FULL_RUN.sub(lambda run: run[0].translate(_IN_FULL), text.translate(FULL_WIDTH))


class Part(NamedTuple):
    """A number as it stands by itself. `string` is whether its digits can be some of a longer digit string.

    `ordinal` numbers (4th) and a `guess` (the 七 of 七八百) are never joined with what follows.
    """

    start: int
    end: int
    digits: str
    spoken: bool
    string: bool = False
    ordinal: bool = False
    guess: bool = False


def canonical(value: str) -> str:
    """A written number in canonical digits: without thousands separators, and without zeros that end a decimal."""
    plain = value.replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def shown(value: Decimal) -> str:
    """A value in canonical digits."""
    return canonical(f"{value:f}")


@cache
def data(language: Language) -> dict[str, Any]:
    """The words of a language, ``<language>.yaml``."""
    return dict(yaml.safe_load((files(__package__) / f"{language}.yaml").read_text(encoding="utf-8")))
