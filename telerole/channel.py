"""What lies between two people on the phone: words that get lost, and somebody who cuts in.

Optional. What is lost is lost to the listener only: the session keeps what was said, and beside it what was heard.
Somebody who is cut off has not said the rest: the session keeps what came out. Both are drawn from the session's seed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from telerole.errors import InputError
from telerole.persona import Role
from telerole.reading import words
from telerole.records import Language
from telerole.session import Turn
from telerole.speaker import derive_seed

BURST = 0.5  # the chance that the word after a lost one is lost too: lines break in bursts
LOST: dict[Language, str] = {"en": "…", "zh": "…"}
CUT: dict[Language, str] = {"en": "—", "zh": "——"}
CAN_BE_CUT: dict[Language, int] = {"en": 14, "zh": 20}  # words; nobody cuts into less
_UNITS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"\S+\s*"),
    "zh": re.compile(r"[\u4e00-\u9fff]|[^\u4e00-\u9fff]+"),
}


@dataclass(frozen=True, slots=True)
class Channel:
    """A phone line. `lost` is the share of words that do not arrive, `interruptions` how often the merchant cuts into a
    long line of the salesperson; both from 0 to 1.
    """

    lost: float = 0.0
    interruptions: float = 0.0

    def __post_init__(self) -> None:
        for name in ("lost", "interruptions"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}: must be from 0 to 1, not {getattr(self, name)}")

    def carry(self, turn: Turn, number: int, language: Language, seed: int) -> Turn:
        """The turn `number` (from 0) as it went over the line: perhaps cut short, perhaps heard otherwise than said."""
        random = Random(derive_seed(seed, number, "channel"))
        if turn.role == "salesperson" and random.random() < self.interruptions:
            turn = turn.model_copy(update={"text": _cut_off(turn.text, language, random)})
        heard = self._arrives(turn.text, language, random) if self.lost else turn.text
        return turn.model_copy(update={"heard": heard}) if heard != turn.text else turn

    def _arrives(self, text: str, language: Language, random: Random) -> str:
        units, kept, losing = _UNITS[language].findall(text), list[str](), random.random() < self.lost
        # Entering a burst is as likely as makes the share of lost words what was asked for; of a line that loses more
        # than two words in three, the bursts are longer.
        stays = max(BURST, 2 - 1 / self.lost)
        enters = min(1.0, self.lost * (1 - BURST) / (1 - self.lost)) if self.lost < 1 else 1.0
        for unit in units:
            losing = random.random() < (stays if losing else enters)
            if not losing:
                kept.append(unit)
            elif not kept or not kept[-1].startswith(LOST[language]):
                kept.append(LOST[language] + (" " if language == "en" else ""))
        return "".join(kept).strip()


def _cut_off(text: str, language: Language, random: Random) -> str:
    """The first part of a long line, at least a third and at most three quarters of it; a short one is left whole."""
    if words(text, language) < CAN_BE_CUT[language]:
        return text
    units = _UNITS[language].findall(text)
    kept = "".join(units[: round(len(units) * random.uniform(0.33, 0.75))])
    return re.sub(r"[\s,.，。、]+$", "", kept) + CUT[language]


def as_heard(turns: tuple[Turn, ...], listener: Role) -> tuple[Turn, ...]:
    """The call as one side heard it: its own words as it said them, the other's as they arrived."""
    return tuple(
        turn.model_copy(update={"text": turn.heard, "heard": None}) if turn.heard and turn.role != listener else turn
        for turn in turns
    )
