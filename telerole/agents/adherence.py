"""How a salesperson kept to the strategy, measured without a judge: coverage, order, drift, return time.

Read from the words (`steps`), so that models, people and offline speakers are measured alike. The paper judges
strategy-following as a yes or no (5.2); these are the numbers behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from telerole.agents.steps import acts_in
from telerole.outcome import merchant_acts
from telerole.reading import addresses, words
from telerole.records import Language, Record
from telerole.session import Turn
from telerole.strategy import Strategy

A_REMARK: dict[Language, int] = {"en": 8, "zh": 12}  # words; a shorter turn is manners, not drift
SETTLED = ("agree", "defer", "brush_off", "goodbye", "no_time", "scold", "hang_up")
CHATS = ("digress", "aside")  # acts of the merchant's; going along with them for a turn is courteous


class Adherence(Record):
    """One session against its strategy.

    `coverage`: steps taken / steps due, where as many steps are due as the salesperson had turns for before the
    merchant settled the matter (at most the whole flow). `order`: 1 minus the share of step pairs taken the wrong way
    round; None with fewer than two steps. `drift`: the share of the salesperson's turns that take no step, speak
    neither of the merchant nor of the call or the trade (`reading.addresses`), and are no courtesy. `return_time`: the
    mean number of turns from the first such turn to the next step; None without any.
    """

    coverage: float
    order: float | None
    drift: float
    return_time: float | None


def adherence(turns: Sequence[Turn], strategy: Strategy) -> Adherence:
    """Measure a session's turns against its strategy, the slots filled (`Scenario.filled_strategy`)."""
    said = [acts_in(turn.text, strategy) for turn in turns[::2]]
    taken = list(dict.fromkeys(act[5:] for acts in said for act in acts if act.startswith("step:")))
    drifted = [_drifts(turns, 2 * number, acts, strategy) for number, acts in enumerate(said)]
    return Adherence(
        coverage=len(taken) / _due(turns, strategy, len(taken)),
        order=_order(taken, [step.id for step in strategy.flow]),
        drift=fmean(drifted) if drifted else 0.0,
        return_time=_return_time(drifted, [any(act.startswith("step:") for act in acts) for acts in said]),
    )


def _due(turns: Sequence[Turn], strategy: Strategy, taken: int) -> int:
    did = merchant_acts(turns, strategy.language)
    open_for = next((n for n, act in enumerate(did) if act.act in SETTLED), len(did))
    room = open_for - 1  # the first of the merchant's turns answers the greeting
    return max(1, taken, min(len(strategy.flow), room))


def _order(taken: Sequence[str], flow: Sequence[str]) -> float | None:
    pairs = list(combinations([flow.index(step) for step in taken], 2))
    return 1 - fmean(one > other for one, other in pairs) if pairs else None


def _drifts(turns: Sequence[Turn], index: int, acts: Sequence[str], strategy: Strategy) -> bool:
    language, text = strategy.language, turns[index].text
    if acts or index == 0 or words(text, language) < A_REMARK[language]:
        return False
    before = merchant_acts(turns[:index], language)[-1].act
    return before not in CHATS and not addresses(text, language)


def _return_time(drifted: Sequence[bool], steps: Sequence[bool]) -> float | None:
    waits = []
    for start, away in enumerate(drifted):
        if away and not (start and drifted[start - 1]):
            back = next((n for n in range(start + 1, len(steps)) if steps[n]), None)
            if back is not None:
                waits.append(back - start)
    return fmean(waits) if waits else None
