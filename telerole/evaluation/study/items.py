"""`Item`: a call as a rater sees it, its words and what the salesperson had to go by, and an id that tells nothing."""

from __future__ import annotations

import re

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.study.wording import wording
from telerole.postprocess.filtering import Example
from telerole.prompts import profile_text, strategy_text
from telerole.records import Record
from telerole.speaker import derive_seed

LETTERS = "bcdfghjkmnpqrstvwxz"  # no sheet reads them as a number or a date, nobody as a word
BULLET = re.compile(r"^- ", re.MULTILINE)


class Line(Record):
    """A turn; `speaker` in the raters' language."""

    speaker: str
    text: str


class Item(Record):
    """What a rater is shown of one call. `profile` and `strategy` are texts, empty where nothing is known."""

    item: str
    profile: str
    strategy: str
    turns: tuple[Line, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text a rater reads."""
        return (self.profile, self.strategy, *(line.text for line in self.turns))


class Sheet(Record):
    """An item with room for a rater's answers: None until there is one. A line of a rater's JSONL file."""

    rater: str
    item: str
    profile: str
    strategy: str
    turns: tuple[Line, ...]
    answers: dict[Metric, None]
    note: str = ""


def item(example: Example, id: str) -> Item:
    """The call under that id: nothing but its words, its profile and its strategy."""
    speakers = wording(example.session.language).speakers
    return Item(
        item=id,
        profile=_bulleted(profile_text(example.profile)) if example.profile else "",
        strategy=_bulleted(strategy_text(example.strategy)) if example.strategy else "",
        turns=tuple(Line(speaker=speakers[turn.role], text=turn.text) for turn in example.session.turns),
    )


def letters(length: int, *parts: object) -> str:
    """So many letters that depend on every part and tell none."""
    number, found = derive_seed(*parts), ""
    for _ in range(length):
        number, place = divmod(number, len(LETTERS))
        found += LETTERS[place]
    return found


def named_in(shown: Item, name: str) -> bool:
    """Whether a text of the item holds the name as a word of its own."""
    word = re.compile(rf"(?<![a-z0-9]){re.escape(name.lower())}(?![a-z0-9])")
    return any(word.search(text.lower()) for text in shown.texts)


def _bulleted(text: str) -> str:
    """The text with round bullets: a sheet would take a cell that begins with a dash for a formula."""
    return BULLET.sub("• ", text)
