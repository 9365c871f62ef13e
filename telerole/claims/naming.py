"""The names and places of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from telerole.claims.claim import Kind
from telerole.claims.words import data, places
from telerole.records import Language

_CAPITALS = re.compile(r"(?<![\w'’-])[A-Z][\w'’-]*(?:\s(?:(?:&|of|of the)\s)?[A-Z][\w'’-]*)*")
_FIRST = re.compile(r"(?:^|[.!?…:\"“”]\s*)$")
_POSSESSIVE = re.compile(r"['’]s?$")
_NAMING = frozenset({"nr", "ns", "nt", "nz"})  # rjieba's tags of proper names
_WHOLE = 3  # characters of a surname and a given name


class Named(NamedTuple):
    """A name, and the span in which it stands."""

    kind: Kind
    value: str
    start: int
    end: int


@lru_cache(maxsize=65536)
def named(text: str, language: Language) -> tuple[Named, ...]:
    """The people, companies and places that the text names."""
    taken: list[tuple[int, int]] = []
    told: list[Named] = []
    for one in _chinese(text) if language == "zh" else _english(text):
        if not any(start < one.end and one.start < end for start, end in taken):
            taken.append((one.start, one.end))
            told.append(one)
    return tuple(told)


def _english(text: str) -> Iterator[Named]:
    for found in _titled_english().finditer(text):
        yield Named("name", found[1], *found.span())
    names = data("en")["names"]
    for run in _CAPITALS.finditer(text):
        words = list(re.finditer(r"\S+", run[0]))
        if _FIRST.search(text, 0, run.start()) and _bare(words[0][0]) not in _known_english():
            words = words[1:]  # a sentence begins with a capital whatever the word
        while words and (words[0][0].islower() or _ordinary(words[0][0])):
            words = words[1:]
        while words and _ordinary(words[-1][0]):
            words = words[:-1]
        if words:
            start, end = run.start() + words[0].start(), run.start() + words[-1].end()
            value = _bare(text[start:end])
            if value not in names["home"]:
                same = names["same"].get(value, value)
                yield Named(_kind(text[:start], same), same, start, start + len(value))


@cache
def _known_english() -> frozenset[str]:
    """The names that are known for sure: where a sentence begins, any other word has a capital too."""
    return places("en") | set(data("en")["names"]["known"])


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", word)


def _ordinary(word: str) -> bool:
    return re.split(r"['’]", word.lower())[0] in _common() or word.lower() in _common()


def _kind(before: str, value: str) -> Kind:
    return "place" if value in places("en") or _before_place().search(before) else "name"


def _chinese(text: str) -> Iterator[Named]:
    for found in _known_chinese().finditer(text):
        yield Named("place" if found[0] in places("zh") else "name", found[0], *found.span())
    for found in _titled_chinese().finditer(text):
        yield Named("name", found["titled"] or found["familiar"], *found.span())
    yield from _tagged(text)


def _tagged(text: str) -> Iterator[Named]:
    """Whole names and companies, as the segmenter tags them."""
    import rjieba

    at, before, tag_before = 0, "", ""
    for word, tag in rjieba.tag(text):
        end = at + len(word)
        if tag == "nr" and _whole(word):
            yield Named("name", word, at, end)
        elif tag.startswith("nr") and tag_before == "nr" and _whole(before + word):
            yield Named("name", before + word, at - len(before), end)
        elif _is_firm(word, tag, before, tag_before):
            start = at - len(before) if _ending().fullmatch(word) else at
            yield Named("name", text[start:end], start, end)
        at, before, tag_before = end, word, tag


def _whole(word: str) -> bool:
    """Whether what is tagged as a person's can be a surname with a given name of two characters."""
    names = data("zh")["names"]
    return len(word) == _WHOLE and word[0] in names["surnames"] and word[-1] not in names["no_ending"]


def _is_firm(word: str, tag: str, before: str, tag_before: str) -> bool:
    """Whether a word ends the name of a company, or is one: 盛源 + 集团, 香格里拉酒店, but not 外贸公司."""
    names = data("zh")["names"]
    if not (ending := _ending().search(word)):
        return False
    first, kind = (before, tag_before) if ending.start() == 0 else (word[: ending.start()], tag)
    if len(first) < 2 or first in names["generic"]:
        return False
    return kind in _NAMING or (kind.startswith("n") and ending["firm"] is not None)


@cache
def _titled_english() -> re.Pattern[str]:
    return re.compile(
        rf"\b(?:{data('en')['names']['titles']})\b\.?\s([A-Z][\w-]*(?:['’][A-Z]\w+)?(?:\s(?!I\b)[A-Z][\w-]*)?)"
    )


@cache
def _titled_chinese() -> re.Pattern[str]:
    """A surname with a title or, where nothing is joined to it, with 小 or 老: 王总, 小林."""
    names = data("zh")["names"]
    surname = f"欧阳|司马|上官|诸葛|[{names['surnames']}]"
    return re.compile(
        rf"(?P<titled>{surname})(?:{names['titles']})|[小老阿](?P<familiar>{surname})(?=[，。！？,.!?啊呀吗吧嘛哈的]|$)"
    )


@cache
def _known_chinese() -> re.Pattern[str]:
    return re.compile("|".join(sorted({*places("zh"), *data("zh")["names"]["known"]}, key=len, reverse=True)))


@cache
def _ending() -> re.Pattern[str]:
    names = data("zh")["names"]
    return re.compile(f"(?:(?P<firm>{names['firms']})|{names['organisations']})$")


@cache
def _before_place() -> re.Pattern[str]:
    return re.compile(rf"\b{data('en')['names']['place_after']}$", re.I)


@cache
def _common() -> frozenset[str]:
    return frozenset(data("en")["names"]["common"])
