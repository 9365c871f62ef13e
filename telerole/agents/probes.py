"""Five counterfactual salespeople: whoever they call, a merchant with a mind must take to them in this order.

They are tests of the merchant, not of a sales model: each follows the same strategy with the same lines and differs
from `plan.next_acts` in one habit.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from telerole.agents.offline import OfflineSalesperson
from telerole.agents.plan import Progress, answer, goodbye, next_acts, next_step
from telerole.lines import OBJECTIONS
from telerole.strategy import Strategy


def good(state: Progress, strategy: Strategy, random: Random) -> list[str]:
    """Listens, answers what stands open, and takes a no."""
    return next_acts(state, strategy, random)


def neutral(state: Progress, strategy: Strategy, random: Random) -> list[str]:
    """Goes through the flow: no small talk, gives nobody the floor, and lets one objection in ten pass."""
    acts = next_acts(state, strategy, random)
    answers = acts[0].removeprefix("answer:")
    if acts == ["backchannel"] or (answers in OBJECTIONS and random.random() < 0.1):
        return _next(state, strategy)
    return [act for act in acts if act not in ("acknowledge", "chat", "soften")] or acts


def pushy(state: Progress, strategy: Strategy, random: Random) -> list[str]:
    """Asks for the close early and often, boasts, and takes no no."""
    if len(state.acts) < 2:
        return next_acts(state, strategy, random)
    if state.agreed or state.last.act == "goodbye" or state.proposed > 5:
        return next_acts(state, strategy, random) if state.agreed else [goodbye(state)]
    close = f"step:{strategy.flow[-1].id}"
    if state.last.act in ("refuse", "defer"):
        return ["press", close] if state.done else ["press", *_next(state, strategy)]
    if state.open and random.random() < 0.4:
        return [answer(state.open, strategy), *([close] if state.done else _next(state, strategy))]
    if state.last.act == "object":
        return ["press", close] if state.done else ["press", *_next(state, strategy)]
    if random.random() < 0.3:
        return ["boast", *_next(state, strategy)]
    return [close] if len(state.done) > 1 and random.random() < 0.5 else _next(state, strategy)


def ignoring(state: Progress, strategy: Strategy, random: Random) -> list[str]:
    """Reads out the script: answers nothing, and says a point again when it runs out of new ones."""
    if len(state.acts) < 2:
        return next_acts(state, strategy, random)
    if state.agreed or state.last.act == "goodbye" or len(state.acts) > 2 * len(strategy.flow) + 4:
        return next_acts(state, strategy, random) if state.agreed else [goodbye(state)]
    if state.done and random.random() < 0.5:
        return [f"step:{random.choice(state.done)}"]
    return _next(state, strategy)


def silent(state: Progress, strategy: Strategy, random: Random) -> list[str]:
    """Says who it is and then hardly a word."""
    if len(state.acts) < 2:
        return next_acts(state, strategy, random)
    return [goodbye(state)] if state.last.act == "goodbye" else ["backchannel"]


def _next(state: Progress, strategy: Strategy) -> list[str]:
    if "introduce" not in state.acts and not state.done:
        return ["introduce"]
    step = next_step(state, strategy)
    return [f"step:{step.id}"] if step else [goodbye(state)]


PROBES: Mapping[str, OfflineSalesperson] = {
    plan.__name__: OfflineSalesperson(plan=plan) for plan in (good, neutral, pushy, ignoring, silent)
}
"""Best first: how interest and high intention must order."""
