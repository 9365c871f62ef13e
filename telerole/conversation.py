"""One call: two speakers taking turns until somebody ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TypeVar

from telerole.channel import Channel, as_heard
from telerole.errors import BackendError, BudgetSpent, InputError
from telerole.persona import Role
from telerole.scenario import Scenario
from telerole.session import End, Payer, Session, Turn, Usage, speaker_at
from telerole.speaker import Call, Refused, Said, Speaker, derive_seed

__all__ = ["Call", "Conversation", "Said", "Speaker", "StopRule", "converse", "derive_seed"]

G = TypeVar("G")


StopRule = Callable[[Sequence[Turn]], "End | bool | Awaitable[End | bool | None] | None"]
"""Asked after each turn: an `End`, or True for one that says no more than ``stopped``, ends the call."""


@dataclass(slots=True)
class Conversation:
    """One call as it happens: iterate over it to hear the turns, then read `session`.

    `raw` is the reply with which a model call failed for good, `refused` those, by turn, that were asked for again.
    """

    scenario: Scenario
    salesperson: Speaker
    merchant: Speaker
    rules: Sequence[StopRule]
    seed: int
    trial: int = 0
    provenance: dict[str, str] = field(default_factory=dict)
    channel: Channel | None = None
    session: Session | None = None
    raw: str | None = None
    refused: dict[int, tuple[Refused, ...]] = field(default_factory=dict)

    async def __aiter__(self) -> AsyncIterator[Turn]:
        chairs: dict[Role, Speaker] = {
            "salesperson": self._seat(self.salesperson),
            "merchant": self._seat(self.merchant),
        }
        rules: list[StopRule] = [self._seat(rule) for rule in self.rules]
        turns: list[Turn] = []
        spent: dict[Payer, Usage] = {}
        end: End | None = None
        try:
            while end is None:
                role = speaker_at(len(turns))
                try:
                    said = await chairs[role].speak(Call(self.scenario, self._heard(turns, role), self.seed))
                except BudgetSpent as error:
                    end = End(reason="budget", detail=str(error))
                    _charge(spent, role, error.usage)
                except BackendError as error:
                    end = End(reason="backend_error", by=role, detail=f"{error.kind}: {error}")
                    self.raw = error.raw
                    _charge(spent, role, error.usage)
                else:
                    end = said.end
                    _charge(spent, role, said.usage)
                    if said.refused:
                        self.refused[len(turns)] = said.refused
                    if said.text.strip():
                        turns.append(self._carried(role, said, len(turns)))
                        yield turns[-1]
                    elif end is None:
                        raise TypeError(f"{chairs[role].name} said nothing and did not end the call")
                    end = end or await _first_end(rules, turns)
        finally:
            for guest in (*chairs.values(), *rules):
                if (leave := getattr(guest, "leave", None)) is not None:
                    await leave()
        self.session = Session(
            id=f"{self.scenario.id}.{self.trial}",
            scenario_id=self.scenario.id,
            trial=self.trial,
            language=self.scenario.language,
            seed=self.seed,
            turns=tuple(turns),
            end=end,
            usage=spent,
            provenance=self.provenance,
        )

    def _heard(self, turns: Sequence[Turn], role: Role) -> tuple[Turn, ...]:
        return tuple(turns) if self.channel is None else as_heard(tuple(turns), role)

    def _carried(self, role: Role, said: Said, number: int) -> Turn:
        turn = Turn(role=role, text=said.text, act=said.act, noticed=said.noticed, repairs=said.repairs)
        if self.channel is None or said.end is not None:
            return turn
        return self.channel.carry(turn, number, self.scenario.language, self.seed)

    def _seat(self, guest: G) -> G:
        seat = getattr(guest, "seat", None)
        return guest if seat is None else seat(self.scenario, self.seed)


def _charge(spent: dict[Payer, Usage], role: Role, usage: Usage | None) -> None:
    if usage is not None:
        spent[role] = spent[role] + usage if role in spent else usage


async def _first_end(rules: Sequence[StopRule], turns: Sequence[Turn]) -> End | None:
    for rule in rules:
        found = rule(turns)
        end = await found if isawaitable(found) else found
        if end is True:
            return End(reason="stopped")
        if isinstance(end, End):
            return end
        if end is not None and end is not False:
            name = getattr(rule, "__name__", type(rule).__name__)
            raise InputError(f"the stop rule {name} returned {end!r}; return an End or True to stop the call, or None")
    return None


async def converse(conversation: Conversation) -> Session:
    """Let the call run to its end and return the session."""
    async for _ in conversation:
        pass
    assert conversation.session is not None
    return conversation.session
