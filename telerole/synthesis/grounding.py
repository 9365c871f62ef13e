"""Where a clean session says something else than its script: numbers changed, order changed, facts added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from rapidfuzz.fuzz import partial_ratio

from telerole.claims import untraced
from telerole.numerals import numbers
from telerole.records import Language
from telerole.script import Script
from telerole.session import Deviation, Turn
from telerole.synthesis.answers import CleanTurn

SOUNDS_ALIKE = 70  # how near a name must come to something in the script to be a mishearing put right


def deviations(said: Sequence[CleanTurn], turns: Sequence[Turn], script: Script) -> list[Deviation]:
    """Every number of a turn's own lines that the turn tells otherwise, turns out of order, and ungrounded claims.

    A name that sounds like something in the script is a misheard word put right, not a claim of its own.
    """
    return [*_numbers(said, script), *_order(said), *_ungrounded(turns, script)]


def _numbers(said: Sequence[CleanTurn], script: Script) -> list[Deviation]:
    notes = []
    for turn in said:
        own = " ".join(script.lines[number - 1].text for number in turn.lines if 0 < number <= len(script.lines))
        heard = Counter(number.digits for number in numbers(own, script.language))
        told = Counter(number.digits for number in numbers(turn.text, script.language))
        if (changed := told - heard) and (instead := heard - told):
            detail = f"{', '.join(instead)} became {', '.join(changed)}: {turn.text}"
            notes.append(Deviation(kind="number", detail=detail))
    return notes


def _order(said: Sequence[CleanTurn]) -> list[Deviation]:
    first = [min(turn.lines) for turn in said if turn.lines]
    back = [(one, two) for one, two in pairwise(first) if two < one]
    return [Deviation(kind="reordered", detail=f"line {two} stands after line {one}") for one, two in back]


def _ungrounded(turns: Sequence[Turn], script: Script) -> list[Deviation]:
    heard = [line.text for line in script.lines]
    sounds = _sound(" ".join(heard), script.language)
    return [
        Deviation(kind="ungrounded", detail=f"{claim.kind}: {claim.text}", turn=number)
        for number, claim in untraced([turn.text for turn in turns], heard, script.language)
        if claim.kind not in ("name", "place") or not _stands_in(_sound(claim.text, script.language), sounds)
    ]


def _stands_in(name: str, sounds: str) -> bool:
    return partial_ratio(name, sounds) >= SOUNDS_ALIKE


def _sound(text: str, language: Language) -> str:
    """How a text sounds, run together: pinyin without tones, or the bare letters."""
    if language == "zh":
        from pypinyin import lazy_pinyin

        return "".join(lazy_pinyin(text))
    return "".join(letter for letter in text.lower() if letter.isalnum())
