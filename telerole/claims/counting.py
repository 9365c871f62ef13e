"""The numbers and dates of a text that has its spoken numbers as digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from telerole.claims.claim import Kind
from telerole.claims.words import NUMBER, amounts, data, dates, pattern
from telerole.records import Language

_SENTENCE = re.compile(r"[^.?!。！？]+")
_FIGURE = re.compile(NUMBER)


class Counted(NamedTuple):
    """A number or date, and the span in which it stands; without a value it is only a way of talking."""

    kind: Kind
    value: str
    start: int
    end: int


def counted(digits: str, language: Language) -> list[Counted]:
    """The dates and numbers that are claims; a span is told once, by the fullest form."""
    taken = [found.span() for found in pattern("idle", language).finditer(digits.lower())]
    proposed = _appointments(digits, language)
    told: list[Counted] = []
    for one in (*_dates(digits, language), *_amounts(digits, language)):
        if not any(start < one.end and one.start < end for start, end in taken):
            taken.append((one.start, one.end))
            if one.value and not (one.kind == "date" and any(start <= one.start < end for start, end in proposed)):
                told.append(one)
    return told


def _appointments(digits: str, language: Language) -> list[tuple[int, int]]:
    """The sentences about speaking again: their days are asked for, not told."""
    cue = pattern("appointment", language)
    return [found.span() for found in _SENTENCE.finditer(digits) if cue.search(found[0].lower())]


def figures(digits: str) -> set[str]:
    """Every number of the text, whatever it is said of."""
    return {plain(found[0]) for found in _FIGURE.finditer(digits)}


def plain(figure: str) -> str:
    """A number without the marks of its thousands and the noughts that say nothing."""
    whole, _, part = figure.replace(",", "").partition(".")
    part = part.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{part}" if part else whole


def _dates(digits: str, language: Language) -> Iterator[Counted]:
    if not pattern("dated", language).search(digits):
        return
    for form in dates(language):
        for found in form.finditer(digits):
            value = _date(found.groupdict(), language)
            if value is not None:
                yield Counted("date", value, *found.span())


def _amounts(digits: str, language: Language) -> Iterator[Counted]:
    for amount in amounts(language):
        for found in amount.pattern.finditer(digits):
            figure = plain(next(group for group in found.groups() if group))
            minor = Decimal(found["minor"]) * Decimal(str(amount.minor)) if amount.minor else 0
            value = plain(f"{Decimal(figure) * amount.times + minor:f}") if minor or amount.times > 1 else figure
            yield Counted("number", value + amount.unit if Decimal(figure) >= amount.least else "", *found.span())


def _date(parts: dict[str, str | None], language: Language) -> str | None:
    """The value of a date from the named parts of its form, or None where the calendar has no such day."""
    if parts.get("year"):
        return parts["year"]
    if weekday := parts.get("weekday"):
        return f"W{data(language)['weekdays'].get(weekday.lower(), weekday)}"
    if parts.get("noon"):
        return "12:00"
    if hour := parts.get("hour"):
        return _clock(int(hour), "30" if parts.get("thirty") is not None else parts.get("minute") or "00")
    month = _month(parts.get("month") or parts.get("month2"), language)
    first = _day(month, parts.get("day"))
    if first is None or not parts.get("day2"):
        return first
    last = _day(_month(parts.get("month2"), language) or month, parts["day2"])
    return f"{first}/{last}" if last else first


def _clock(hour: int, minute: str) -> str | None:
    return f"{hour % 12 or 12}:{int(minute):02}" if hour <= 24 and int(minute) < 60 else None


def _month(said: str | None, language: Language) -> str:
    if not said:
        return ""
    number = int(said) if said.isdigit() else data(language)["months"][said.lower()]
    return f"{number:02}" if 1 <= number <= 12 else ""


def _day(month: str, said: str | None) -> str | None:
    if not said:
        return f"{month}-" if month else None
    return f"{month}-{int(said):02}" if 1 <= int(said) <= 31 else None
