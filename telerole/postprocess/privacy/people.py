"""Full names of people. A form of address (王总, Mrs. Akhtar) and a short name (小林, Nina) identify nobody and stay.

A Chinese name is a surname and one or two characters after a word that tells a name; rjieba's dictionary says where
the characters are another word (方便). An English one is a given name and a surname, or two capitalised words
after a word or title that tells a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from telerole.postprocess.privacy.items import Item, Said, data

_HAN = "[\u4e00-\u9fff]"


def people(said: Said) -> Iterator[Item]:
    """The full names in the text."""
    yield from _chinese(said) if said.language == "zh" else _english(said)


def _chinese(said: Said) -> Iterator[Item]:
    for match in _told().finditer(said.text):
        surname, given = match.group("surname"), match.group("given")
        if len(given) == 2 and _after().match(said.text, match.start("given") + 1):
            given = given[:1]
        if not _never().search(given):
            yield _name(match.start("surname"), surname + given)
    for match in [*_shown().finditer(said.text), *_called().finditer(said.text), *_answers(said)]:
        name, titled = match.group("name"), _titles().match(said.text, match.end("name"))
        if not _never().search(name[1:]) and (titled or not _is_word(name)):
            yield _name(match.start("name"), name)


def _answers(said: Said) -> Iterator[re.Match[str]]:
    """The name where the whole text is one, and the line before asks for it."""
    asks = said.start and re.search(data("zh")["names"]["asked"], said.text[: said.start - 1])
    if asks and (answer := _answer().match(said.text, said.start)):
        yield answer


def _name(start: int, name: str) -> Item:
    return Item("name", start, start + len(name), " ".join(name.lower().split()))


@cache
def _is_word(name: str) -> bool:
    """Whether the characters are a word that is no name, as the dictionary has it."""
    import rjieba

    words = rjieba.tag(name)
    if len(words) > 1 or not rjieba.has_word(name) or words[0][1].startswith("nr"):
        return False
    return words[0][1] != "ns" or name in data("zh")["names"]["places"].split()


@cache
def _surname() -> str:
    words = data("zh")["names"]
    return f"(?:{words['compound']}|[{words['surnames']}])"


@cache
def _told() -> re.Pattern[str]:
    told = data("zh")["names"]["told"]
    return re.compile(rf"(?:{told})[\s,，:：]*(?P<surname>{_surname()})(?P<given>{_HAN}{{1,2}})")


@cache
def _shown() -> re.Pattern[str]:
    words = data("zh")["names"]
    name = rf"(?P<name>(?P<surname>{_surname()})(?!{words['after']}){_HAN}{{1,2}}?)"
    end = rf"(?=(?:{words['ends']})|(?P=surname)(?:{words['never']})|(?!·)\W|$)"
    return re.compile(rf"(?:{words['shown']}){name}{end}")


@cache
def _called() -> re.Pattern[str]:
    words = data("zh")["names"]
    return re.compile(rf"(?:^|(?<=\W))(?P<name>{_surname()}{_HAN}{{1,2}}?)(?={words['called']})")


@cache
def _answer() -> re.Pattern[str]:
    ends = data("zh")["names"]["ends"]
    return re.compile(rf"(?:嗯|我|啊)?[\s,，]*(?P<name>{_surname()}{_HAN}{{1,2}})(?:{ends})?[。.!！,，]?\s*$")


@cache
def _titles() -> re.Pattern[str]:
    return re.compile(data("zh")["names"]["titles"])


@cache
def _never() -> re.Pattern[str]:
    return re.compile(data("zh")["names"]["never"])


@cache
def _after() -> re.Pattern[str]:
    return re.compile(data("zh")["names"]["after"])


def _english(said: Said) -> Iterator[Item]:
    for match in _full_name().finditer(said.text):
        yield _name(match.start("name"), match.group("name"))
    for match in _lower_name().finditer(said.text):
        yield _name(match.start("name"), match.group("name"))


@cache
def _full_name() -> re.Pattern[str]:
    words = data("en")["names"]
    word, first = words["word"], "|".join(name.capitalize() for name in words["first"].split())
    no_surname = "|".join(words["no_surname"].split())
    surname = rf"(?!(?:{no_surname})\b){word}"
    known = rf"\b(?=(?:{first})\b)"
    strange = rf"(?={word}\s)(?!(?:{no_surname}|{words['titles']})\b)"
    told = rf"\b(?:{words['told']}|{words['titles']}|{words['spoken_of']})\s+{strange}"
    shown = rf"\b{words['shown']}\s+{strange}(?={word}\s{surname}{words['ends']})"
    return re.compile(rf"(?:{told}|{shown}|{known})(?P<name>{word}(?:\s[A-Z]\.?)?\s{surname}(?:\s{surname})?)\b")


@cache
def _lower_name() -> re.Pattern[str]:
    """A name in a transcript without capitals."""
    words = data("en")["names"]
    return re.compile(
        rf"\b{words['told']}\s+(?P<name>(?:{'|'.join(words['first'].split())})\s(?!(?:{words['function']})\b)[a-z'’-]+)\b"
    )
