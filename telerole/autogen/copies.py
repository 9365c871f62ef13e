"""A guest's or a condition's copy for one conversation."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from autogen_agentchat.base import Team, TerminationCondition
from autogen_agentchat.conditions import ExternalTermination
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage
from autogen_core import ComponentBase
from autogen_core.memory import Memory
from autogen_core.models import ChatCompletionClient
from autogen_core.tools import BaseTool, Workbench

from telerole.errors import InputError

T = TypeVar("T")

SHARED = (ChatCompletionClient, Workbench, BaseTool, Memory)


def copied(original: T) -> T:
    """A copy; `SHARED` parts are the original's own, and an `ExternalTermination` heeds the original's switch."""
    memo: dict[int, Any] = {}
    for part in _parts(original, set()):
        if isinstance(part, SHARED):
            memo[id(part)] = part
        elif isinstance(part, ExternalTermination):
            memo[id(part)] = _Switch(part)
        elif isinstance(part, Team) and getattr(part, "_initialized", False):
            raise InputError(f"team {part.name!r} has run before and cannot be copied; give a function that makes one")
    try:
        return copy.deepcopy(original, memo)
    except Exception as error:
        what = f"{type(original).__name__} {getattr(original, 'name', '')!r}"
        raise InputError(f"{what} cannot be copied ({error}); give a function that makes one") from error


def _parts(thing: object, seen: set[int]) -> Iterator[object]:
    """A component and every component in it, but for what is inside `SHARED` ones."""
    seen.add(id(thing))
    yield thing
    for value in () if isinstance(thing, SHARED) else vars(thing).values():
        for part in _each(value):
            if isinstance(part, ComponentBase) and id(part) not in seen:
                yield from _parts(part, seen)


def _each(value: object) -> Iterable[object]:
    match value:
        case dict():
            return value.values()
        case list() | tuple():
            return value
        case _:
            return (value,)


class _Switch(TerminationCondition):
    """One conversation's view of a shared `ExternalTermination`; `reset` does not turn the user's switch off."""

    def __init__(self, external: ExternalTermination) -> None:
        self._external, self._seen = external, False

    @property
    def terminated(self) -> bool:
        """Whether this conversation was told."""
        return self._seen

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        """Look at the switch."""
        self._seen = self._external.terminated or await self._external(()) is not None
        told = StopMessage(content="External termination requested", source="ExternalTermination")
        return told if self._seen else None

    async def reset(self) -> None:
        """Look anew."""
        self._seen = False
