"""Numbers in Chinese: cardinals to 亿, decimals, guesses (七八百), digit strings (幺三八), and figures with 万.

Own code: cn2an 0.5 reads the same words, but tells no places, takes 一下 for 1下 and stops at 三五百 and 万一.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from telerole.numerals.parts import MASK, WRITTEN, Part, canonical, data, shown

_FIGURE = "[一二两三四五六七八九]"
_STRING = "[零〇幺一二三四五六七八九]"
_COUNT = f"(?:{_FIGURE}{{1,2}}|{WRITTEN})"
_TAIL = rf"(?:[零〇]?{_FIGURE}{{1,2}}|(?<=[百千万])\d(?![\d.,]))"
_SECTION = f"(?:{_COUNT}千)?(?:[零〇]?{_COUNT}百)?(?:[零〇]?{_COUNT}?十|[廿卅])?{_TAIL}?"  # what stands before 万
_POINT = f"点{_STRING}++(?![十百千点个刻]|(?<=零.)分)"  # 三点五十 is a time
_COEFFICIENT = rf"(?:{WRITTEN}|[零〇]?{_SECTION}(?:{_POINT})?)[来多几余]?"
_CARDINAL = f"(?:{_COEFFICIENT}亿)?(?:{_COEFFICIENT}万)?[零〇]?{_SECTION}"
_READ = re.compile(
    rf"(?P<string>{_STRING}{{2,}}+(?![十百千万亿]))"
    rf"|(?P<written>{WRITTEN})(?![来多几余]?[百千万亿])"
    rf"|(?P<decimal>(?:{_SECTION}|零){_POINT})(?![来多几余]?[万亿])"
    rf"|(?P<cardinal>(?=[\d十廿卅]|{_FIGURE}|[零〇]{_FIGURE}){_CARDINAL})"
    r"|(?P<figure>[零〇幺俩仨])"
)
_K = re.compile(  # 3k is 3千, but 4K is a screen's, 18K a gold's
    r"(?<![A-Za-z\d.\-])(\d{1,3}(?:\.\d+)?)[kK](?![A-Za-z\d\-])"
    r"(?!\s?(?:电视|超?高清|超清|屏|分辨率|画质|显示|视频|投影|摄像|[黄玫白足]?瑰?金))"
)
_TOKEN = re.compile(rf"{WRITTEN}|点{_STRING}+|.")
_PAIR = re.compile(f"{_FIGURE}{{2}}")
_GUESSES = frozenset(["一二", "一两", "两三", "二三", "三四", "三五", "四五", "五六", "六七", "七八", "八九"])


def parts(text: str) -> list[Part]:
    """The numbers of the text that stand by themselves, from left to right."""
    hidden = _K.sub(r"\1千", text)
    for _ in range(2):  # the 一下 of 统一一下 stands after a phrase, not after a numeral
        hidden = _hidden().sub(lambda match: MASK * len(match.group()), hidden)
    return [part for match in _READ.finditer(hidden) if match.group() for part in _read(match)]


def _read(match: re.Match[str]) -> Iterator[Part]:
    said, start, end = match.group(), match.start(), match.end()
    if match.lastgroup == "written":
        yield Part(start, end, canonical(said), spoken=False, string=said.isdigit())
    elif pair := _guess(said):
        middle = start + pair.start() + 1
        yield Part(start, middle, _value(said[: pair.start() + 1] + said[pair.end() :]), spoken=True, guess=True)
        yield Part(middle, end, _value(said[: pair.start()] + said[pair.start() + 1 :]), spoken=True)
    elif match.lastgroup == "string":
        yield Part(start, end, _digits(said), spoken=True, string=True)
    else:
        yield Part(start, end, _value(said), spoken=True, string=end - start == 1 and said not in "十廿卅")


def _guess(said: str) -> re.Match[str] | None:
    """The two figures between which a number is guessed, as in 七八百 and 十七八; a longer string is dictated."""
    pair = _PAIR.search(said)
    return pair if pair and pair.group() in _GUESSES and not re.search(f"{_STRING}{{3}}", said) else None


def _digits(said: str) -> str:
    figures = data("zh")["digits"]
    return "".join(str(figures[character]) for character in said)


def _value(said: str) -> str:
    """The value of a number in words or with figures before its 万, 千 or 百."""
    words = data("zh")
    whole = said.translate(_tens())
    total = section = Decimal(0)
    number: Decimal | None = None
    last = 1  # what a figure at the end counts, as the 二 of 一千二
    for token in _TOKEN.findall(whole):
        if scale := words["scales"].get(token):
            if scale < 10_000:
                section += (1 if number is None else number) * scale
            else:
                section += number or 0
                total = total + section * scale if scale == 10_000 else (total + section) * scale
                section = Decimal(0)
            number, last = None, scale // 10
        elif token[0] == "点":
            number = (number or 0) + Decimal(f"0.{_digits(token[1:])}")
        elif token in words["digits"]:
            number, last = Decimal(words["digits"][token]), last if words["digits"][token] else 1
        elif token not in "来多几余":
            number = Decimal(token.replace(",", ""))
    return shown(total + section + (number or 0) * last)


@cache
def _tens() -> dict[int, str]:
    return str.maketrans(data("zh")["tens"])


@cache
def _hidden() -> re.Pattern[str]:
    words = data("zh")
    numeral = rf"[\d两几十百千万亿{_STRING[1:]}"
    phrases = "|".join(words["phrases"])
    return re.compile(rf"(?<!{numeral})(?:{phrases})|{'|'.join(words['units'])}")
