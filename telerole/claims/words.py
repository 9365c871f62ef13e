"""What the languages' YAML files hold, compiled."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from telerole.records import Language

NUMBER = r"(?:\d+(?:,\d{3})+|\d+)(?:\.\d+)?"


class Amount(NamedTuple):
    """How a number is said when it counts or measures something; fewer than `least` is only a way of talking.

    `minor` is what one of the smaller unit is worth, where a price names both ("four pounds twenty", 四块二).
    """

    pattern: re.Pattern[str]
    unit: str
    times: int
    least: int
    minor: float


@cache
def data(language: Language) -> dict[str, Any]:
    """The language's file as it is."""
    return dict(yaml.safe_load((files("telerole.claims") / f"{language}.yaml").read_text(encoding="utf-8")))


@cache
def dates(language: Language) -> tuple[re.Pattern[str], ...]:
    """The forms of a date, the fullest first."""
    found = data(language)
    words = {"MONTH": f"(?:{'|'.join(found['months'])})", "WEEKDAY": f"(?:{'|'.join(found['weekdays'])})"}
    return tuple(re.compile(_with(pattern, words), re.I) for pattern in found["dates"])


@cache
def amounts(language: Language) -> tuple[Amount, ...]:
    """The forms of a number that is a claim, in the order in which they are tried."""
    return tuple(
        Amount(
            re.compile(_with(rule["pattern"], {"N": NUMBER}), re.I),
            rule.get("unit", ""),
            rule.get("times", 1),
            rule.get("least", 0),
            rule.get("minor", 0),
        )
        for rule in data(language)["numbers"]
    )


@cache
def offers(language: Language) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What can be promised, and how it is put."""
    begins = data(language)["offer_begins"]
    return tuple(
        (concept, re.compile(f"{begins}(?:{'|'.join(cues)})")) for concept, cues in data(language)["offers"].items()
    )


@cache
def places(language: Language) -> frozenset[str]:
    """The places that are known by name."""
    return frozenset(name for group in data(language)["places"].values() for name in group)


@cache
def introduction(language: Language) -> re.Pattern[str]:
    """How a speaker says who it is."""
    found = data(language)["introduction"]
    return re.compile(_with(found["pattern"], {name: words for name, words in found.items() if name != "pattern"}))


@cache
def pattern(name: str, language: Language) -> re.Pattern[str]:
    """The one pattern of that name, such as ``idle``."""
    return re.compile(data(language)[name])


def _with(text: str, words: dict[str, str]) -> str:
    return re.sub(r"(?<![\\A-Za-z])[A-Z]+(?![a-z])", lambda found: words.get(found[0], found[0]), text)
