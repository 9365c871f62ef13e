"""What the merchant does next: leave or stay, and the act, as one line of reasoning from the state of mind.

Leaving is drawn from the hazard alone; whoever stays does what fits what was just said. Nothing here looks at how the
call shall end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from telerole.agents.happenings import Happening
from telerole.agents.mind import leaving_hazard
from telerole.agents.state import Mind, about, named
from telerole.persona import Persona
from telerole.reading import takes_up
from telerole.scenario import Scenario

LEAVES = ("hang_up", "scold", "no_time")  # with these words the phone is down
# The log-odds that a proposal is taken up; somebody who is being pressed takes up nothing.
WON_OVER = 0.78  # interest, and with CONFIDENT trust the chance is even
CONFIDENT = 0.5
KEEN, SURE = 10.0, 12.0  # how steeply the chance rises with either
SUSPECTS = 0.45
BEFORE_ANY_PITCH = ("no_need", "trust")  # nothing else can be said against what nobody has explained yet
COMES_OUT_AS: Mapping[Happening, str] = {"walk_in": "aside", "bad_line": "pardon", "meeting_soon": "busy"}


@dataclass(frozen=True, slots=True)
class Decision:
    """An act of `lines.ACTS`, its kind after a colon; whether the merchant chose to leave, and the hazard of that.

    `hazard` is None where nothing was drawn: the call was wound up already.
    """

    act: str
    leaves: bool = False
    hazard: float | None = None

    @property
    def hangs_up(self) -> bool:
        """Whether the phone is down after these words."""
        return named(self.act) in LEAVES


def decide(mind: Mind, scenario: Scenario, random: Random) -> Decision:
    """The merchant's next act."""
    if (closing := _wound_up(mind)) is not None:
        return Decision(closing)
    hazard = leaving_hazard(mind)
    if random.random() < hazard:
        return Decision(_leave(mind, scenario.merchant, random), leaves=True, hazard=hazard)
    return Decision(_stay(mind, scenario, random), hazard=hazard)


def _wound_up(mind: Mind) -> str | None:
    """The last words of a call that is over already: something was settled, or somebody said goodbye."""
    if mind.last == "goodbye":
        return "hang_up"
    if mind.last in ("agree", "defer", "brush_off") or "said_goodbye" in mind.noticed:
        return f"goodbye:{outcome_so_far(mind)}"
    return None


def outcome_so_far(mind: Mind) -> str:
    """How a goodbye is meant: ``agreed``, ``callback`` or ``refused``, by what was settled last."""
    settled = next((named(act) for act in reversed(mind.acts) if named(act) in ("agree", "defer", "refuse")), "")
    return {"agree": "agreed", "defer": "callback"}.get(settled, "refused")


def _leave(mind: Mind, persona: Persona, random: Random) -> str:
    """How somebody leaves: in anger, without a word more, in a hurry, politely, or with a yes that means no."""
    if not mind.acts:
        return "no_time" if random.random() < 0.3 + mind.busyness else "hang_up"
    temper = persona.temper
    hurt = mind.met("pressed") + 0.5 * (mind.met("repeated") + mind.met("ignored") + mind.met("asked_again"))
    soft = temper in ("polite", "timid", "warm")
    weights = {
        "scold": max(0.0, 0.6 - mind.patience) * hurt * (0.2 if soft else 1.6 if temper in ("blunt", "wary") else 1.0),
        "hang_up": max(0.03, 0.7 - mind.patience) * min(1.3, 0.1 + hurt + mind.did("refuse")) * (0.4 if soft else 1.0),
        "no_time": 1.2 * mind.busyness**2,
        "goodbye:refused": 0.35 + 0.3 * mind.trust,
        "defer": (1.6 * max(0.0, mind.interest - 0.4) + 0.25 * mind.busyness) * (mind.trust > 0.2),
        "brush_off": (0.5 if soft else 0.15) * (mind.met("new_value") > 0),
    }
    return random.choices(list(weights), list(weights.values()))[0]


def _stay(mind: Mind, scenario: Scenario, random: Random) -> str:
    persona = scenario.merchant
    noticed = {named(event): about(event) for event in mind.noticed}
    if not mind.acts:
        return "busy" if random.random() < 0.15 * mind.busyness else "pick_up"
    if "offered_callback" in noticed:
        return "defer" if random.random() < 0.3 + 0.5 * mind.interest else "refuse"
    if (happening := _due(mind)) is not None and not {"asked", "proposed"} & noticed.keys():
        return COMES_OUT_AS[happening]
    if mind.acts == ["pick_up"] and not {"proposed", "asked"} & noticed.keys():
        return _first_reaction(mind, persona, random)
    if noticed.keys() <= {"listened", "said_nothing"}:
        return _into_silence(mind, scenario, random)
    if "proposed" in noticed:
        return _on_proposal(mind, scenario, random)
    if "asked" in noticed:
        return _on_question(noticed["asked"], persona, random)
    if "asked_again" in noticed:
        return "unsure"  # it was told already
    return _react(mind, scenario, random)


