"""Offline wording: whole calls without a model, in the field's terms an agenda-based simulation.

The plan or the mind chooses an act; a real line of the seed corpus with that act, the strategy's own line or the
persona's own fact is retrieved, and its slots are filled. Deterministic: the same session seed gives the same call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from random import Random
from typing import NamedTuple

from telerole.agents.deciding import decide
from telerole.agents.hesitation import hesitate, unhesitating
from telerole.agents.length import aimed_length
from telerole.agents.mind import mind_after
from telerole.agents.plan import Plan, next_acts, progress
from telerole.catalog import Catalog
from telerole.persona import Role
from telerole.reading import words
from telerole.records import Language, fill, slots
from telerole.scenario import Scenario
from telerole.session import End
from telerole.speaker import Call, Said
from telerole.style import SHORT

TELLS = ("answer", "volunteer")
FEW = 4  # lines to choose among by length
BLURTED = ("hang_up", "scold", "no_time", "press")  # nobody hums in anger or in a hurry
MORE = 12  # where a word or two will do
BRIEF = {
    "backchannel": 0.9,
    "listen": 0.6,
    "pick_up": 0.6,
    "greet": 0.7,
    "goodbye": 0.5,
}  # how often a word or two will do
DAYS: Mapping[str, Mapping[str, float]] = {
    "warm": {"interest": 0.15, "patience": 0.15, "busyness": -0.15, "suspicion": -0.15},
    "cold": {"interest": -0.15, "patience": -0.15, "busyness": 0.15, "suspicion": 0.15},
}
"""By how much a merchant's disposition is another on such a day."""
JOIN: dict[Language, str] = {"en": " ", "zh": ""}


class Known(NamedTuple):
    """A line that can be said: the script it stands in, where it is one of the corpus, and the slots it needs."""

    script: str | None
    text: str
    needs: set[str]


@dataclass(frozen=True, slots=True)
class OfflineSalesperson:
    """Follows the strategy's flow. As a candidate it is told profile and strategy only, not who it is."""

    candidate: bool = False
    plan: Plan = next_acts

    @property
    def name(self) -> str:
        """``offline``, with the plan's name after a colon where it is not the usual one, or ``candidate+`` that."""
        plan = "" if self.plan is next_acts else f":{self.plan.__name__}"
        return f"{'candidate+' * self.candidate}offline{plan}"

    async def speak(self, call: Call) -> Said:
        """Word the plan's next acts."""
        scenario, language = call.scenario, call.scenario.language
        strategy = scenario.filled_strategy
        acts = self.plan(progress(call.turns, strategy, language), strategy, call.random("plan"))
        known = {**scenario.profile.slots(), **strategy.offer}
        if not self.candidate:
            known |= {"salesperson_name": scenario.salesperson.name, "company": scenario.salesperson.company}
        own = {f"step:{step.id}": step.say for step in strategy.flow}
        own |= {f"answer:{kind}": lines for kind, lines in strategy.answers.items()}
        script = None if self.candidate else scenario.script.id
        wording = Words("salesperson", language, own, known, script, tuple(strategy.offer.values()))
        return Said(wording.put(acts, call), act="+".join(acts))


@dataclass(frozen=True, slots=True)
class OfflineMerchant:
    """Does what the merchant's mind decides, in the words of the seed corpus and of the persona's own facts.

    On a `day` of `DAYS` the same people are easier or harder to win.
    """

    day: str = ""

    @property
    def name(self) -> str:
        """``offline``, with the day after a colon."""
        return f"offline:{self.day}" if self.day else "offline"

    async def speak(self, call: Call) -> Said:
        """Word the mind's next act; after ``hang_up`` the phone is down."""
        scenario = _on(self.day, call.scenario) if self.day else call.scenario
        persona, language = scenario.merchant, scenario.language
        mind = mind_after(scenario, call.turns, call.seed)
        decision = decide(mind, scenario, call.random("act"))
        facts = persona.facts.items()
        own: dict[str, Sequence[str]] = {f"{act}:{topic}": [fact] for topic, fact in facts for act in TELLS}
        if persona.refusals and call.random("refusal").random() < 0.5:
            own["refuse"] = persona.refusals
        wording = Words("merchant", language, own, scenario.profile.slots(), scenario.script.id)
        end = End(reason="merchant_hangup", by="merchant") if decision.hangs_up else None
        return Said(wording.put([decision.act], call), end, act=decision.act, noticed=mind.noticed)


@lru_cache(maxsize=1024)
def _on(day: str, scenario: Scenario) -> Scenario:
    """The scenario with its merchant in another mood."""
    nature = scenario.merchant.disposition
    moved = {name: min(1.0, max(0.0, getattr(nature, name) + by)) for name, by in DAYS[day].items()}
    disposition = nature.model_copy(update=moved)
    return scenario.model_copy(update={"merchant": scenario.merchant.model_copy(update={"disposition": disposition})})


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
        random, hum = call.random("words"), call.random("hesitation")
        heard = [turn.text for turn in call.turns]
        names = " ".join(self.known.values())
        said: list[str] = []
        for act in acts:
            line = self._line(act, unhesitating("\n".join([*heard, *said]), self.language), random)
            said.append(line if act in BLURTED else hesitate(line, self.role, self.language, hum, names))
        return JOIN[self.language].join(said)

    def _line(self, act: str, heard: str, random: Random) -> str:
        brief = random.random() < BRIEF.get(act.partition(":")[0], 0.0)
        aim = random.randint(1, SHORT) if brief else aimed_length(self.role, self.language, random)
        few = list(islice(self._lines(act, heard, random), MORE if brief else FEW))
        if brief and (short := [line.text for line in few if words(line.text, self.language) <= SHORT]):
            return short[0]
        if few[0].script == self.script is not None and random.random() < 0.3:
            return few[0].text
        return min((line.text for line in few), key=lambda text: abs(words(text, self.language) - aim))

    def _lines(self, act: str, heard: str, random: Random) -> Iterator[Known]:
        """What can be said for `act`, in random order: fresh lines, one's own before the corpus's, else stale ones."""
        own = [Known(None, text, slots(text)) for text in self.own.get(act, ())]
        corpus = bank(self.language).get((self.role, act), [])
        fresh, stale = self._filled(own, heard, random)
        if not fresh and not (own and act.partition(":")[0] in TELLS):
            fresh, more = self._filled(corpus, heard, random)
            stale = stale or more
        yield from fresh or stale

    def _filled(self, lines: Sequence[Known], heard: str, random: Random) -> tuple[list[Known], list[Known]]:
        """Some of the lines, their slots filled: those not said yet that tell nothing told before, and the others."""
        told = [fact for fact in self.facts if unhesitating(fact, self.language) in heard]
        fresh: list[Known] = []
        stale: list[Known] = []
        for line in random.sample(lines, len(lines)):
            if len(fresh) < MORE and line.needs <= self.known.keys():
                text = fill(line.text, self.known)
                again = any(fact in text for fact in told) or unhesitating(text, self.language) in heard
                (stale if again else fresh).append(line._replace(text=text))
        return fresh, stale


@cache
def bank(language: Language) -> dict[tuple[Role, str], list[Known]]:
    """The bundled lines by role and act, the act with its kind after a colon."""
    found: dict[tuple[Role, str], list[Known]] = {}
    for line in Catalog.bundled().lines(language):
        act = f"{line.act}:{line.about}" if line.about else line.act
        found.setdefault((line.role, act), []).append(Known(line.script, line.text, slots(line.text)))
    return found
