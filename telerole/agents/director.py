"""The director: tells the training salesperson, at each turn, where its strategy's flow stands.

What a model is told once at the top of a long prompt it forgets by the tenth turn; the next step, repeated where the
words are made, it follows. A candidate is never directed.
"""

from __future__ import annotations

from telerole.agents.length import aimed_length
from telerole.agents.plan import next_acts, next_step, progress
from telerole.backends.base import Message
from telerole.prompts import render, salesperson_messages
from telerole.records import Language
from telerole.speaker import Call

EXAMPLES = 2
DEALT_WITH = ("refuse", "busy", "pardon", "digress")  # what comes before any step
LEAST: dict[Language, int] = {"en": 12, "zh": 20}  # words; a step cannot be taken in fewer
MOST: dict[Language, int] = {"en": 35, "zh": 45}


def directed(call: Call) -> list[Message]:
    """The training salesperson's messages with the turn's direction; the first line needs none."""
    return salesperson_messages(call.scenario, call.turns, direction(call) if call.turns else None, directed=True)


def direction(call: Call) -> str:
    """What to do now, by the plan: wind up, offer another call, deal with what was put, or take the next step."""
    language, strategy = call.scenario.language, call.scenario.filled_strategy
    state = progress(call.turns, strategy, language)
    now = next_acts(state, strategy, call.random("plan"))[0].partition(":")[0]
    step = next_step(state, strategy)
    put = state.open is not None or state.last.act in DEALT_WITH or state.said.endswith(("?", "？"))
    if now == "confirm" or (now == "goodbye" and state.open is None) or (step is None and not put):
        return render("salesperson_end", language, agreed=now == "confirm", callback=False)
    if now == "offer_callback":
        return render("salesperson_end", language, agreed=False, callback=True)
    lines = list(step.say[1:]) if step is not None else []
    call.random("examples").shuffle(lines)
    return render(
        "salesperson_turn",
        language,
        open=put,
        goal=step.goal.rstrip(".。") if step is not None else "",
        length=min(max(aimed_length("salesperson", language, call.random("length")), LEAST[language]), MOST[language]),
        examples=lines[:EXAMPLES],
    )
