"""The merchant's mind: what the call does to interest, trust and patience. A fold over the turns.

The decision is made by rules (`deciding`), the wording is somebody else's. After each line of the salesperson the
events read in it (`events`) move the feelings as the table says (`reactions`). A model that is merely told that it may
leave hardly ever does, so leaving is a hazard computed here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from random import Random

from telerole.agents.events import read_line
from telerole.agents.happenings import happenings
from telerole.agents.reactions import reactions_of
from telerole.agents.state import Mind, about, named
from telerole.reading import hear
from telerole.records import Language
from telerole.scenario import Scenario
from telerole.session import Turn
from telerole.speaker import derive_seed

FADING = ("new_value", "answered", "chatted", "listened")
FADES = 0.8  # each further point or answer moves a little less than the one before
BELIEVED = 0.3  # of a point made by somebody who is not trusted at all; one in the middle of trust counts in full
UNHEARD = 0.1  # how much of a point gets through to somebody whose own question was passed over
BUSIER = {"meeting_soon": 0.35, "walk_in": 0.2}

# The hazard of leaving at one turn, in log-odds.
AT_REST = -2.85
IMPATIENT = 5.0  # for patience below the middle, and as much the other way above it
UNINTERESTED = 1.8
BUSY = 1.3
UNHEARD_OF = -1.2  # before anything was said: few put the phone down on a greeting
REFUSED = 0.7  # for each time the merchant said no


def mind_at_rest(scenario: Scenario, seed: int) -> Mind:
    """The mind as the phone rings: the persona's disposition, and the day's mood drawn from `seed`."""
    nature, mood = scenario.merchant.disposition, Random(derive_seed(seed, "mood"))

    def around(middle: float, spread: float) -> float:
        return min(1.0, max(0.0, mood.gauss(middle, spread)))

    return Mind(
        interest=around(nature.interest, 0.12),
        trust=around(0.55 - 0.35 * nature.suspicion, 0.08),
        patience=max(0.1, around(nature.patience, 0.10)),
        suspicion=around(0.3 * nature.suspicion, 0.06),
        busyness=around(nature.busyness, 0.08),
        caller=(scenario.salesperson.company, scenario.salesperson.name),
        happenings=happenings(scenario.merchant, seed),
    )


def mind_after(
    scenario: Scenario, turns: Sequence[Turn], seed: int, noticed_last: tuple[str, ...] | None = None
) -> Mind:
    """Fold the turns into the merchant's state of mind.

    What was noticed in a line stands on the merchant's next turn, for the last line in `noticed_last`; where it stands
    nowhere, the line is read by rules.
    """
    last = deque(mind_along(scenario, turns, seed, noticed_last), maxlen=1)
    return last[0] if last else mind_at_rest(scenario, seed)


def mind_along(
    scenario: Scenario, turns: Sequence[Turn], seed: int, noticed_last: tuple[str, ...] | None = None
) -> Iterator[Mind]:
    """The mind after each turn: one and the same object, which the next turn changes."""
    mind, luck = mind_at_rest(scenario, seed), Random(derive_seed(seed, "luck"))
    for index, turn in enumerate(turns):
        if turn.role == "merchant":
            remember(mind, turn.act or heard_act(turn, scenario.language))
            yield mind
            continue
        reply = turns[index + 1] if index + 1 < len(turns) else None
        noticed = reply.noticed if reply is not None else noticed_last
        if noticed is None:
            noticed = read_line(turn.text, mind, scenario.language)
        take_in(mind, noticed, turn.text, scenario, luck.random())
        yield mind


def take_in(mind: Mind, noticed: Sequence[str], text: str, scenario: Scenario, landed: float) -> None:
    """What one line of the salesperson does to the merchant; `landed` (0 to 1) is how well its points hit home."""
    row = reactions_of(scenario.merchant)
    landed *= BELIEVED + 2 * (1 - BELIEVED) * mind.trust
    if "ignored" in noticed:
        landed *= UNHEARD
    for event in map(named, noticed):
        faded = FADES ** mind.met(event) if event in FADING else 1.0
        for feeling, change in row[event].items():
            wins_over = change > 0 and feeling == "interest"
            # It takes more and more to win somebody over: half of the interest still missing counts in full.
            mind.feel(feeling, change * faded * (4 * landed * (1 - mind.interest) if wins_over else 1.0))
    mind.left_open = mind.open if "ignored" in noticed else ""
    if "answered" in noticed:
        mind.answered.add(mind.open)
    if {"answered", "ignored"} & set(noticed):
        mind.open = ""
    mind.events.append(tuple(noticed))
    mind.lines.append(text)
    if (happening := mind.happenings.get(len(mind.acts))) in BUSIER:
        mind.busyness = min(1.0, mind.busyness + BUSIER[happening])
        mind.feel("patience", -0.05)


def remember(mind: Mind, act: str) -> None:
    """What the merchant did stays with them: the question they put, the fact they told."""
    kind, topic = named(act), about(act)
    if kind in ("ask", "object"):
        mind.open = topic
    elif kind in ("answer", "volunteer"):
        mind.released.add(topic)
    mind.acts.append(act)


def heard_act(turn: Turn, language: Language) -> str:
    """What a merchant's turn without an act was heard as."""
    act, kind = hear("merchant", turn.text, language)
    return f"{act}:{kind}" if kind else act


def leaving_hazard(mind: Mind) -> float:
    """The chance that the merchant ends the call at this turn: logistic in patience, interest, busyness, refusals."""
    odds = (
        AT_REST
        + IMPATIENT * (0.5 - mind.patience)
        + UNINTERESTED * (0.5 - mind.interest)
        + BUSY * mind.busyness
        + REFUSED * mind.did("refuse")
        + UNHEARD_OF * (not mind.acts)
    )
    return 1 / (1 + math.exp(-odds))
