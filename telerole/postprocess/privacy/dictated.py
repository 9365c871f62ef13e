"""What its digits give away: telephone numbers, identity and bank cards, QQ numbers, dictated in groups or whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from telerole.numerals import Number
from telerole.postprocess.privacy.items import Item, Kind, Said, data
from telerole.records import Language

SHORTEST, LONGEST = 5, 19  # digits of an item
NEAR = 40  # how far before a number the word may stand that says what it is, in characters
_DATE = re.compile(r"(?<!\d)(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}[:：]\d{2})(?!\d)")
_MODEL = re.compile(r"(?<!qq)(?<![vw]x)(?<=[a-z])\Z", re.IGNORECASE)  # the 1380 of X1380 is no number by itself
_PLUS = re.compile(r"(?:[+＋]|\bplus\s+)\Z", re.IGNORECASE)
_OPENED = re.compile(r"[(（][^()（）]*[)）][^()（）]*")
_X = re.compile(r"[\s,，]*[Xx叉](?![A-Za-z])")
_ID = re.compile(r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # of a resident id, GB 11643-1999
_CARD = re.compile(r"62\d{14,17}|4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7]|6[05])\d{14}|3[47]\d{13}")
_MOBILE = re.compile(r"(?:(?:00)?86)?(1[3-9]\d{9})")
_LANDLINE = re.compile(r"(?:(?:00)?86)?(0(?:10|2\d|[3-9]\d\d)[2-8]\d{6,7}|[48]00\d{7})")
_NANP = re.compile(r"1?([2-9]\d\d[2-9]\d{6})")
_UK_MOBILE = re.compile(r"07[1-9]\d{8}")


class Candidate(NamedTuple):
    """Some groups of a dictated number: their digits, what they are said to be, and what shows that they were grouped.

    `told` is whether a word for a telephone stands near, whatever else they are said to be; `plus` is whether a plus
    stands before them, `grouped` whether they come in the groups of a telephone number.
    """

    digits: str
    context: str
    told: bool
    plus: bool
    grouped: bool


def dictated(said: Said) -> Iterator[Item]:
    """The items in a text's digits, the longest first where one could be read in another."""
    for run in _runs(said):
        place = 0
        while place < len(run):
            item, place = _longest(said, run, place)
            if item:
                yield item


def _runs(said: Said) -> Iterator[list[Number]]:
    """The numbers between which nothing stands but pauses and fillers."""
    gap, run = _gap(said.language), list[Number]()
    dates = [match.span() for match in _DATE.finditer(said.text)]
    for number in said.numbers:
        counted = _quantity(said.language).search(said.text[number.start : number.end])
        named = _MODEL.search(said.text[: number.start])
        if counted or named or any(start <= number.start < end for start, end in dates):
            continue
        if run and not gap.fullmatch(said.text, run[-1].end, number.start):
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _longest(said: Said, run: Sequence[Number], place: int) -> tuple[Item | None, int]:
    """The longest item that begins with this group, and where to go on."""
    total, ends = 0, []
    for number in run[place:]:
        total += len(number.digits)
        if total > LONGEST:
            break
        ends.append(total)
    for count in range(len(ends), 0, -1):
        if ends[count - 1] >= SHORTEST and (item := _item(said, run[place : place + count])):
            return item, place + count
    return None, place + 1


def _item(said: Said, groups: Sequence[Number]) -> Item | None:
    start, end = groups[0].start, groups[-1].end
    digits = "".join(number.digits for number in groups)
    plus = _PLUS.search(said.text[:start])
    opened = _OPENED.fullmatch(said.text, max(0, start - 1), end) is not None
    context = _context(said, start, end)
    if len(digits) == 17 and (last := _X.match(said.text, end)):
        digits, end = digits + "X", last.end()
    sizes = [len(number.digits) for number in groups]
    grouped = sizes[:2] == [3, 3] or sizes[:3] == [1, 3, 3] or not said.text[start:end].isdigit()
    told = _telephone(said.language).search(said.text, max(0, start - NEAR), start) is not None
    candidate = Candidate(digits, context, told, plus is not None, grouped)
    for kind, reads in READERS[said.language]:
        if value := reads(candidate):
            return Item(kind, plus.start() if plus else start - opened, end, value)
    return None


