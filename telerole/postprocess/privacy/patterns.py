"""What its letters give away: e-mail, accounts, plates, passports and addresses, by patterns in the text in digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from telerole.postprocess.privacy.items import Item, Kind, Said, data
from telerole.records import Language

_IGNORING_CASE: dict[Language, frozenset[str]] = {
    "zh": frozenset({"email", "account", "plate", "id", "address"}),
    "en": frozenset({"email", "account"}),
}
_MARKS = re.compile(r"[\W_]+")


def written(said: Said) -> Iterator[Item]:
    """The items that a pattern finds."""
    shown, places = said.digits
    for kind, pattern in _patterns(said.language):
        for match in pattern.finditer(shown):
            first, end = match.span("item")
            value = _canonical(kind, match.group("item").lower(), said.language)
            yield Item(kind, places[first], _end(said, places, first, end), value)


def _canonical(kind: Kind, item: str, language: Language) -> str:
    if kind != "email":
        return _MARKS.sub("", item)
    for aloud, sign in data(language)["spelt"].items():
        item = item.replace(aloud, sign)
    return "".join(item.split())


def _end(said: Said, places: tuple[int, ...], first: int, end: int) -> int:
    """Where the item ends in the text: after the whole number, where it ends in one."""
    last = places[end - 1]
    within = next((number for number in said.numbers if number.spoken and number.start <= last < number.end), None)
    return within.end if within else last + 1


@cache
def _patterns(language: Language) -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    parts = data(language)["parts"]
    return tuple(
        (kind, re.compile(_filled(pattern, parts), re.IGNORECASE if kind in _IGNORING_CASE[language] else 0))
        for kind, patterns in data(language)["patterns"].items()
        for pattern in patterns
    )


def _filled(pattern: str, parts: dict[str, str]) -> str:
    while (filled := re.sub(r"@([A-Z]+)", lambda match: parts[match.group(1)], pattern)) != pattern:
        pattern = filled
    return pattern
