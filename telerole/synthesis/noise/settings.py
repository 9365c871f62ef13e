"""`Noise`: how much of which kinds of noise, and the rates behind it, measured on the seed corpus."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from telerole.errors import InputError, nearest
from telerole.records import Language, Record, Text, load

Kind = Literal[
    "recognition",  # a word is heard as another that sounds like it
    "deletions",  # a word is lost
    "fillers",  # "um", 嗯
    "restarts",  # a word is begun twice: "I'll I'll", 我我
    "numerals",  # digits are written as words, as they were spoken
    "punctuation",  # none is left, and no capitals
    "merged",  # two speakers' turns stand in one line
    "split",  # one turn stands in two lines
    "speakers",  # the line is given to the other speaker, or to "unknown"
    "crosstalk",  # a third party is heard, inside a line or as a line of its own
    "overlap",  # the next turn's first words stand inside this one's last
]
KINDS: tuple[Kind, ...] = get_args(Kind)

CORPUS = 0.5  # the level at which the rates are the seed corpus' own


class Noise(Record):
    """How much noise, of which kinds.

    A rate grows in proportion to `level`. At 0.5 it is what stands in the seed corpus (its truths beside its scripts:
    ``python benchmarks/noise.py --measure``), at 1 twice that; 0 leaves the words as they are. At level 1, as shares:

    ============= ============ ============ ==========================================================
    kind          en           zh           of
    ============= ============ ============ ==========================================================
    recognition   0.160        0.066        words that sound like another
    deletions     0.016        0.016        words
    fillers       0.042        0.042        words, each with a filler before it
    restarts      0.030        0.030        words
    numerals      1            1            numbers in digits
    punctuation   1            1            marks and capitals, at any level above 0
    merged        0.520 0.082  0.880 0.018  turns of three words or fewer that are swallowed; of the others
    split         0.030        0.034        turns
    speakers      0.168 0.118  0.048 0.012  lines given to the other speaker; to "unknown"
    crosstalk     0.012        0.042        turns
    overlap       0.120        0.120        turns
    ============= ============ ============ ==========================================================

    The corpus' Chinese scripts lose no word and hold hardly a filler or a restart that was not said: there the English
    figures stand. What the corpus cannot show, numerals and overlap, is set by hand.

    `bursts` is the mean length, in words, of a stretch of bad line, a quarter of the call in all, in which recognition
    errors and losses gather (a two-state Markov chain: Gilbert 1960, Elliott 1963); None: each comes by itself. The
    mean rates are the same.
    """

    level: float = Field(ge=0, le=1)
    kinds: frozenset[Kind] = frozenset(KINDS)
    bursts: float | None = Field(default=None, ge=1)


def kinds_named(names: str) -> frozenset[Kind]:
    """Kinds from a list such as ``"merged,split"``; an unknown one is an `InputError` with the nearest."""
    given = [name.strip() for name in names.split(",")]
    for name in given:
        if name not in KINDS:
            raise InputError(f"no kind of noise named {name!r}{nearest(name, KINDS)}; known: {', '.join(KINDS)}")
    return frozenset(kind for kind in KINDS if kind in given)


class Rates(Record):
    """How often each thing happens at the level `CORPUS`, as shares of what it can happen to."""

    recognition: float
    deletions: float
    fillers: float
    restarts: float
    numerals: float
    merged_short: float
    merged: float
    split: float
    wrong_speaker: float
    unknown_speaker: float
    crosstalk: float
    overlap: float

    def at(self, level: float) -> Rates:
        """The rates at that level, none above 1."""
        return Rates(**{name: min(1.0, rate * level / CORPUS) for name, rate in self})


class Sounds(Record):
    """A language's data, ``<language>.yaml``: rates, what fillers there are, what is confused, what a shop sounds like.

    `pause` is the share of punctuation marks that leave a space behind. In a row of `confused` every word is taken for
    any other.
    """

    rates: Rates
    pause: float
    fillers: tuple[Text, ...]
    confused: tuple[Text, ...] = ()
    third_party: tuple[Text, ...]


@cache
def sounds(language: Language) -> Sounds:
    """The language's data."""
    return load(Path(str(files(__package__))) / f"{language}.yaml", Sounds)[0]