def _due(mind: Mind) -> Happening | None:
    """What has happened and was not yet reacted to; nobody breaks off where an answer is due."""
    for turn, kind in sorted(mind.happenings.items()):
        if turn <= len(mind.acts) and COMES_OUT_AS[kind] not in mind.acts[turn:]:
            return kind
    return None


def _first_reaction(mind: Mind, persona: Persona, random: Random) -> str:
    if random.random() < 0.3 * mind.busyness:
        return "busy"
    if mind.interest < 0.3 and random.random() < 0.4:
        return "refuse"
    if not mind.met("introduced") and random.random() < 0.6:
        return "ask:who"
    if random.random() < 0.4 * persona.disposition.suspicion:
        return random.choice(["ask:number_source", "ask:is_ai", "ask:number_source", "object:trust"])
    return random.choice(["listen", "listen", "listen", "ask:what"])


def _into_silence(mind: Mind, scenario: Scenario, random: Random) -> str:
    """The salesperson left the floor: somebody who has more to say says it, the others want to know what this is."""
    if mind.last == "object" and "listened" in mind.noticed:
        return f"elaborate:{mind.open}"
    if mind.last in ("digress", "interested") and random.random() < 0.5:
        return "digress"
    unsaid, talks = _to_volunteer(mind, scenario), scenario.merchant.disposition.talkativeness
    if mind.last in ("answer", "volunteer") and unsaid and random.random() < talks:
        return f"volunteer:{random.choice(unsaid)}"
    puzzled = 2.0 * (mind.met("new_value") < 2 and "ask:what" not in mind.acts)
    chatty = max(0.0, talks - 0.12) * (mind.did("digress") < 2)
    return random.choices(["ask:what", "listen", "digress", "pardon"], [puzzled, 1.0, chatty, 0.15])[0]


def _to_volunteer(mind: Mind, scenario: Scenario) -> list[str]:
    """Facts the merchant may tell unasked: none told before, none that the call will ask for and so hear twice."""
    coming = {step.asks for step in scenario.strategy.flow}
    return [topic for topic in scenario.merchant.facts if topic not in mind.released | coming]


def _on_proposal(mind: Mind, scenario: Scenario, random: Random) -> str:
    persona = scenario.merchant
    odds = KEEN * (mind.interest - WON_OVER) + SURE * (mind.trust - CONFIDENT)
    if "pressed" not in mind.noticed and random.random() < 1 / (1 + math.exp(-odds)):
        return f"agree:{scenario.strategy.closes_with}"
    left = [
        kind
        for kind in persona.objections
        if kind not in mind.answered | mind.released and f"object:{kind}" not in mind.acts
    ]
    if left and random.random() < 0.6:
        return f"object:{left[0]}"
    if mind.interest > 0.4 and random.random() < 0.4:
        return "defer"
    if persona.temper in ("polite", "timid") and random.random() < 0.35:
        return "brush_off"
    return "refuse"


def _on_question(topic: str, persona: Persona, random: Random) -> str:
    return f"answer:{topic}" if topic in persona.facts and random.random() < 0.92 else "unsure"


def _react(mind: Mind, scenario: Scenario, random: Random) -> str:
    weights = _reactions(mind, scenario)
    return random.choices(list(weights), list(weights.values()))[0]


def _reactions(mind: Mind, scenario: Scenario) -> dict[str, float]:
    persona = scenario.merchant
    nature, pitched = persona.disposition, mind.met("new_value") > 0
    raised = persona.objections if pitched else [kind for kind in persona.objections if kind in BEFORE_ANY_PITCH]
    # Who told how much they could make does not say next that they cannot: a fact told takes its objection away.
    objections = [kind for kind in raised if f"object:{kind}" not in mind.acts and kind not in mind.released]
    unsaid, priced = _to_volunteer(mind, scenario), takes_up("cost", mind.lines[-1], scenario.language)
    weights = {
        "listen": 0.5 if mind.last == "listen" else 1.0,
        "digress": 0.8 * max(0.0, nature.talkativeness - 0.12) * (mind.did("digress") < 2),
        "interested": max(0.0, 2.4 * (mind.interest - 0.45)) * (mind.did("interested") < 2) * pitched,
        "ask:cost": 0.35 * ("ask:cost" not in mind.acts) * pitched * (not priced),
        "ask:proof": 0.4 * nature.suspicion * ("ask:proof" not in mind.acts) * pitched,
        "ask:is_ai": (0.1 + max(0.0, 3 * (mind.suspicion - SUSPECTS))) * ("ask:is_ai" not in mind.acts),
        "pardon": 0.04 * ("pardon" not in mind.acts),
        "busy": 0.25 * mind.busyness * (mind.did("busy") < 2),
        "refuse": 3.0 * max(0.0, 0.36 - mind.interest) + 1.0 * max(0.0, 0.25 - mind.trust),
    }
    if objections:
        weights[f"object:{objections[0]}"] = 2.3 * (1.1 - mind.interest)
    if unsaid and pitched:
        weights[f"volunteer:{unsaid[len(mind.acts) % len(unsaid)]}"] = 0.3 * nature.talkativeness
    if mind.left_open and mind.last in ("ask", "object"):
        weights[f"{mind.last}:{mind.left_open}"] = 0.8
    return weights
