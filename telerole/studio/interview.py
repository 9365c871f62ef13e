"""Talking to a persona yourself, in a terminal or a notebook."""

from __future__ import annotations

from typing import get_args

from telerole import loop
from telerole.agents.mind import mind_after
from telerole.agents.speech import spoken
from telerole.chairs import Chair, Chairs
from telerole.endings import put_down, standard_rules
from telerole.errors import InputError
from telerole.persona import Feeling, Persona, Role
from telerole.scenario import Scenario
from telerole.session import End, Turn
from telerole.simulator import MAX_TURNS
from telerole.speaker import Call, Said, Speaker, derive_seed
from telerole.studio.previewing import scenario_for, seated


class Interview:
    """A call in which you sit across from a persona: the salesperson to a merchant, the merchant to a salesperson.

    `guest` plays the persona: a SPEC, a `Backend`, or whatever else may sit in a chair. A salesperson speaks first:
    `start` gives that line. `turns` is what was said and `end` how it ended, None while it goes on. A model call that
    failed raises `BackendError` and leaves the call as it was, so the same line can be said again.
    """

    def __init__(
        self, persona: Persona, guest: Chair = "offline", seed: int = 0, *, scenario: Scenario | None = None
    ) -> None:
        if guest == "human":
            raise InputError("'human' is you; name who plays the persona, such as offline or openai:MODEL")
        self.persona = persona
        given = scenario or scenario_for(persona, seed)
        self.scenario = seated(persona, dict(given))
        self.seed = derive_seed(seed, self.scenario.id, 0)
        self.turns: tuple[Turn, ...] = ()
        self.end: End | None = None
        self._chairs = Chairs()
        speaker = self._chairs.seat(guest, persona.role)
        seat = getattr(speaker, "seat", None)
        self._speaker: Speaker = speaker if seat is None else seat(self.scenario, self.seed)
        self._rules = standard_rules(self.scenario.language, MAX_TURNS)

    @property
    def you(self) -> Role:
        """Your chair."""
        return "merchant" if self.persona.role == "salesperson" else "salesperson"

    def start(self) -> str | None:
        """The salesperson's first line; None where that is yours to say, or the call has begun or is over."""
        begun = self.turns or self.end is not None
        return None if begun or self.you == "salesperson" else self._answer(())

    def say(self, text: str) -> str | None:
        """Say your line and hear the answer; None where there is none: the phone is down, see `end`."""
        self.start()
        if self.end is not None:
            return None
        speech = spoken(text, self.you)
        if not (speech.text or speech.hung_up):
            raise InputError("say something; hang_up() puts the phone down")
        mine = Turn(role=self.you, text=speech.text) if speech.text else None
        turns = (*self.turns, mine) if mine else self.turns
        end = put_down(self.turns, speech.text, self.scenario.language) if speech.hung_up else self._ended(turns)
        if end is not None:
            self.turns, self.end = turns, end
            return None
        return self._answer(turns)

    def hang_up(self) -> None:
        """Put the phone down without a word; nothing where the call is over."""
        if self.end is None:
            reason = "merchant_hangup" if self.you == "merchant" else "salesperson_hangup"
            self.end = End.model_validate({"reason": reason, "by": self.you})

    def mind(self) -> dict[str, float]:
        """How the merchant feels now: interest, trust, patience and suspicion, which no model is ever shown."""
        felt = mind_after(self.scenario, self.turns, self.seed)
        return {feeling: getattr(felt, feeling) for feeling in get_args(Feeling)}

    def close(self) -> None:
        """Release connections and models."""
        loop.wait(self._chairs.close())

    def _answer(self, turns: tuple[Turn, ...]) -> str | None:
        said = loop.wait(self._speak(Call(self.scenario, turns, self.seed)))
        if said.text:
            turns = (*turns, _turn(self.persona.role, said))
        self.turns, self.end = turns, said.end or self._ended(turns)
        return said.text or None

    async def _speak(self, call: Call) -> Said:
        async with self._chairs.at_work():
            return await self._speaker.speak(call)

    def _ended(self, turns: tuple[Turn, ...]) -> End | None:
        return next((end for rule in self._rules if (end := rule(turns)) is not None), None)


def _turn(role: Role, said: Said) -> Turn:
    return Turn(role=role, text=said.text, act=said.act, noticed=said.noticed, repairs=said.repairs)
