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
Payer = Literal["salesperson", "merchant", "writer"]
"""Whose model calls are counted: a chair's, or those of the model that wrote the session by itself."""

UNFINISHED: frozenset[str] = frozenset({"budget", "backend_error"})


class Usage(Record):
    """What model calls cost. `attempts` counts every request, those that failed too."""

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
    `note` says in a few words what the turn is about, written before the turn itself was (paper 4.1).
    """

    role: Role
    text: str = Field(min_length=1)
    act: str | None = None
    noticed: tuple[str, ...] | None = None
    heard: str | None = None
    repairs: tuple[str, ...] = ()
    note: str | None = None


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
    usage: dict[Payer, Usage] = {}
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


Method = Literal["extraction", "simulation", "completion"]


class Deviation(Record):
    """Where what was made departs from what it was made from, such as a line left out or a number changed.

    `turn` counts the session's turns from 0; None where no one turn is meant.
    """

    kind: Literal[
        "repaired",  # the model's JSON had to be mended
        "dropped",  # lines of the script that stand in no turn and were not said to be removed
        "removed",  # lines that were left out on purpose, with the reason
        "reordered",  # turns that stand in another order than their lines
        "merged",  # neighbouring turns of one speaker, made one
        "number",  # a number of the script that the session tells otherwise
        "ungrounded",  # a number, date, name, place or offer that the script does not hold
        "profile",  # a field that the script does not tell, or tells twice differently
        "strategy",  # a step or a promise that the chosen strategy did not hold
    ]
    detail: str
    turn: int | None = None


class Triplet(Record):
    """{Profile, Strategy, Session} and how it was made: one training example (Eq. 1). The strategy's slots are filled.

    `source` is the id of the script, scenario or QA pair it was made from.
    """

    profile: Profile
    strategy: Strategy
    session: Session
    method: Method
    source: str = ""
    deviations: tuple[Deviation, ...] = ()
