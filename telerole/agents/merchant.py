"""A merchant played by a model whose decisions are not the model's: the mind decides, the model finds the words.

The mind is folded over the turns, an act is drawn (`deciding`), and the model is told that act, the one fact it may
give away, about how long, and how real people put it. It cannot hang up on its own, nor stay when the mind left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from telerole.agents.deciding import Decision, decide
from telerole.agents.length import aimed_length
from telerole.agents.mind import mind_after
from telerole.agents.offline import TELLS, bank
from telerole.agents.role import InRole, added
from telerole.agents.state import Mind, about, named
from telerole.backends.base import Message
from telerole.endings import put_down
from telerole.errors import BackendError, BudgetSpent
from telerole.persona import Topic
from telerole.prompts import act_text, called_messages, called_system_of, merchant_messages, render
from telerole.reading import words
from telerole.records import fill
from telerole.session import End, Usage
from telerole.speaker import Call, Said

EXAMPLES = 3


class Reader(Protocol):
    """Whoever reads the events in a salesperson's line instead of the rules: a model (`reader.ByModel`)."""

    @property
    def name(self) -> str:
        """What records call it."""

    async def read(self, call: Call, mind: Mind) -> tuple[tuple[str, ...], Usage | None]:
        """The events in the last line of `call`, by a merchant in this state of mind, and what reading cost."""


@dataclass(frozen=True, slots=True)
class MindedMerchant:
    """A model in the merchant's chair, led by a mind that reads the salesperson with `reader`, or else by rules.

    One that was `trained` to be called is prompted as its training rows were: it is told the act alone.
    """

    voice: InRole
    reader: Reader | None = None
    trained: bool = False

    @property
    def name(self) -> str:
        """The backend's name, after ``trained+`` where it was, and who reads for the mind if not the rules."""
        name = f"trained+{self.voice.name}" if self.trained else self.voice.name
        return name if self.reader is None else f"{name}, read by {self.reader.name}"

    async def speak(self, call: Call) -> Said:
        """Read the last line, decide, and have the model word the decision."""
        noticed: tuple[str, ...] | None = None
        spent: Usage | None = None
        if self.reader is not None:
            before = mind_after(call.scenario, call.turns[:-1], call.seed)
            noticed, spent = await self.reader.read(call, before)
        mind = mind_after(call.scenario, call.turns, call.seed, noticed)
        decision = decide(mind, call.scenario, call.random("act"))
        try:
            speech, usage, refused = await self.voice.say(self._told(decision, call), call, silent=decision.hangs_up)
        except (BackendError, BudgetSpent) as error:
            error.usage = added(spent, error.usage)
            raise
        unheeded = ("hang-up mark",) if speech.hung_up and not decision.hangs_up else ()
        repairs, cost = (*speech.repairs, *unheeded), added(spent, usage)
        return Said(speech.text, _end(decision, call), cost, decision.act, mind.noticed, repairs, refused)

    def _told(self, decision: Decision, call: Call) -> list[Message]:
        if self.trained:
            system = called_system_of(call.scenario)
            return called_messages(system, call.scenario.language, call.turns, decision.act)
        return merchant_messages(call.scenario, call.turns, note(decision, call), minded=True)

    async def aclose(self) -> None:
        """Release the backend."""
        await self.voice.aclose()


def _end(decision: Decision, call: Call) -> End | None:
    return put_down(call.turns, "", call.scenario.language) if decision.hangs_up else None


def note(decision: Decision, call: Call) -> str:
    """The decision as the model is told it: what to do, the fact to release, about how long, and real lines."""
    scenario, language = call.scenario, call.scenario.language
    kind, topic = named(decision.act), about(decision.act)
    examples = [] if kind == "unsure" else real_lines(decision.act, call)  # what was asked decides how it is dodged
    fact = scenario.merchant.facts.get(cast(Topic, topic)) if kind in TELLS else None
    # Nobody refuses in forty words or tells a story in two: the act's own lines, or the fact, bound the length.
    sizes = [words(line, language) for line in ([fact] if fact else examples)] or [1, 12]
    least, most = (sizes[0] // 2, sizes[0] * 3 // 2) if fact else (min(sizes), max(sizes))
    return render(
        "merchant_turn",
        language,
        act=act_text(decision.act, language),
        fact=fact,
        length=min(max(aimed_length("merchant", language, call.random("length")), least, 1), most),
        examples=() if fact else examples,
    )


def real_lines(act: str, call: Call) -> list[str]:
    """A few real lines of merchants doing `act`: those of the call's own seed script first, then others at random."""
    known, said = call.scenario.profile.slots(), "\n".join(turn.text for turn in call.turns)
    lines = [line for line in bank(call.scenario.language).get(("merchant", act), []) if line.needs <= known.keys()]
    call.random("examples").shuffle(lines)
    lines.sort(key=lambda line: line.script != call.scenario.script.id)
    own = list(call.scenario.merchant.refusals) if act == "refuse" else []
    texts = [*own[:1], *(fill(line.text, known) for line in lines)]
    return [text for text in texts if text not in said][:EXAMPLES]
