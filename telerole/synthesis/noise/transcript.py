"""What happens to lines: merged, split, given to the wrong speaker, cut into by the other side or by a third party."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from telerole.records import Language
from telerole.session import speaker_at
from telerole.style import SHORT
from telerole.synthesis.noise.clean import Word
from telerole.synthesis.noise.dice import Dice, Draw
from telerole.synthesis.noise.settings import Kind, Noise, Rates, sounds

Label = Literal["salesperson", "merchant", "unknown"]
EARLY = 3  # so many words of the next turn, at most, fall into this one, before as many of its last
INSIDE = 0.5  # the share of a third party's lines that stand inside somebody's line


@dataclass(slots=True)
class Line:
    """A line of the transcript: its words, the turns that stand in it, and the speaker that the recogniser names.

    Words of another turn may have fallen into it. No turn stands in a third party's line.
    """

    words: list[Word]
    turns: list[int]
    label: Label = "unknown"


@dataclass(frozen=True, slots=True)
class Transcriber:
    """Puts a call's turns into lines; `sizes` is how many words (in Chinese, characters) each turn really has."""

    noise: Noise
    rates: Rates
    language: Language
    dice: Dice
    sizes: Sequence[int]

    def lines(self, turns: Sequence[Sequence[Word]]) -> list[Line]:
        """The lines in the order in which they are heard; every turn has at least one word."""
        asides, inside = self._strikes("crosstalk", self.rates.crosstalk), self.dice.throw("inside", len(turns))
        joins, splits = self._joins(), self._strikes("split", self.rates.split)
        lines: list[Line] = []
        for turn, words in enumerate(self._overlapped(turns)):
            if draw := asides.get(turn):
                if inside[turn].chance < INSIDE:
                    words.insert(len(words) // 2, self._aside(draw))
                else:
                    lines.append(Line([self._aside(draw)], []))
            place = 1 + int(splits[turn].choice * (len(words) - 1)) if turn in splits else len(words)
            if turn in joins and lines[-1].turns:
                lines[-1].words += words[:place]
                lines[-1].turns.append(turn)
            else:
                lines.append(Line(words[:place], [turn]))
            if words[place:]:
                lines.append(Line(words[place:], [turn]))
        self._label(lines)
        return lines

    def main_turn(self, line: Line) -> int | None:
        """The longest turn that stands in the line, the first of several; None in a third party's line."""
        return max(line.turns, key=lambda turn: self.sizes[turn], default=None)

    def _strikes(self, kind: Kind, *rates: float) -> dict[int, Draw]:
        """The turns at which this kind of noise strikes; the rates are one for all turns, or one for each."""
        draws = self.dice.throw(kind, len(self.sizes)) if kind in self.noise.kinds else []
        return {turn: draw for turn, draw in enumerate(draws) if draw.chance < rates[turn % len(rates)]}

    def _overlapped(self, turns: Sequence[Sequence[Word]]) -> list[list[Word]]:
        """The turns' words, some of a turn's first before the last of the turn that it cuts into."""
        found = [list(words) for words in turns]
        for turn, draw in self._strikes("overlap", self.rates.overlap).items():
            if turn:
                early = min(1 + int(draw.choice * EARLY), len(found[turn]) - 1)
                place = max(0, len(found[turn - 1]) - early)
                found[turn - 1][place:place] = found[turn][:early]
                del found[turn][:early]
        return found

    def _joins(self) -> set[int]:
        """The turns that go on the line before them: a short turn that is swallowed and the next, or a longer one."""
        rates = [self.rates.merged_short if size <= SHORT else self.rates.merged for size in self.sizes]
        struck = self._strikes("merged", *rates)
        swallowed = {turn + 1 for turn in struck if self.sizes[turn] <= SHORT}
        return (struck.keys() | swallowed) & set(range(1, len(self.sizes)))

    def _label(self, lines: Sequence[Line]) -> None:
        """Give each line to the speaker of its longest turn, or to another where noise strikes that turn."""
        wrong, unknown = self.rates.wrong_speaker, self.rates.unknown_speaker
        struck = self._strikes("speakers", min(1.0, wrong + unknown))
        for line in lines:
            turn = self.main_turn(line)
            if turn is not None and turn not in struck:
                line.label = speaker_at(turn)
            elif turn is not None and struck[turn].choice * (wrong + unknown) < wrong:
                line.label = speaker_at(turn + 1)

    def _aside(self, draw: Draw) -> Word:
        return Word(draw.among(sounds(self.language).third_party), " ", None)
