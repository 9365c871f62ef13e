"""Reading the salesperson with a model instead of rules: one structured question a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from telerole.agents.state import Mind
from telerole.backends.base import Backend, Sampling
from telerole.backends.structured import generate_as
from telerole.persona import Event, Topic
from telerole.prompts import render
from telerole.session import Usage
from telerole.speaker import Call

LAST = 6  # turns of the call that are shown


class LineReading(BaseModel):
    """What a model read in one line: every event that applies, and the fact that was asked for."""

    events: list[Event] = Field(description="every event that the last line shows, none that it does not")
    asked_for: Topic | Literal["other", ""] = Field("", description="the topic asked for, with the event 'asked'")


@dataclass(frozen=True, slots=True)
class ByModel:
    """Reads with a `Backend`. A model that cannot answer in shape fails the turn, as any failed call does."""

    backend: Backend

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name

    async def read(self, call: Call, mind: Mind) -> tuple[tuple[str, ...], Usage | None]:
        """The events in the last line of `call`."""
        language = call.scenario.language
        prompt = render("reader", language, turns=call.turns[-LAST:], waiting=mind.open, refused=mind.did("refuse"))
        answer = await generate_as(
            self.backend,
            [{"role": "user", "content": prompt}],
            LineReading,
            sampling=Sampling(temperature=0).seeded(call.turn_seed),
            language=language,
        )
        events = dict.fromkeys(
            f"asked:{answer.value.asked_for or 'other'}" if event == "asked" else event for event in answer.value.events
        )
        return tuple(events), answer.reply.usage
