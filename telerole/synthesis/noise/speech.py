"""What happens to words: heard wrongly, lost, begun twice, put off with a filler, numbers spoken, punctuation gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telerole.records import Language
from telerole.synthesis.noise.alike import sound_alikes
from telerole.synthesis.noise.clean import Word
from telerole.synthesis.noise.dice import Dice, Draw, in_bursts
from telerole.synthesis.noise.settings import Noise, Rates, sounds
from telerole.synthesis.noise.spoken_digits import spoken


def misheard(words: Sequence[Word], noise: Noise, rates: Rates, language: Language, dice: Dice) -> list[list[Word]]:
    """What is left of each word, with the fillers and restarts before it. No turn loses its last word."""
    plain = _unpunctuated(words, language, dice) if "punctuation" in noise.kinds and noise.level else list(words)
    heard = _heard(plain, noise, rates, language, dice)
    lost = _lost(words, noise, rates, dice)
    fillers = _fillers(words, noise, rates, language, dice)
    again = _restarts(words, noise, rates, dice)
    return [
        [*fillers[n], *([_cut_off(plain[n], language)] if again[n] else ()), *(() if lost[n] else (heard[n],))]
        for n in range(len(words))
    ]


def _heard(words: Sequence[Word], noise: Noise, rates: Rates, language: Language, dice: Dice) -> list[Word]:
    chances = _by_line(rates.recognition if "recognition" in noise.kinds else 0, words, noise, dice)
    errors, numbers = dice.throw("recognition", len(words)), dice.throw("numerals", len(words))
    said_in_words = rates.numerals if "numerals" in noise.kinds else 0
    found = []
    for word, rate, error, number in zip(words, chances, errors, numbers, strict=True):
        if error.chance < rate and (others := sound_alikes(word.text, language)):
            word = replace(word, text=error.among(others))
        elif number.chance < said_in_words:
            word = replace(word, text=spoken(word.text, language))
        found.append(word)
    return found


def _lost(words: Sequence[Word], noise: Noise, rates: Rates, dice: Dice) -> list[bool]:
    chances = _by_line(rates.deletions if "deletions" in noise.kinds else 0, words, noise, dice)
    draws = dice.throw("deletions", len(words))
    lost = [draw.chance < rate for draw, rate in zip(draws, chances, strict=True)]
    kept = {word.turn for word, gone in zip(words, lost, strict=True) if not gone}
    return [gone and word.turn in kept for word, gone in zip(words, lost, strict=True)]


def _by_line(rate: float, words: Sequence[Word], noise: Noise, dice: Dice) -> list[float]:
    """The error rate at each word."""
    if noise.bursts is None:
        return [rate] * len(words)
    return [in_bursts(rate, bad) for bad in dice.bad_line(len(words), noise.bursts)]


def _fillers(
    words: Sequence[Word], noise: Noise, rates: Rates, language: Language, dice: Dice
) -> list[tuple[Word, ...]]:
    said = sounds(language).fillers
    rate = rates.fillers if "fillers" in noise.kinds else 0
    draws = dice.throw("fillers", len(words))
    return [
        (Word(draw.among(said), " ", word.turn),) if draw.chance < rate else ()
        for word, draw in zip(words, draws, strict=True)
    ]


def _restarts(words: Sequence[Word], noise: Noise, rates: Rates, dice: Dice) -> list[bool]:
    rate = rates.restarts if "restarts" in noise.kinds else 0
    return [draw.chance < rate for draw in dice.throw("restarts", len(words))]


def _cut_off(word: Word, language: Language) -> Word:
    """How the word was begun the first time: all of it in English, its first character in Chinese."""
    return replace(word, text=word.text[:1], after="") if language == "zh" else replace(word, after=" ")


def _unpunctuated(words: Sequence[Word], language: Language, dice: Dice) -> list[Word]:
    """The words in small letters; what stood after them is a space, in Chinese a pause now and then."""
    pause = sounds(language).pause
    draws = dice.throw("punctuation", len(words))
    return [_bare(word, language, draw, pause) for word, draw in zip(words, draws, strict=True)]


def _bare(word: Word, language: Language, draw: Draw, pause: float) -> Word:
    text = word.text.lower().lstrip("\"'“‘(《…. —-") or word.text
    space = " " if word.after and (language == "en" or draw.chance < pause) else ""
    return replace(word, text=text, after=space)
