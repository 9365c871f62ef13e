"""The salesperson's plan: where the call stands in the strategy's flow, and what to do next.

A fold over the turns: what the salesperson meant stands in its own turns' `act`, or is read from its words; what the
merchant meant is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from telerole.agents.steps import acts_in
from telerole.reading import Heard, hear, means, takes_up, words
from telerole.records import Language
from telerole.session import Turn
from telerole.strategy import Step, Strategy


@dataclass(slots=True)
class Progress:
    """What has happened so far, from the salesperson's side.

    `open` is what the merchant asked or objected and nobody answered, `said` the merchant's last line, `asked` the
    topic that the salesperson's last step asked for.
    """

    done: list[str] = field(default_factory=list)
    open: Heard | None = None
    acts: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    proposed: int = 0
    refused: int = 0
    agreed: bool = False
    deferred: bool = False
    said: str = ""
    asked: str | None = None

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
    closing, asks = strategy.flow[-1].id, {f"step:{step.id}": step.asks for step in strategy.flow}
    for turn in turns:
        if turn.role == "salesperson":
            for act in turn.act.split("+") if turn.act else acts_in(turn.text, strategy) or ("pitch",):
                state.acts.append(act)
                state.asked = asks.get(act)
                if act.startswith("step:") and act[5:] not in state.done:
                    state.done.append(act[5:])
                state.proposed += act == f"step:{closing}"
                if act.startswith(("answer:", "introduce", "goodbye")):
                    state.open = None
            if turn.act is None:
                _read_on(turn.text, state, strategy, language)
        else:
            heard = _heard(turn.text, state, closing, language)
            state.heard.append(heard)
            state.said = turn.text
            if heard.act in ("ask", "object"):
                state.open = heard
            state.refused += heard.act == "refuse"
            state.agreed |= heard.act == "agree" and state.acts[-1] != "offer_callback"
            state.deferred |= heard.act == "defer" or (heard.act == "agree" and state.acts[-1] == "offer_callback")
    return state


def _read_on(text: str, state: Progress, strategy: Strategy, language: Language) -> None:
    """What a line without an act did that its words do not show: an answer, or the next step in other words.

    A model that was told a step has most likely taken it; told it again and again, it would go round in circles.
    """
    if state.open and takes_up(state.open.about, text, language):
        state.open = None
    elif words(text, language) >= A_POINT[language] * {"pitch": 1, "introduce": 3}.get(state.acts[-1], 1000):
        left = [step.id for step in strategy.flow if step.id not in state.done] or [strategy.flow[-1].id]
        state.done += [left[0]] * (left[0] not in state.done)
        state.proposed += left[0] == strategy.flow[-1].id


def _heard(text: str, state: Progress, closing: str, language: Language) -> Heard:
    """What the merchant meant: a bare yes is agreement right after a proposal, and "go on" anywhere else."""
    heard = hear("merchant", text, language)
    if heard.act == "scold":
        return Heard("refuse")
    if heard.act == "object" and state.asked is not None:
        return Heard("listen")  # "the owner decides that" answers the question who decides, it is no objection
    proposed = state.acts[-1:] in (["offer_callback"], [f"step:{closing}"])
    if heard.act in ("listen", "interested", "assent") and proposed and means("merchant", "assent", text, language):
        return Heard("agree")
    unasked = not (state.proposed or "offer_callback" in state.acts)
    if heard.act == "assent" or (heard.act == "agree" and unasked and words(text, language) < A_FACT[language]):
        return Heard("listen")
    return heard


def next_step(state: Progress, strategy: Strategy) -> Step | None:
    """The first step not yet taken; after the last one the closing step once more, then None."""
    for step in strategy.flow:
        if step.id not in state.done:
            return step
    return strategy.flow[-1] if state.proposed < 2 else None


Plan = Callable[[Progress, Strategy, Random], list[str]]
"""What a salesperson does next: acts to be worded one after the other in one line.

Acts are those of `lines.ACTS`, with their kind after a colon (``answer:price``), or ``step:<id>``.
"""

# How often somebody in the middle of a grumble or a story is given the floor; English talk is full of it.
LISTENS: dict[Language, dict[str, float]] = {
    "en": {"object": 0.95, "digress": 0.95, "listen": 0.95},
    "zh": {"object": 0.55, "digress": 0.5, "listen": 0.45},
}
A_POINT: dict[Language, int] = {"en": 8, "zh": 12}
A_FACT: dict[Language, int] = {"en": 5, "zh": 8}


def next_acts(state: Progress, strategy: Strategy, random: Random) -> list[str]:
    """A good salesperson: listens, answers what stands open, takes the flow's next step, and takes a no."""
    if not state.acts:
        return ["greet"]
    if _lets_them_talk(state, strategy.language, random):
        return ["backchannel"]
    step = next_step(state, strategy)
    go_on = [f"step:{step.id}"] if step else [goodbye(state)]
    last = state.last
    if last.act == "goodbye" or _wound_up(state):
        return [goodbye(state)]
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
        case "pardon":
            return ["repair", f"step:{state.done[-1]}"] if state.done else ["introduce"]
    if state.open:
        return [answer(state.open, strategy), *(go_on if random.random() < 0.5 else [])]
    match last.act:
        case "digress":
            return ["chat", *go_on]
        case "interested" if len(state.done) > 1 and not state.proposed and random.random() < 0.6:
            # Somebody who warms to it is asked now, not after three more points.
            return [f"step:{strategy.flow[-1].id}"]
    if "introduce" not in state.acts and not state.done:
        return ["introduce"]
    if random.random() < 0.5 and not go_on[0].startswith("goodbye"):
        return ["acknowledge", *go_on]
    return go_on


def _lets_them_talk(state: Progress, language: Language, random: Random) -> bool:
    if state.acts[-1] == "backchannel" or "introduce" not in state.acts or not state.done:
        return False
    if state.said.endswith(("?", "？")):
        return False
    if state.last.act == "listen" and words(state.said, language) < A_FACT[language]:
        return False  # a mere "mm" gives the floor back
    return random.random() < LISTENS[language].get(state.last.act, 0.0)


def _wound_up(state: Progress) -> bool:
    """The last own act already closed the matter: what was agreed is summed up, or a callback was refused too."""
    if state.acts[-1].startswith("confirm"):
        return True
    return state.acts[-1] == "offer_callback" and state.last.act in ("refuse", "listen", "busy")


def goodbye(state: Progress) -> str:
    """The last act of a call, by what it came to."""
    if state.agreed:
        return "goodbye:agreed"
    return "goodbye:callback" if state.deferred else "goodbye:refused"


def answer(heard: Heard, strategy: Strategy) -> str:
    """The act that answers a question or an objection."""
    about = "price" if heard.about == "cost" and "price" in strategy.answers else heard.about
    return f"answer:{about}"
