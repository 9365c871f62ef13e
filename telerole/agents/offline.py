"""Offline wording: whole calls without a model, in the field's terms an agenda-based simulation.

The plan or the mind chooses an act; a real line of the seed corpus with that act, the strategy's own line or the
persona's own fact is retrieved, and its slots are filled. Deterministic: the same session seed gives the same call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from telerole.agents.mind import mind_after, next_act
from telerole.agents.plan import next_acts, progress
from telerole.catalog import Catalog
from telerole.lines import Line
from telerole.persona import Role
from telerole.records import Language, fill, slots
from telerole.session import End
from telerole.speaker import Call, Said

JOIN: dict[Language, str] = {"en": " ", "zh": ""}


@dataclass(frozen=True, slots=True)
class OfflineSalesperson:
    """Follows the strategy's flow. As a candidate it is told profile and strategy only, not who it is."""

    candidate: bool = False

    @property
    def name(self) -> str:
        """``offline``, or ``candidate+offline``."""
        return "candidate+offline" if self.candidate else "offline"

    async def speak(self, call: Call) -> Said:
        """Word the plan's next acts."""
        scenario, language = call.scenario, call.scenario.language
        strategy = scenario.filled_strategy
        acts = next_acts(progress(call.turns, strategy, language), strategy, call.random("plan"))
        known = {**scenario.profile.slots(), **strategy.offer}
        if not self.candidate:
            known |= {"salesperson_name": scenario.salesperson.name, "company": scenario.salesperson.company}
        own = {f"step:{step.id}": step.say for step in strategy.flow}
        own |= {f"answer:{kind}": lines for kind, lines in strategy.answers.items()}
        script = None if self.candidate else scenario.script.id
        words = Words("salesperson", language, own, known, script, tuple(strategy.offer.values()))
        return Said(words.put(acts, call), act="+".join(acts))


@dataclass(frozen=True, slots=True)
class OfflineMerchant:
    """Does what the merchant's mind decides, in the words of the seed corpus and of the persona's own facts."""

    @property
    def name(self) -> str:
        """``offline``."""
        return "offline"

    async def speak(self, call: Call) -> Said:
        """Word the mind's next act; after ``hang_up`` the phone is down."""
        scenario, persona, language = call.scenario, call.scenario.merchant, call.scenario.language
        mind = mind_after(call.turns, persona, language, call.seed)
        act = next_act(mind, persona, scenario.strategy.closes_with, call.random("act"))
        own = {f"answer:{topic}": (line,) for topic, line in persona.facts.items()}
        words = Words("merchant", language, own, scenario.profile.slots(), scenario.script.id)
        end = End(reason="merchant_hangup", by="merchant") if act == "hang_up" else None
        return Said(words.put([act], call), end, act=act)


@dataclass(frozen=True, slots=True)
class Words:
    """What one speaker words an act with: lines of its `own`, else of the corpus; slots are filled from `known`.

    Lines of the call's own seed `script` are preferred half of the time; `facts` are not told a second time where
    another line is to be had.
    """

    role: Role
    language: Language
    own: Mapping[str, Sequence[str]]
    known: Mapping[str, str]
    script: str | None = None
    facts: tuple[str, ...] = ()

    def put(self, acts: Sequence[str], call: Call) -> str:
        """The acts in words, one after the other, none of them said in this call before."""
        random = call.random("words")
        heard = "\n".join(turn.text for turn in call.turns)
        said: list[str] = []
        for act in acts:
            said.append(self._line(act, "\n".join([heard, *said]), random))
        return JOIN[self.language].join(said)

    def _line(self, act: str, heard: str, random: Random) -> str:
        if act in self.own:
            return self._fresh([fill(text, self.known) for text in self.own[act]], heard, random)
        fitting = [line for line in bank(self.language)[self.role, act] if slots(line.text) <= self.known.keys()]
        texts = [(line.script, fill(line.text, self.known)) for line in fitting]
        familiar = [text for script, text in texts if script == self.script and text not in heard]
        if familiar and random.random() < 0.5:
            return random.choice(familiar)
        return self._fresh([text for _, text in texts], heard, random)

    def _fresh(self, texts: Sequence[str], heard: str, random: Random) -> str:
        told = [fact for fact in self.facts if fact in heard]
        unsaid = [text for text in texts if text not in heard] or texts
        new = [text for text in unsaid if not any(fact in text for fact in told)]
        return random.choice(new or unsaid)


@cache
def bank(language: Language) -> dict[tuple[Role, str], list[Line]]:
    """The bundled lines by role and act, the act with its kind after a colon."""
    found: dict[tuple[Role, str], list[Line]] = {}
    for line in Catalog.bundled().lines(language):
        found.setdefault((line.role, f"{line.act}:{line.about}" if line.about else line.act), []).append(line)
    return found
