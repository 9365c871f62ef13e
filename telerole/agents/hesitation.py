"""The small words that fill a spoken line: um, you know, 那个. Written lines lack them, people on the phone do not."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from random import Random

import yaml

from telerole.persona import Role
from telerole.reading import words
from telerole.records import LANGUAGES, Language, Record

SHORT = 4  # words; nobody hums before a plain yes
COMMA: dict[Language, str] = {"en": ", ", "zh": "，"}


class Chance(Record):
    """How often a filler opens a line, and how often one follows a comma inside it."""

    before: float
    within: float


class Hesitations(Record):
    """One language's fillers and how often each role uses them; a line that begins with one of `starts` takes none."""

    before: tuple[str, ...]
    within: tuple[str, ...]
    starts: frozenset[str]
    chance: dict[Role, Chance]


@cache
def hesitations(language: Language) -> Hesitations:
    """The bundled table of a language."""
    raw = yaml.safe_load((files("telerole.agents") / "hesitations.yaml").read_text(encoding="utf-8"))
    assert raw.keys() == set(LANGUAGES)
    return Hesitations(**raw[language])


def hesitate(text: str, role: Role, language: Language, random: Random, names: str = "") -> str:
    """The line as somebody says it who thinks while speaking; short lines, and those that hum already, stay.

    `names` holds the words that keep their capital inside a sentence.
    """
    table, comma = hesitations(language), COMMA[language]
    chance = table.chance[role]
    if words(text, language) <= SHORT or _fillers(language).search(text.lower()):
        return text
    parts = text.split(comma)
    for index in range(1, len(parts)):
        if words(parts[index], language) > SHORT and random.random() < chance.within:
            parts[index] = random.choice(table.within) + comma + parts[index]
    spoken = comma.join(parts)
    if random.random() >= chance.before or _first_word(spoken) in table.starts:
        return spoken
    return f"{random.choice(table.before)}{comma}{_inside(spoken, names)}"


def unhesitating(text: str, language: Language) -> str:
    """The line without such small words, in lower case: what it would be compared by."""
    return _fillers(language).sub("", text.lower())


@cache
def _fillers(language: Language) -> re.Pattern[str]:
    table = hesitations(language)
    either = "|".join(
        sorted({re.escape(word.lower()) for word in (*table.before, *table.within)}, key=len, reverse=True)
    )
    return re.compile(rf"(?:(?<=^)|(?<=[\s，。！？])|(?<=[.!?,] ))(?:{either}){re.escape(COMMA[language])}")


def _first_word(text: str) -> str:
    return re.split(r"[\s,，。.!！?？-]", text, maxsplit=1)[0].lower()


def _inside(text: str, names: str) -> str:
    """The line as it stands inside a sentence: without its capital, unless that belongs to a name or an I."""
    first = re.split(r"[\s,.!?]", text, maxsplit=1)[0]
    if first.startswith(("I'", "I’")) or first == "I" or first in names.split() or first[1:2].isupper():
        return text
    return text[0].lower() + text[1:]
