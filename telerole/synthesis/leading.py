"""What can be wrong with a prefix, found without a model: order, repetition, an early answer, invented facts."""

from __future__ import annotations

from collections.abc import Iterator

from rapidfuzz.fuzz import partial_ratio, ratio
from rapidfuzz.utils import default_process

from telerole.agents.speech import spoken
from telerole.claims import claims, untraced
from telerole.profile import Profile
from telerole.prompts import profile_text, strategy_text
from telerole.qa import QAPair
from telerole.reading import sentences, slips, words
from telerole.records import Language
from telerole.session import speaker_at
from telerole.strategy import Strategy
from telerole.synthesis.answers import Prefix, PrefixTurn

ALIKE = 72  # how near a line must be to the question, or to a sentence of the answer, to be the same thing said
A_THOUGHT: dict[Language, int] = {"en": 5, "zh": 7}  # words; a shorter sentence ("that's fine") gives nothing away


def faults(prefix: Prefix, qa: QAPair, profile: Profile, strategy: Strategy) -> list[str]:
    """Why these turns cannot come before the question and answer; nothing, where no rule objects."""
    return [
        *_order(prefix),
        *_asked_before(prefix, qa),
        *_answered_before(prefix, qa, profile, strategy),
        *_invented(prefix, qa, profile, strategy),
        *_unspoken(prefix, qa.language),
    ]


def _order(prefix: Prefix) -> Iterator[str]:
    for number, turn in enumerate(prefix.turns):
        if turn.speaker != speaker_at(number):
            yield f"turn {number + 1} is the {turn.speaker}'s; turns alternate, and the salesperson begins"
            return
    if len(prefix.turns) % 2 == 0:
        yield "the last turn is the merchant's; it must be the salesperson's, the merchant's question comes next"


def _asked_before(prefix: Prefix, qa: QAPair) -> Iterator[str]:
    asked = default_process(qa.question)
    for number, turn in enumerate(prefix.turns, start=1):
        if turn.speaker == "merchant" and asked and ratio(default_process(turn.text), asked) >= ALIKE:
            yield f"turn {number} asks the question already: {turn.text}"


def _answered_before(prefix: Prefix, qa: QAPair, profile: Profile, strategy: Strategy) -> Iterator[str]:
    """A sentence of the answer said before, or one of its facts that nothing else knows of."""
    known = (profile_text(profile), strategy_text(strategy), qa.question)
    own = {(claim.kind, claim.value) for _, claim in untraced([qa.answer], known, qa.language)}
    thoughts = [one for one in sentences(qa.answer) if words(one, qa.language) >= A_THOUGHT[qa.language]]
    for number, turn in enumerate(prefix.turns, start=1):
        if turn.speaker != "salesperson":
            continue
        said = default_process(turn.text)
        if any(partial_ratio(default_process(one), said) >= ALIKE and _as_long(turn, one, qa) for one in thoughts):
            yield f"turn {number} gives the answer away: {turn.text}"
        elif facts := [claim.text for claim in claims(turn.text, qa.language) if (claim.kind, claim.value) in own]:
            yield f"turn {number} gives the answer away: {', '.join(facts)}"


def _as_long(turn: PrefixTurn, thought: str, qa: QAPair) -> bool:
    """Whether the turn is long enough to hold the thought: a shorter one only happens to stand in it."""
    return words(turn.text, qa.language) >= words(thought, qa.language) / 2


def _invented(prefix: Prefix, qa: QAPair, profile: Profile, strategy: Strategy) -> Iterator[str]:
    known = (profile_text(profile), strategy_text(strategy), qa.question)
    merchant = [turn.text for turn in prefix.turns if turn.speaker == "merchant"]
    said = [turn.text if turn.speaker == "salesperson" else "" for turn in prefix.turns]
    for number, claim in untraced(said, (*known, *merchant), qa.language):
        if claim.kind in ("number", "date", "place", "offer"):
            yield f"turn {number + 1} tells what neither profile nor strategy holds: {claim.text}"


def _unspoken(prefix: Prefix, language: Language) -> Iterator[str]:
    for number, turn in enumerate(prefix.turns, start=1):
        speech = spoken(turn.text, turn.speaker)
        if speech.repairs or speech.hung_up:
            yield f"turn {number} holds more than what is said: {turn.text}"
        elif slips("thoughts", turn.text, language) or slips(turn.speaker, turn.text, language):
            yield f"turn {number} speaks for the other side: {turn.text}"
