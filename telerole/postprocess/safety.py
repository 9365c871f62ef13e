"""`Safety`: what no training row may hold, whoever made it, found by documented word lists (paper 4.4).

The lists are data, ``words/<language>.yaml``: each category with its reason, whose words count, and how it is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

from telerole.persona import Role
from telerole.postprocess.filtering import Evidence, Example, Reject, SessionFilter
from telerole.reading import hear
from telerole.records import Language, Record, Text, load
from telerole.session import Session, Turn


class Category(Record):
    """One kind of unsafe words: why, whose words count, and the regular expressions by which it is found.

    `unless` denies a find when it matches right before it. With `asked` the words count only where the merchant's turn
    before them asks that.
    """

    category: Text
    reason: Text
    said_by: tuple[Role, ...]
    cues: tuple[Text, ...]
    unless: Text | None = None
    asked: Literal["is_ai"] | None = None


class Safety(SessionFilter):
    """Rejects a session with unsafe words in it, by category; the merchant's words and the salesperson's apart."""

    name: ClassVar[str] = "safety"

    def judge(self, example: Example) -> Reject | None:
        """The reject names every find with its category and turn, and the first one's reason."""
        found = list(unsafe(example.session))
        if not found:
            return None
        evidence = tuple(Evidence(turn=turn, text=f"{category.category}: {words}") for turn, category, words in found)
        first = found[0][1]
        return Reject(reason=f"{first.category}: {first.reason}", score=len(found), threshold=0, evidence=evidence)


def unsafe(session: Session) -> Iterator[tuple[int, Category, str]]:
    """Each find in the session: its turn (from 0), its category, and the words."""
    for index, turn in enumerate(session.turns):
        text = turn.text.lower().replace("’", "'")
        for category, cue, unless in _categories(session.language):
            if turn.role not in category.said_by or not _asked(category, session, index):
                continue
            for found in cue.finditer(text):
                if unless is None or not unless.search(text, 0, found.start()):
                    yield index, category, turn.text[found.start() : found.end()]
                    break


def _asked(category: Category, session: Session, index: int) -> bool:
    if category.asked is None:
        return True
    before: tuple[Turn, ...] = session.turns[max(0, index - 1) : index]
    return any(hear("merchant", turn.text, session.language).about == category.asked for turn in before)


@cache
def _categories(language: Language) -> list[tuple[Category, re.Pattern[str], re.Pattern[str] | None]]:
    found = load(Path(str(files("telerole.postprocess"))) / "words" / f"{language}.yaml", Category)
    return [
        (one, re.compile("|".join(f"(?:{cue})" for cue in one.cues)), re.compile(one.unless) if one.unless else None)
        for one in found
    ]
