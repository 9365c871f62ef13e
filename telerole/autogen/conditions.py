"""Theirs inside ours: a termination condition as a stop rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autogen_agentchat.base import TerminatedException, TerminationCondition

from telerole.autogen.copies import copied
from telerole.autogen.messages import lines
from telerole.conversation import StopRule
from telerole.scenario import Scenario
from telerole.session import End, Turn


def stop(condition: TerminationCondition) -> StopRule:
    """A termination condition as a stop rule: each conversation has a copy of its own, told each turn as it is said.

    An `ExternalTermination` stays shared, wherever it stands in the condition: set, it ends every conversation. The
    turns carry no token counts, so a `TokenUsageTermination` never fires; a `Budget` does.
    """
    copied(condition)  # so that what cannot be copied is refused here, and not in the middle of a run
    return _Condition(condition)


@dataclass(frozen=True, slots=True)
class _Condition:
    condition: TerminationCondition

    def seat(self, scenario: Scenario, seed: int) -> _Watch:
        """The same for one conversation."""
        return _Watch(copied(self.condition))

    async def __call__(self, turns: Sequence[Turn]) -> End | None:
        """What the condition says of a whole call at once."""
        return await _Watch(copied(self.condition))(turns)


class _Watch:
    """A termination condition in one conversation."""

    def __init__(self, condition: TerminationCondition) -> None:
        self._condition = condition
        self._heard = 0

    async def __call__(self, turns: Sequence[Turn]) -> End | None:
        """Tell the condition what was said since it was last asked."""
        if not self._heard:
            await self._condition.reset()  # a timeout's clock starts with the call
        news, self._heard = turns[self._heard :], len(turns)
        try:
            stopped = await self._condition(lines(news, {}))
        except TerminatedException as error:  # no Exception: it would tear down the whole run
            return End(reason="stopped", detail=str(error))
        return End(reason="stopped", detail=stopped.content) if stopped is not None else None
