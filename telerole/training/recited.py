"""What a speaker recites of what it alone was told, and so is no line of a training row: its persona, or the script."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from telerole import runs
from telerole.persona import Persona, Role
from telerole.records import Language
from telerole.scenario import Scenario
from telerole.session import Session

RUN: dict[Language, int] = {"en": 6, "zh": 10}  # words, characters: so many in a row are no accident
_UNIT: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"[a-z0-9']+"),
    "zh": re.compile(r"[\u4e00-\u9fff]|[a-z0-9]+"),
}
_SAMPLE = re.compile(r"[“\"「][^“”\"「」]*[”\"」]")  # what a persona quotes is there to be said

Pieces = frozenset[tuple[str, ...]]


class Told(NamedTuple):
    """What the two speakers of a scenario were told: each persona in runs of words, and the script's longer lines."""

    salesperson: Pieces
    merchant: Pieces
    script: tuple[str, ...]


class Recited:
    """Tells recited lines in the sessions of run folders; of sessions without a scenario in one it tells nothing."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._told: dict[str, Told] = {}
        self._known: dict[str, Pieces] = {}  # thousands of scenarios share some fifty personas
        for path in folders:
            folder = runs.read(path)
            if isinstance(folder, runs.RunFolder):
                self._told |= {scenario.id: self._of(scenario) for scenario in folder.scenarios()}

    def in_session(self, session: Session) -> bool:
        """Whether any turn recites."""
        return any(self.in_line(turn.text, turn.role, session) for turn in session.turns)

    def in_line(self, text: str, role: Role, session: Session) -> bool:
        """Whether `text`, said by `role` in that session, tells a piece of its persona or a line of the raw script."""
        if (told := self._told.get(session.scenario_id)) is None:
            return False
        own = told.salesperson if role == "salesperson" else told.merchant
        return not own.isdisjoint(_pieces(text, session.language)) or any(line in text for line in told.script)

    def _of(self, scenario: Scenario) -> Told:
        language = scenario.language
        lines = (line.text for line in scenario.script.lines)
        return Told(
            self._pieces_of(scenario.salesperson),
            self._pieces_of(scenario.merchant),
            tuple(line for line in lines if _pieces(line, language)),
        )

    def _pieces_of(self, persona: Persona) -> Pieces:
        texts = (persona.background, persona.temperament, *persona.manner)
        key = "\n".join(texts)
        if key not in self._known:
            own = (_pieces(_SAMPLE.sub(". ", text), persona.language) for text in texts)
            self._known[key] = frozenset[tuple[str, ...]]().union(*own)
        return self._known[key]


def _pieces(text: str, language: Language) -> Pieces:
    """Every run of so many words that the text holds, its marks and capitals left out."""
    units, size = _UNIT[language].findall(text.lower().replace("’", "'")), RUN[language]
    return frozenset(tuple(units[at : at + size]) for at in range(len(units) - size + 1))
