"""Numbers in English: text2num reads cardinals, decimals and ordinals; digit strings as people dictate them are ours.

text2num 3.1 tells the places of what it reads, but no "double five", no "oh", and takes "nine hundred one two" of a
telephone number for 901 and 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from telerole.numerals.parts import MASK, WRITTEN, Part, canonical, data, shown

if TYPE_CHECKING:
    from text_to_num import Occurence

_TOKEN = re.compile(rf"{WRITTEN}|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_SCALE = re.compile(r"(?<=\d)[\s-]?(k|hundred|thousand|million|billion)\b")
_NUMERAL = re.compile(
    r"\b(?:oh?|zero|nil|n[ao]ught|one|two|three|third|fou?r|fi[fv]|six|seven|eigh|nin|ten|eleven|twel[fv]|twent|thirt|"
    r"hundred|thousand|million|billion|double|triple|treble|first|second)"
)


class _Word:
    """A token as text2num asks for it: whether a new number begins with it, and whether "double" stands before it."""

    def __init__(self, match: re.Match[str]) -> None:
        words = data("en")
        self.start, self.end = match.span()
        self.said: str = words["same"].get(match.group(), match.group())
        self.digit = self.said if re.fullmatch(r"\d", self.said) else str(words["figures"].get(self.said, ""))
        self.numeral = self.said[0].isdigit() or self.said in {*words["figures"], *words["tens"], *words["times"]}
        self.apart = self.doubled = False

    def text(self) -> str:
        return MASK if self.doubled or self.said in data("en")["letters"] else self.said

    def nt_separated(self, previous: object) -> bool:
        return self.apart

    def not_a_number_part(self) -> bool:
        return False


def parts(text: str) -> list[Part]:
    """The numbers of the text that stand by themselves, from left to right."""
    hidden = _phrases().sub(_masked, _lower(text))
    written = list(_written(hidden))
    if not _NUMERAL.search(hidden):
        return written
    words = [_Word(match) for match in _TOKEN.finditer(_SCALE.sub(_masked, _alone().sub(_pronoun, hidden)))]
    spoken = list(_spoken(words))
    doubled = {part.end for part in spoken}  # the 5 of "double 5"
    return sorted([*(part for part in written if part.end not in doubled), *spoken])


def _masked(match: re.Match[str]) -> str:
    return MASK * len(match.group())


def _pronoun(match: re.Match[str]) -> str:
    """The mask for a "one" by itself; one that is dictated with other figures stays."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    beside = _before().search(before) or _after().match(after)
    return match.group() if beside else _masked(match)


def _lower(text: str) -> str:
    """The text in lower case, place by place (the few letters whose lower case is longer stay)."""
    lowered = text.lower()
    return (lowered if len(lowered) == len(text) else text).replace("’", "'")


def _written(text: str) -> Iterator[Part]:
    for match in re.finditer(WRITTEN, text):
        said, end = match.group(), match.end()
        if scale := _SCALE.match(text, end):
            value = Decimal(said.replace(",", "")) * data("en")["scales"][scale.group(1)]
            yield Part(match.start(), scale.end(), shown(value), spoken=True)
        elif ordinal := _ORDINAL.match(text, end):
            yield Part(match.start(), ordinal.end(), said, spoken=False, ordinal=True)
        else:
            yield Part(match.start(), end, canonical(said), spoken=False, string=said.isdigit())


def _spoken(words: list[_Word]) -> Iterator[Part]:
    from text_to_num import find_numbers

    for before, here, following in zip(words, words[1:], words[2:], strict=False):
        # "Nine hundred one two three" is dictated: the figures after the hundred are not added to it.
        here.apart = before.said == "hundred" and bool(here.digit and following.digit)
    for before, here in pairwise(words):
        here.doubled = before.said in data("en")["times"] and bool(here.digit)
    found = {number.start: number for number in find_numbers(words, "en", 0.0)}
    place = 0
    while place < len(words):
        word, after = words[place], words[place + 1] if place + 1 < len(words) else None
        if number := found.get(place):
            yield _counted(words, number)
            place = number.end
        elif (times := data("en")["times"].get(word.said)) and after and after.digit:
            yield Part(word.start, after.end, after.digit * times, spoken=True, string=True)
            place += 2
        else:
            if word.said in data("en")["letters"] and _is_zero(words, place):
                yield Part(word.start, word.end, "0", spoken=True, string=True)
            place += 1


def _counted(words: list[_Word], number: Occurence) -> Part:
    first, last = words[number.start], words[number.end - 1]
    after = words[number.end] if number.end < len(words) else None
    if number.is_ordinal:
        return Part(first.start, last.end, number.text.rstrip("stndrh"), spoken=True, ordinal=True)
    if after and after.said == "k":
        return Part(first.start, after.end, shown(Decimal(number.text) * 1000), spoken=True)
    before = words[number.start - 1] if number.start else None
    start = before.start if before and before.said == "a" and first.said in data("en")["scales"] else first.start
    string = len(number.text) < 3 or (last.said == "hundred" and after is not None and after.numeral)
    return Part(start, last.end, canonical(number.text), spoken=True, string=string)


def _is_zero(words: list[_Word], place: int) -> bool:
    """Whether an "oh" is a zero: right after a figure, or with two figures beside it."""
    if place and words[place - 1].numeral:
        return True
    pauses = data("en")["pauses"]
    before = [word.numeral for word in words[max(0, place - 6) : place] if word.said not in pauses][-2:]
    after = [word.numeral for word in words[place + 1 : place + 7] if word.said not in pauses][:2]
    return before == [True, True] or after == [True, True] or (before[-1:] == [True] and after[:1] == [True])


@cache
def _phrases() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(data('en')['phrases'])})(?!\w)")


@cache
def _alone() -> re.Pattern[str]:
    return re.compile(rf"\b{data('en')['alone']}")


@cache
def _figure_words() -> str:
    return "|".join([r"\d", *data("en")["figures"], *data("en")["times"]])


@cache
def _before() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_figure_words()})[\s,.\-]+$")


@cache
def _after() -> re.Pattern[str]:
    return re.compile(rf"[\s,.\-]+(?:{_figure_words()})\b")
