"""How spoken a set of turns is, and how far that is from real telephone talk.

What counts as a word, a filler, a backchannel or a stock phrase is data, ``spoken/<language>.yaml``; the figures of
real talk, each with where it comes from, are ``spoken/targets.yaml``.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import yaml
from pydantic import Field

from telerole.errors import InputError
from telerole.persona import Role
from telerole.records import Language, Record, load
from telerole.session import Session

SHORT = 3  # a short turn has at most so many tokens
FIGURES = ("short_turns", "fillers", "backchannels", "stock_phrases", "length", "median_length")
JUDGED = ("short_turns", "fillers")  # what has to be near real talk
NEAR = 1 / 3  # how near, as a relative difference


class Style(Record):
    """How a set of turns is spoken; shares run from 0 to 1.

    A token is a word in English (a contraction is one, a hyphen parts two) and in Chinese a character, or a run of
    letters or digits. Turns without a token are left out.
    """

    turns: int = Field(ge=1)  # with at least one token
    short_turns: float  # share of turns of three tokens or fewer
    fillers: float  # per 100 tokens
    backchannels: float  # share of turns that are nothing but backchannels
    stock_phrases: float  # share of turns with a formal stock phrase
    length: float  # mean tokens a turn
    median_length: float


class Target(Record):
    """Real talk, as one side of a call speaks it, and where the figures come from."""

    language: Language
    role: Role
    source: str
    calls: int
    note: str
    style: Style


class _Counts(NamedTuple):
    """What counts in one language, compiled."""

    token: re.Pattern[str]
    fillers: re.Pattern[str]
    backchannels: re.Pattern[str]
    stock_phrases: re.Pattern[str]


def measure(texts: Iterable[str], language: Language) -> Style:
    """The style of these turns; raises `InputError` where none of them has a word in it."""
    counts = _counts(language)
    plain = [text.lower().replace("’", "'") for text in texts]
    lengths = {text: len(counts.token.findall(text)) for text in set(plain)}
    said = [text for text in plain if lengths[text]]
    if not said:
        raise InputError("there is no turn to measure")
    sizes = [lengths[text] for text in said]
    fillers = sum(len(counts.fillers.findall(text)) for text in said)
    return Style(
        turns=len(said),
        short_turns=fmean(size <= SHORT for size in sizes),
        fillers=100 * fillers / sum(sizes),
        backchannels=fmean(bool(counts.backchannels.fullmatch(text)) for text in said),
        stock_phrases=fmean(bool(counts.stock_phrases.search(text)) for text in said),
        length=fmean(sizes),
        median_length=median(sizes),
    )


def measure_calls(calls: Iterable[Session]) -> dict[tuple[Language, Role], Style]:
    """The style of each role in each language of these calls."""
    said: defaultdict[tuple[Language, Role], list[str]] = defaultdict(list)
    for call in calls:
        for turn in call.turns:
            said[call.language, turn.role].append(turn.text)
    return {(language, role): measure(texts, language) for (language, role), texts in sorted(said.items())}


def target(language: Language, role: Role) -> Target:
    """Real talk as this role speaks it in this language."""
    return _targets()[language, role]


def gap(style: Style, real: Style) -> dict[str, float]:
    """Each figure's relative difference, ours / real - 1: 0 is real talk, 0.5 half as much again, -1 none at all."""
    return {figure: _relative(getattr(style, figure), getattr(real, figure)) for figure in FIGURES}


def near(style: Style, real: Style) -> dict[str, bool]:
    """Whether short turns and fillers are within a third of real talk."""
    gaps = gap(style, real)
    return {figure: abs(gaps[figure]) <= NEAR for figure in JUDGED}


def _relative(ours: float, real: float) -> float:
    return ours / real - 1 if real else math.inf if ours else 0.0


@cache
def _targets() -> Mapping[tuple[Language, Role], Target]:
    found = load(Path(str(files("telerole"))) / "spoken" / "targets.yaml", Target)
    return {(one.language, one.role): one for one in found}


@cache
def _counts(language: Language) -> _Counts:
    data = yaml.safe_load((files("telerole") / "spoken" / f"{language}.yaml").read_text(encoding="utf-8"))
    backchannel = "|".join(data["backchannels"])
    return _Counts(
        re.compile(data["token"]),
        re.compile("|".join(data["fillers"])),
        re.compile(rf"\W*(?:(?:{backchannel})(?:[\W_]+|$){'?' if language == 'zh' else ''})+"),
        re.compile("|".join(data["stock_phrases"])),
    )