def _context(said: Said, start: int, end: int) -> str:
    """What the number is said to be: by the last word before it that says so, or by what is said right after it."""
    before = said.text[max(0, start - NEAR) : start]
    found = ""
    for match in _contexts(said.language).finditer(before):
        if match.lastgroup != "order" or match.end() > len(before) - NEAR // 2:
            found = match.lastgroup or ""
    after = (kind for kind, words in _after(said.language) if words.match(said.text, end))
    return next(after, found)


def _resident_id(one: Candidate) -> str:
    """By its checksum, or by the word for it: people misspeak."""
    right = _ID.fullmatch(one.digits) and "10X98765432"[_weighed(one.digits) % 11] == one.digits[17]
    return one.digits if right or (one.context == "id" and len(one.digits) in (15, 17, 18)) else ""


def _weighed(digits: str) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=False))


def _passport(one: Candidate) -> str:
    return one.digits if one.context == "id" and len(one.digits) in (8, 9) else ""


def _card(one: Candidate) -> str:
    if one.context == "card":
        return one.digits if 12 <= len(one.digits) <= LONGEST else ""
    return one.digits if _CARD.fullmatch(one.digits) and _luhn(one.digits) else ""


def _luhn(digits: str) -> bool:
    twice = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(twice)) % 10 == 0


def _account(one: Candidate) -> str:
    told = one.context == "account" and len(one.digits) <= 12
    return one.digits if told and not _MOBILE.fullmatch(one.digits) else ""


def _is_order(one: Candidate) -> bool:
    """Whether the number is only an order's: nothing but a mobile number, a plus or a word for a telephone is surer."""
    return one.context == "order" and not one.told and not one.plus


def _chinese_phone(one: Candidate) -> str:
    if match := _MOBILE.fullmatch(one.digits):
        return match.group(1)
    if _is_order(one):
        return ""
    if match := _LANDLINE.fullmatch(one.digits):
        return match.group(1)
    local = one.context == "phone" and len(one.digits) in (7, 8) and one.digits[0] in "2345678"
    return one.digits if local else _world_phone(one)


def _english_phone(one: Candidate) -> str:
    if _UK_MOBILE.fullmatch(one.digits):
        return one.digits
    if _is_order(one):
        return ""
    if value := _world_phone(one):
        return value
    if one.digits.startswith("0"):
        return one.digits if len(one.digits) in (10, 11) and _possible(one.digits, "GB") else ""
    told = one.told or one.context == "phone"
    if match := _NANP.fullmatch(one.digits):
        return match.group(1) if told or one.grouped else ""
    return one.digits if told and len(one.digits) == 7 and one.grouped else ""


def _world_phone(one: Candidate) -> str:
    """A number with its country's code; Britain's, America's and China's own numbers are told without it."""
    if not (one.plus or one.digits.startswith("00")) or not _possible("+" + one.digits.lstrip("0"), None):
        return ""
    digits = one.digits.lstrip("0")
    if digits.startswith("44"):
        return "0" + digits[2:].lstrip("0")
    return digits.removeprefix("86") if len(digits) == 13 else digits.removeprefix("1") if len(digits) == 11 else digits


def _possible(digits: str, region: str | None) -> bool:
    from phonenumbers import NumberParseException, is_possible_number, parse

    try:
        return is_possible_number(parse(digits, region))
    except NumberParseException:
        return False


READERS: dict[Language, tuple[tuple[Kind, Callable[[Candidate], str]], ...]] = {
    "zh": (("id", _resident_id), ("card", _card), ("account", _account), ("phone", _chinese_phone)),
    "en": (("card", _card), ("id", _passport), ("phone", _english_phone), ("account", _account)),
}


@cache
def _gap(language: Language) -> re.Pattern[str]:
    return re.compile(data(language)["gap"], re.IGNORECASE)


@cache
def _contexts(language: Language) -> re.Pattern[str]:
    words = data(language)["context"].items()
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in words), re.IGNORECASE)


@cache
def _telephone(language: Language) -> re.Pattern[str]:
    return re.compile(data(language)["telephone"], re.IGNORECASE)


@cache
def _quantity(language: Language) -> re.Pattern[str]:
    return re.compile(data(language)["quantity"], re.IGNORECASE)


@cache
def _after(language: Language) -> tuple[tuple[str, re.Pattern[str]], ...]:
    words = data(language)["after"].items()
    return tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in words)
