"""What is compared of a call: its words without hesitations, numbers in digits, and which of them are the same words.

A word is one of English, and in Chinese a character, or a run of letters or digits. Hesitations, function words and
spellings of one word are data, ``<language>.yaml``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml
from rapidfuzz.distance import Levenshtein

from telerole.numerals import as_digits
from telerole.persona import Role
from telerole.records import Language
from telerole.session import Turn


class Spoken(NamedTuple):
    """A word and who said it."""

    word: str
    role: Role


class Pair(NamedTuple):
    """One word, as it was said and as it was found."""

    true: Spoken
    found: Spoken


class _Lists(NamedTuple):
    """What counts in one language, compiled."""

    token: re.Pattern[str]
    hesitations: re.Pattern[str]
    function_words: re.Pattern[str]
    spellings: dict[str, str]


def spoken(turns: Sequence[Turn], language: Language) -> list[Spoken]:
    """The call's words, each with its speaker."""
    return [Spoken(word, turn.role) for turn in turns for word in words(turn.text, language)]


def words(text: str, language: Language) -> list[str]:
    """The text's words in small letters, without hesitations; a number is one word, its digits."""
    lists = _lists(language)
    return _tokens(lists.hesitations.sub(" ", _plain(text, language)), lists)


def content_words(text: str, language: Language) -> list[str]:
    """The text's words that are neither hesitations nor function words."""
    lists = _lists(language)
    plain = lists.hesitations.sub(" ", _plain(text, language))
    return _tokens(lists.function_words.sub(" ", plain), lists)


def aligned(true: Sequence[Spoken], found: Sequence[Spoken]) -> list[Pair]:
    """The words that stand in both, in order: those that the fewest insertions, deletions and changes leave alone."""
    blocks = Levenshtein.opcodes([one.word for one in true], [one.word for one in found])
    return [
        Pair(*pair)
        for block in blocks
        if block.tag == "equal"
        for pair in zip(true[block.src_start : block.src_end], found[block.dest_start : block.dest_end], strict=True)
    ]


def _plain(text: str, language: Language) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return as_digits(folded, language)[0]


def _tokens(text: str, lists: _Lists) -> list[str]:
    return [lists.spellings.get(token, token) for token in lists.token.findall(text)]


@cache
def _lists(language: Language) -> _Lists:
    data = yaml.safe_load((files(__package__) / f"{language}.yaml").read_text(encoding="utf-8"))
    return _Lists(
        re.compile(data["token"]),
        re.compile("|".join(data["hesitations"])),
        re.compile("|".join(data["function_words"])),
        {other: word for word, others in data["spellings"].items() for other in others.split()},
    )
