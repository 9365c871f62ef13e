"""Digits as they are spoken: 186 is 一百八十六, "one hundred and eighty six"; a phone number goes digit by digit."""

from __future__ import annotations

import re

from telerole.records import Language

STRING = 7  # from so many digits on, or with a leading nought, digits are read one by one
_ZH = "零一二三四五六七八九"
_ZH_SIZES = ((10000, "万"), (1000, "千"), (100, "百"), (10, "十"))
_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spoken(digits: str, language: Language) -> str:
    """The digits in words; a text that is not digits alone, commas between thousands aside, comes back as it is."""
    if not re.fullmatch("[0-9]+|[0-9]{1,3}(,[0-9]{3})+", digits):
        return digits
    digits = digits.replace(",", "")
    if len(digits) >= STRING or (digits[0] == "0" and len(digits) > 1):
        return "".join("幺" if one == "1" else _ZH[int(one)] for one in digits) if language == "zh" else _string(digits)
    return _chinese(int(digits)) if language == "zh" else _english(int(digits))


def _string(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)


def _chinese(number: int) -> str:
    """10 is 十, 105 一百零五, 110 一百一十, 20000 两万."""
    if number < 10:
        return _ZH[number]
    size, name = next(one for one in _ZH_SIZES if number >= one[0])
    head, rest = divmod(number, size)
    if size == 10:
        return (_ZH[head] if head > 1 else "") + name + (_ZH[rest] if rest else "")
    first = "两" if head == 2 else _chinese(head)
    gap = ("零" if 0 < rest < size // 10 else "") + ("一" if 10 <= rest < 20 else "")
    return first + name + gap + (_chinese(rest) if rest else "")


def _english(number: int) -> str:
    """As the British say it: 105 is one hundred and five."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[rest]}" if rest else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    head, rest = divmod(number, size)
    link = " and " if 0 < rest < 100 else " "
    return f"{_english(head)} {name}" + (f"{link}{_english(rest)}" if rest else "")
