"""The salesperson's plan: where the call stands in the strategy's flow, and what to do next.

A fold over the turns: what the salesperson meant stands in its own turns' `act`, what the merchant meant is heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from telerole.reading import Heard, hear, means
from telerole.records import Language
from telerole.session import Turn
from telerole.strategy import Step, Strategy


@dataclass(slots=True)
class Progress:
    """What has happened so far, from the salesperson's side."""

    done: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    proposed: int = 0
    refused: int = 0
    agreed: bool = False
    deferred: bool = False

    @property
    def last(self) -> Heard:
        """What the merchant was last heard to mean."""
        return self.heard[-1] if self.heard else Heard("listen")

    def count(self, act: str) -> int:
        """How often the merchant meant `act`."""
        return sum(heard.act == act for heard in self.heard)


def progress(turns: Sequence[Turn], strategy: Strategy, language: Language) -> Progress:
    """Fold the turns into where the plan stands."""
    state = Progress()
    closing = strategy.flow[-1].id
    for turn in turns:
        if turn.role == "salesperson":
            for act in (turn.act or "pitch").split("+"):
                state.acts.append(act)
                if act.startswith("step:") and act[5:] not in state.done:
                    state.done.append(act[5:])
                state.proposed += act == f"step:{closing}"
        else:
            heard = _heard(turn.text, state, closing, language)
            state.heard.append(heard)
            state.refused += heard.act == "refuse"
            state.agreed |= heard.act == "agree" and state.proposed > 0 and state.acts[-1] != "offer_callback"
            state.deferred |= heard.act == "defer" or (heard.act == "agree" and state.acts[-1] == "offer_callback")
    return state


def _heard(text: str, state: Progress, closing: str, language: Language) -> Heard:
    """What the merchant meant: a bare yes is agreement right after a proposal, and "go on" anywhere else."""
    heard = hear("merchant", text, language)
    proposed = state.acts[-1:] in (["offer_callback"], [f"step:{closing}"])
    if heard.act in ("listen", "interested", "assent") and proposed and means("merchant", "assent", text, language):
        return Heard("agree")
    if heard.act == "assent" or (heard.act == "agree" and not (state.proposed or "offer_callback" in state.acts)):
        return Heard("listen")
    return heard


def next_step(state: Progress, strategy: Strategy) -> Step | None:
    """The first step not yet taken; after the last one the closing step once more, then None."""
    for step in strategy.flow:
        if step.id not in state.done:
            return step
    return strategy.flow[-1] if state.proposed < 2 else None


def next_acts(state: Progress, strategy: Strategy, random: Random) -> list[str]:
    """What the salesperson does now: acts to be worded one after the other in one line.

    Acts are those of `lines.ACTS`, with their kind after a colon (``answer:price``), or ``step:<id>``.
    """
    if not state.acts:
        return ["greet"]
    step = next_step(state, strategy)
    go_on = [f"step:{step.id}"] if step else [_goodbye(state)]
    last = state.last
    if last.act == "goodbye" or _wound_up(state):
        return [_goodbye(state)]
    match last.act:
        case "agree" if state.agreed:
            return [f"confirm:{strategy.closes_with}"]
        case "agree" | "defer":
            return ["goodbye:callback"]
        case "refuse" if state.refused > 1:
            return ["offer_callback"] if state.refused == 2 and random.random() < 0.3 else ["goodbye:refused"]
        case "refuse":
            return ["soften", *go_on]
        case "busy" if not state.done and "introduce" not in state.acts:
            return ["introduce"]
        case "busy" if state.count("busy") > 1 or random.random() < 0.25:
            return ["offer_callback"]
        case "busy":
            return ["shorten", *go_on]
        case "ask" if last.about in ("who", "what") and "introduce" not in state.acts:
            return ["introduce"]
        case "ask":
            return [_answer(last, strategy), *(go_on if random.random() < 0.55 else [])]
        case "object":
            return [_answer(last, strategy), *(go_on if random.random() < 0.5 else [])]
        case "digress":
            return ["chat", *go_on]
        case "interested" if len(state.done) > 1 and not state.proposed and random.random() < 0.6:
            # Somebody who warms to it is asked now, not after three more points.
            return [f"step:{strategy.flow[-1].id}"]
        case "pardon":
            return ["repair", *(f"step:{done}" for done in state.done[-1:])]
    if "introduce" not in state.acts and not state.done:
        return ["introduce"]
    if random.random() < 0.5 and not go_on[0].startswith("goodbye"):
        return ["acknowledge", *go_on]
    return go_on


def _wound_up(state: Progress) -> bool:
    """The last own act already closed the matter: what was agreed is summed up, or a callback was refused too."""
    if state.acts[-1].startswith("confirm"):
        return True
    return state.acts[-1] == "offer_callback" and state.last.act in ("refuse", "listen", "busy")


def _goodbye(state: Progress) -> str:
    if state.agreed:
        return "goodbye:agreed"
    return "goodbye:callback" if state.deferred else "goodbye:refused"


def _answer(heard: Heard, strategy: Strategy) -> str:
    about = "price" if heard.about == "cost" and "price" in strategy.answers else heard.about
    return f"answer:{about}"
