"""The tokens in which lines are compared, whatever their case, punctuation and width."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import yaml

from telerole.records import Language

_TOKEN: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"[^\W_]+(?:'[^\W_]+)*"),
    "zh": re.compile(r"[a-z0-9]+|[^\W_]"),
}


def tokens(text: str, language: Language) -> list[str]:
    """The text's tokens, without case (casefold) and width (NFKC); punctuation is left out, digits are kept.

    A token is a word in English (a contraction is one, a hyphen parts two), and in Chinese a character, or a run of
    Latin letters or digits.
    """
    return _TOKEN[language].findall(_folded(text))


def content(text: str, language: Language) -> list[str]:
    """The text's tokens but for the fillers that ``spoken/<language>.yaml`` lists ("uh", "you know", 那个)."""
    return tokens(_fillers(language).sub(" ", _folded(text)), language)


def joined(said: Sequence[str], language: Language) -> str:
    """Tokens as a text again."""
    return (" " if language == "en" else "").join(said)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


@cache
def _fillers(language: Language) -> re.Pattern[str]:
    source = files("telerole") / "spoken" / f"{language}.yaml"
    return re.compile("|".join(yaml.safe_load(source.read_text(encoding="utf-8"))["fillers"]))
