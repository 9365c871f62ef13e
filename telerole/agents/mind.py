"""The merchant's mind: what the call does to interest and patience, and what the merchant does next.

A fold over the turns. The decision is made here, by rules; the wording is somebody else's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from rapidfuzz.fuzz import ratio

from telerole.persona import Persona
from telerole.reading import Heard, hear
from telerole.records import Language
from telerole.session import Turn
from telerole.speaker import derive_seed

LONG: dict[Language, int] = {"en": 240, "zh": 90}
AGREES_ABOVE = 0.6
BEFORE_ANY_PITCH = ("no_need", "trust")  # nothing else can be said against what nobody has explained yet
COSTS = {"greet": 0.0, "introduce": 0.03, "ask": 0.05, "pitch": 0.05, "propose": 0.06, "offer_callback": 0.02}


@dataclass(slots=True)
class Mind:
    """How the merchant feels after the turns so far; numbers from 0 to 1, never shown to a model."""

    interest: float
    patience: float
    acts: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    def did(self, act: str) -> int:
        """How often the merchant did `act`."""
        return sum(done.split(":")[0] == act for done in self.acts)

    def feel(self, *, interest: float = 0.0, patience: float = 0.0) -> None:
        """Move both, within 0 and 1."""
        self.interest = min(1.0, max(0.0, self.interest + interest))
        self.patience = min(1.0, max(0.0, self.patience + patience))


def mind_after(turns: Sequence[Turn], persona: Persona, language: Language, seed: int) -> Mind:
    """Fold the turns into the merchant's state of mind. The day's mood and how each point lands come from `seed`."""
    mood = Random(derive_seed(seed, "mood"))
    base = persona.disposition
    mind = Mind(
        interest=min(1.0, max(0.0, mood.gauss(base.interest, 0.15))),
        patience=min(1.0, max(0.1, mood.gauss(base.patience, 0.12))),
    )
    said: list[str] = []
    for turn in turns:
        if turn.role == "merchant":
            mind.acts.append(turn.act or _heard_act(turn, language))
            continue
        heard = hear("salesperson", turn.text, language)
        _take_in(mind, heard, turn.text, said, mood.random(), language)
        mind.heard.append(heard)
        said.append(turn.text)
    return mind


def _heard_act(turn: Turn, language: Language) -> str:
    act, about = hear("merchant", turn.text, language)
    return f"{act}:{about}" if about else act


def _take_in(mind: Mind, heard: Heard, text: str, said: Sequence[str], landed: float, language: Language) -> None:
    """What one line of the salesperson does to the merchant; `landed` (0 to 1) is how well the point hits home."""
    mind.feel(patience=-COSTS.get(heard.act, 0.03))
    last = mind.acts[-1].split(":")[0] if mind.acts else ""
    if heard.act in ("pitch", "propose"):
        mind.feel(interest=0.18 * landed - 0.05)
    if last == "object":
        mind.feel(interest=0.14 * landed - 0.02)
    if last == "refuse":
        mind.feel(patience=-0.22)
    if len(text) > LONG[language]:
        mind.feel(patience=-0.12)
    if any(ratio(text, earlier) > 85 for earlier in said):
        mind.feel(interest=-0.08, patience=-0.2)


def leaving_hazard(mind: Mind, busyness: float) -> float:
    """The chance that the merchant ends the call at this turn: logistic in patience, busyness and refusals."""
    return 1 / (1 + math.exp(-(-2.0 - 5.0 * (mind.patience - 0.3) + 1.2 * busyness + 0.9 * mind.did("refuse"))))


def next_act(mind: Mind, persona: Persona, asked_for: str, random: Random) -> str:
    """What the merchant does now, as an act of `lines.ACTS` with its kind after a colon.

    `asked_for` is what there is to agree to: ``meeting``, ``contact`` or ``signup``.
    """
    heard, nature = mind.heard[-1], persona.disposition
    last = mind.acts[-1] if mind.acts else ""
    goal = f"agree:{asked_for}"
    if heard.act == "goodbye":
        return f"goodbye:{_outcome(mind)}"
    if last.startswith("agree") or last == "defer":
        return f"goodbye:{_outcome(mind)}"
    if not mind.acts:
        return "busy" if random.random() < nature.busyness * 0.15 else "pick_up"
    if heard.act == "offer_callback":
        return "defer" if random.random() < 0.35 + 0.5 * mind.interest else "refuse"
    if mind.acts == ["pick_up"] and heard.act != "propose":
        return _first_reaction(mind, persona, random)
    if random.random() < leaving_hazard(mind, nature.busyness):
        return _leave(mind, random)
    if heard.act == "propose":
        return _decide(mind, persona, goal, random)
    if heard.act == "ask":
        return _respond(heard, persona, random)
    return _react(mind, persona, random)


def _outcome(mind: Mind) -> str:
    settled = next((act for act in reversed(mind.acts) if act.split(":")[0] in ("agree", "defer", "refuse")), "")
    return {"agree": "agreed", "defer": "callback"}.get(settled.split(":")[0], "refused")


def _first_reaction(mind: Mind, persona: Persona, random: Random) -> str:
    nature = persona.disposition
    if random.random() < nature.busyness * 0.3:
        return "busy"
    if mind.interest < 0.3 and random.random() < 0.45:
        return "refuse"
    if random.random() < nature.suspicion * 0.4:
        return random.choice(["ask:number_source", "ask:is_ai", "ask:number_source", "object:trust"])
    return random.choice(["listen", "listen", "listen", "ask:what"])


def _leave(mind: Mind, random: Random) -> str:
    if mind.did("refuse") and mind.patience < 0.3:
        return "hang_up" if random.random() < 0.6 else "goodbye:refused"
    if mind.interest > 0.45 and random.random() < 0.5:
        return "defer"
    return "refuse" if mind.did("refuse") < 2 else "goodbye:refused"


def _decide(mind: Mind, persona: Persona, goal: str, random: Random) -> str:
    if mind.interest > AGREES_ABOVE:
        return goal
    left = [kind for kind in persona.objections if f"object:{kind}" not in mind.acts]
    if left and random.random() < 0.55:
        return f"object:{left[0]}"
    if mind.interest > 0.38 and random.random() < 0.55:
        return "defer"
    return "refuse"


def _respond(heard: Heard, persona: Persona, random: Random) -> str:
    if heard.about in persona.facts and random.random() < 0.9:
        return f"answer:{heard.about}"
    return f"answer:{heard.about}" if heard.about and random.random() < 0.6 else "unsure"


def _react(mind: Mind, persona: Persona, random: Random) -> str:
    nature = persona.disposition
    pitched = any(heard.act == "pitch" for heard in mind.heard)
    raised = persona.objections if pitched else [kind for kind in persona.objections if kind in BEFORE_ANY_PITCH]
    objections = [kind for kind in raised if f"object:{kind}" not in mind.acts]
    weights = {
        "listen": 1.0,
        "digress": 0.7 * nature.talkativeness * (mind.did("digress") < 2),
        "interested": max(0.0, 2.4 * (mind.interest - 0.45)) * (mind.did("interested") < 2) * pitched,
        "ask:cost": 0.35 * ("ask:cost" not in mind.acts) * pitched,
        "ask:proof": 0.3 * nature.suspicion * ("ask:proof" not in mind.acts) * pitched,
        "ask:is_ai": 0.2 * nature.suspicion * ("ask:is_ai" not in mind.acts),
        "pardon": 0.06 * ("pardon" not in mind.acts),
        "busy": 0.25 * nature.busyness * (mind.did("busy") < 2),
    }
    if objections:
        weights[f"object:{objections[0]}"] = 1.3 * (1.1 - mind.interest)
    if mind.acts[-1] == "listen":
        weights["listen"] = 0.5
    return random.choices(list(weights), list(weights.values()))[0]
