"""`Session`: the conversation {A1, U2, … An} and how it ended; `Triplet`: one training example (paper section 3)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from telerole.persona import Role
from telerole.profile import Profile
from telerole.records import Language, Record
from telerole.strategy import Strategy

EndReason = Literal[
    "merchant_hangup",  # put the phone down
    "merchant_goodbye",  # said goodbye first
    "salesperson_goodbye",
    "salesperson_hangup",
    "goal_reached",  # a meeting, contact or sign-up was agreed and the call was wound up
    "callback_agreed",
    "max_turns",
    "loop",  # the same lines, or goodbyes, over and over
    "stopped",  # a stop rule or termination condition of the user's
    "budget",
    "backend_error",
]
UNFINISHED: frozenset[str] = frozenset({"budget", "backend_error"})


class Usage(Record):
    """What one chair's model calls cost. `attempts` counts every request, those that failed too."""

    calls: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage.model_construct(
            calls=self.calls + other.calls,
            attempts=self.attempts + other.attempts,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )


class Turn(Record):
    """One utterance. `act` is what its speaker set out to do; `repairs` what was cut from a model's reply.

    `noticed` stands on a turn of a merchant with a mind: the events read in the line before it (`persona.Event`, what
    was asked for after a colon), which later turns build on. `heard` is what arrived where the line lost some of it.
    """

    role: Role
    text: str = Field(min_length=1)
    act: str | None = None
    noticed: tuple[str, ...] | None = None
    heard: str | None = None
    repairs: tuple[str, ...] = ()


class End(Record):
    """Why a call ended, and by whom (None: by nobody in the call)."""

    reason: EndReason
    by: Role | None = None
    detail: str = ""


class Session(Record):
    """A call: strictly alternating turns, the salesperson first, an end, what it cost and where it came from.

    `id` is ``<scenario_id>.<trial>``. `provenance` names who sat in each chair and the prompts' digest.
    """

    id: str
    scenario_id: str
    trial: int = 0
    language: Language
    seed: int
    turns: tuple[Turn, ...]
    end: End
    usage: dict[Role, Usage] = {}
    provenance: dict[str, str] = {}

    @model_validator(mode="after")
    def _alternates(self) -> Self:
        for index, turn in enumerate(self.turns):
            expected = speaker_at(index)
            if turn.role != expected:
                raise ValueError(
                    f"turns[{index}].role: is {turn.role!r}, but turns alternate from the salesperson: {expected!r}"
                )
        return self

    @property
    def finished(self) -> bool:
        """False where a failed call or a spent budget cut the conversation short."""
        return self.end.reason not in UNFINISHED


def speaker_at(index: int) -> Role:
    """Whose turn it is: the salesperson's at 0, 2, 4, …"""
    return "merchant" if index % 2 else "salesperson"


class Triplet(Record):
    """{Profile, Strategy, Session} and how it was made: one training example (Eq. 1)."""

    profile: Profile
    strategy: Strategy
    session: Session
    method: Literal["extraction", "simulation", "completion"]
