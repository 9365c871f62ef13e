"""Whoever sits in a chair: what a speaker is given, and what it says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Protocol

from telerole.persona import Role
from telerole.scenario import Scenario
from telerole.session import End, Turn, Usage, speaker_at


def derive_seed(*parts: object) -> int:
    """A 63-bit seed that depends on every part and on nothing else."""
    joined = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.sha256(joined).digest()[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class Call:
    """What a speaker is given at its turn: the scenario, what was said so far, and the session's seed."""

    scenario: Scenario
    turns: tuple[Turn, ...]
    seed: int

    @property
    def role(self) -> Role:
        """Whose turn it is."""
        return speaker_at(len(self.turns))

    @property
    def turn_seed(self) -> int:
        """This turn's own seed: the same at every retry, different at every turn."""
        return derive_seed(self.seed, len(self.turns))

    def random(self, purpose: str = "") -> Random:
        """This turn's own random stream; drawing from it changes no other turn."""
        return Random(derive_seed(self.seed, len(self.turns), purpose))


@dataclass(frozen=True, slots=True)
class Refused:
    """A reply that was asked for again: the error's kind, had there been no better one, what was wrong, and the reply.

    What it holds is said to nobody: it stands in no turn.
    """

    reason: str
    message: str
    raw: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a speaker did at its turn: words (none when the phone is put down in silence), and whether that ends it.

    `refused` are the replies of a model that were asked for again before it.
    """

    text: str
    end: End | None = None
    usage: Usage | None = None
    act: str | None = None
    noticed: tuple[str, ...] | None = None
    repairs: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


class Speaker(Protocol):
    """Whoever sits in a chair: a pure function of the call so far.

    The same `Call` always gets the same answer, up to a model's own dice, and nothing is kept between calls,
    so one object serves any number of concurrent conversations. A guest that cannot be pure (a framework's
    stateful agent, a person) has a method ``seat(scenario, seed) -> Speaker``, called once as a conversation
    starts, and its seated form may have ``async leave()``, awaited when the conversation is over. Stop rules
    may have both, too. ``at_once`` says how many calls a speaker can be in at the same time, where that is few.
    """

    @property
    def name(self) -> str:
        """What records call it."""

    async def speak(self, call: Call) -> Said:
        """Say the next line; raises `BackendError` where no usable line could be had."""
