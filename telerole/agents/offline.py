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
from telerole.session import End, Turn
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
        random, heard = call.random("words"), _heard_already(call.turns)
        script = None if self.candidate else scenario.script.id
        words = [_word("salesperson", act, language, own.get(act), known, heard, script, random) for act in acts]
        return Said(JOIN[language].join(words), act="+".join(acts))


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
        act = next_act(mind, persona, scenario.strategy, call.random("act"))
        own = {f"answer:{topic}": (line,) for topic, line in persona.facts.items()}
        random, heard = call.random("words"), _heard_already(call.turns)
        known = scenario.profile.slots()
        text = _word("merchant", act, language, own.get(act), known, heard, scenario.script.id, random)
        end = End(reason="merchant_hangup", by="merchant") if act == "hang_up" else None
        return Said(text, end, act=act)


def _heard_already(turns: Sequence[Turn]) -> str:
    return "\n".join(turn.text for turn in turns)


def _word(
    role: Role,
    act: str,
    language: Language,
    own: Sequence[str] | None,
    known: Mapping[str, str],
    heard: str,
    script: str | None,
    random: Random,
) -> str:
    """One act in words: a line not said in this call yet, half of the time one of the call's own seed script."""
    if own is not None:
        return _fresh([fill(text, known) for text in own], heard, random)
    fitting = [line for line in bank(language)[role, act] if slots(line.text) <= known.keys()]
    familiar = [text for line in fitting if line.script == script and (text := fill(line.text, known)) not in heard]
    if familiar and random.random() < 0.5:
        return random.choice(familiar)
    return _fresh([fill(line.text, known) for line in fitting], heard, random)


def _fresh(texts: Sequence[str], heard: str, random: Random) -> str:
    return random.choice([text for text in texts if text not in heard] or texts)


@cache
def bank(language: Language) -> dict[tuple[Role, str], list[Line]]:
    """The bundled lines by role and act, the act with its kind after a colon."""
    found: dict[tuple[Role, str], list[Line]] = {}
    for line in Catalog.bundled().lines(language):
        found.setdefault((line.role, f"{line.act}:{line.about}" if line.about else line.act), []).append(line)
    return found
