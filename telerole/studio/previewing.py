"""Exactly the prompts that each side of a call with a persona would get."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from telerole import loop
from telerole.agents.offline import OfflineMerchant, OfflineSalesperson
from telerole.agents.role import Candidate
from telerole.backends.base import Backend, Message
from telerole.backends.scripted import ScriptedBackend
from telerole.catalog import Catalog
from telerole.chairs import Chairs
from telerole.errors import InputError
from telerole.persona import Persona, Role
from telerole.records import explain
from telerole.scenario import Scenario
from telerole.session import Turn
from telerole.speaker import Call, Speaker, derive_seed

SIDES = ("merchant", "salesperson", "candidate")


@dataclass(frozen=True, slots=True)
class Preview:
    """The messages of the merchant, of the training salesperson, and of a candidate in evaluation (Eq. 1).

    `sees` says of each part of the scenario which sides it is shown to, read off the messages themselves.
    """

    scenario: Scenario
    messages: dict[str, list[Message]]
    sees: dict[str, tuple[str, ...]]

    def characters(self, side: str) -> int:
        """How many characters one side is sent."""
        return sum(len(message["content"]) for message in self.messages[side])


def preview(
    persona: Persona, scenario: Scenario | None = None, turns: Sequence[Turn] = (), *, seed: int = 0
) -> Preview:
    """What each side is sent at its next turn after `turns`, in a scenario drawn for the persona unless one is given.

    Each side is played as in a call and what reaches its model is kept, so this is the very thing. Where it is the
    other side's turn, that side says an offline line first.
    """
    scenario = scenario_for(persona, seed) if scenario is None else _with(scenario, persona)
    call = Call(scenario, tuple(turns), derive_seed(seed, scenario.id, 0))
    messages = loop.wait(_sent_to_all(call))
    return Preview(scenario, messages, {part: _seen(texts, messages) for part, texts in _parts(scenario).items()})


async def _sent_to_all(call: Call) -> dict[str, list[Message]]:
    return {
        "merchant": await _sent(lambda backend: Chairs().seat(backend, "merchant"), await _turn_of("merchant", call)),
        "salesperson": await _sent(
            lambda backend: Chairs().seat(backend, "salesperson"), await _turn_of("salesperson", call)
        ),
        "candidate": await _sent(Candidate, await _turn_of("salesperson", call)),
    }


async def _sent(seat: Callable[[Backend], Speaker], call: Call) -> list[Message]:
    """What reaches the model of a speaker at its turn; nothing, where it is not asked."""
    caught: list[list[Message]] = []

    def listen(messages: Sequence[Message]) -> str:
        caught.append(list(messages))
        return "…mm."

    await seat(ScriptedBackend(listen)).speak(call)
    return caught[0] if caught else []


async def _turn_of(role: Role, call: Call) -> Call:
    """The call at a turn of `role`."""
    if call.role == role:
        return call
    other = OfflineSalesperson() if call.role == "salesperson" else OfflineMerchant()
    said = await other.speak(call)
    turn = Turn(role=call.role, text=said.text or "…", act=said.act, noticed=said.noticed)
    return replace(call, turns=(*call.turns, turn))


def scenario_for(persona: Persona, seed: int = 0) -> Scenario:
    """A scenario of the library with the persona in its chair; a merchant with trades gets one of those."""
    return Catalog.bundled().sample(1, seed, persona=persona)[0]


def _with(scenario: Scenario, persona: Persona) -> Scenario:
    parts = {name: getattr(scenario, name) for name in Scenario.model_fields if name != "id"}
    return seated(persona, parts)


def seated(persona: Persona, parts: Mapping[str, Any]) -> Scenario:
    """The parts of a scenario with the persona in its chair; an `InputError` where they are of another language."""
    try:
        return Scenario(**{**parts, persona.role: persona})
    except ValidationError as error:
        raise InputError("\n".join(f"{persona.id}: {fault}" for fault in explain(error, Scenario))) from None


def _parts(scenario: Scenario) -> dict[str, list[str]]:
    """Part of the scenario → texts by which a prompt shows it."""
    merchant, salesperson, profile = scenario.merchant, scenario.salesperson, scenario.profile
    shared = profile.facts(for_merchant=True)
    rated = {label: value for label, value in profile.facts().items() if label not in shared}
    return {
        "the merchant's character": [merchant.background, merchant.temperament, *merchant.manner],
        "the merchant's facts": list(merchant.facts.values()),
        "the merchant's refusals": list(merchant.refusals),
        "the salesperson's character": [salesperson.background, salesperson.temperament, *salesperson.manner],
        "the profile": list(shared),
        "what only the platform knows": list(rated),
        "the strategy": [scenario.filled_strategy.goal],
        "the seed script": [line.text for line in scenario.script.lines if len(line.text) > 12],
    }


def _seen(texts: Sequence[str], messages: dict[str, list[Message]]) -> tuple[str, ...]:
    """The sides whose messages hold any of the texts."""
    told = {side: "\n".join(message["content"] for message in said) for side, said in messages.items()}
    return tuple(side for side in SIDES if any(text in told[side] for text in texts))
