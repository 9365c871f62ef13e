"""Numbers in what people say, written or spoken: 一百八十六, "a hundred and eighty-six", "double five oh one two".

Each language has its reader, which returns the parts that stand by themselves; here the parts of one digit string, such
as the groups of a phone number, become one number. What looks like a number and is none (一下, "one of") is data,
``<language>.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from telerole.numerals import en, zh
from telerole.numerals.parts import Part, plain
from telerole.records import Language

Reader = Callable[[str], list[Part]]

READERS: dict[Language, Reader] = {"en": en.parts, "zh": zh.parts}
LONG = 7  # written groups with fewer digits together are no phone number
_GAP = re.compile(r"[ \u3000]?|[-‐–—]")
_DATE = re.compile(r"\d{4}[-‐–]\d{1,2}[-‐–]\d{1,2}")


class Number(NamedTuple):
    """Where a number stands in the text, and its canonical digits: ``"186"``, ``"0.5"``, ``"13812345678"``.

    Leading zeros are kept, and a decimal ends in no zero. `spoken` is whether some of it was said in words (or as a k).
    """

    start: int
    end: int
    digits: str
    spoken: bool


@lru_cache(maxsize=65536)
def numbers(text: str, language: Language) -> tuple[Number, ...]:
    """Every number of the text from left to right.

    A guess between two, such as 七八百 or 十七八, is two numbers: 700 and 800, 17 and 18.
    """
    found: list[Number] = []
    for chain in _chains(text, READERS[language](plain(text))):
        found.extend([_joined(chain)] if _one_string(text, chain) else map(_alone, chain))
    return tuple(found)


def as_digits(text: str, language: Language) -> tuple[str, tuple[int, ...]]:
    """The text with its spoken numbers in digits, and for each character of it the position it comes from in `text`.

    All digits of a number come from the number's first character; two numbers that touch are parted by a hyphen.
    """
    shown: list[str] = []
    places: list[int] = []
    done = 0
    for number in (number for number in numbers(text, language) if number.spoken):
        touches = number.start == done and shown and shown[-1].isdigit()
        digits = f"-{number.digits}" if touches else number.digits
        shown += [*text[done : number.start], *digits]
        places += [*range(done, number.start), *[number.start] * len(digits)]
        done = number.end
    return "".join([*shown, text[done:]]), (*places, *range(done, len(text)))


def _chains(text: str, parts: Sequence[Part]) -> list[list[Part]]:
    """The parts, those together between which stands nothing but a space or a hyphen."""
    chains: list[list[Part]] = []
    for part in parts:
        if chains and not part.ordinal and not chains[-1][-1].ordinal and _touch(text, chains[-1][-1], part):
            chains[-1].append(part)
        else:
            chains.append([part])
    return chains


def _touch(text: str, before: Part, after: Part) -> bool:
    return _GAP.fullmatch(text, before.end, after.start) is not None and not before.guess


def _one_string(text: str, chain: list[Part]) -> bool:
    """Whether a chain is one digit string, such as a phone number in groups, or a year in two halves."""
    if len(chain) == 1 or not all(part.string for part in chain):
        return False
    if all(part.spoken for part in chain):
        return True
    if _DATE.match(text, chain[0].start):
        return False
    if all(len(part.digits) < 3 for part in chain):
        return len(chain) > 2
    total = sum(len(part.digits) for part in chain)
    grouped = len(chain) > 2 or chain[0].digits.startswith("0") or total >= 11
    return total >= LONG and grouped


def _joined(chain: list[Part]) -> Number:
    digits = "".join(part.digits for part in chain)
    return Number(chain[0].start, chain[-1].end, digits, any(part.spoken for part in chain))


def _alone(part: Part) -> Number:
    return Number(part.start, part.end, part.digits, part.spoken)
