"""`Script`: the raw transcript of a real call, noisy as speech recognition left it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from telerole.records import Language, Record


class ScriptLine(Record):
    """One line of a transcript. The speaker is the recogniser's guess: it may be wrong or ``"unknown"``."""

    speaker: Literal["salesperson", "merchant", "unknown"]
    text: str = Field(min_length=1)


class Script(Record):
    """A call as it was transcribed: the seed of extraction (paper 4.1) and of role-play (paper 4.2)."""

    id: str = Field(min_length=1)
    language: Language
    title: str = ""
    lines: tuple[ScriptLine, ...] = Field(min_length=2)
    source: str = ""

    @model_validator(mode="after")
    def _two_speakers(self) -> Self:
        speakers = {line.speaker for line in self.lines}
        if missing := {"salesperson", "merchant"} - speakers:
            raise ValueError(f"lines: no line is the {' or the '.join(sorted(missing))}'s; a call needs both speakers")
        return self
