"""Planting one fault of the salesperson's into a good call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from random import Random

from telerole.evaluation.calibration.results import METRIC_OF, Fault
from telerole.evaluation.calibration.wordings import Passage, wordings
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.ledger import ledger
from telerole.outcome import merchant_acts
from telerole.postprocess.filtering import Example
from telerole.session import End, Session, Turn, speaker_at
from telerole.speaker import derive_seed

GREETED = 4  # turns: hello, yes, who is calling, go on
APART = 4  # turns of the call between two passages, or the second puts the first right
WITHIN: dict[Fault, tuple[float, float]] = {  # from where to where, the matter being settled at 1
    "contradiction": (0.0, 1.0),
    "repeated_question": (0.0, 1.0),
    "bookish_turn": (0.0, 1.0),
    "narrowed_answers": (0.35, 1.0),  # it takes something to have doubts about
    "drift": (0.2, 0.7),  # after the reason for the call, before the plan is done
    "invented_offer": (0.3, 1.0),  # goes with what was offered
}
SETTLES = frozenset({"agree", "defer", "goodbye", "no_time", "scold", "hang_up"})
LEAVES_THE_FLOOR = frozenset({"listen", "answer", "volunteer", "interested", "unsure"})
ASKS = ("?", "？")
GOES_ON = (",", "，", "…", "...")


@dataclass(frozen=True, slots=True)
class Planted:
    """A call with a fault in it, and the salesperson's turns (from 0) that show it. Its id is ``<id>+<fault>``."""

    fault: Fault
    example: Example
    turns: tuple[int, ...]

    @property
    def metric(self) -> Metric:
        """The metric that the fault belongs to."""
        return METRIC_OF[self.fault]


def plant(example: Example, fault: Fault, seed: int = 0) -> Planted | None:
    """The call with the fault put in, in words and at a place drawn from `seed`; None where it is too short to hold it.

    Lines are put in where the merchant only listens, or has just told something, after the greeting and before anything
    is settled; each passage ends with a word of the merchant's, after which the call goes on as it did. Only a drift
    ends the call, its plan undone: one that came back would be small talk. An invented offer is one that `ledger`
    cannot trace.

    Planted faults are plainer than those that models make, so what a judge finds of them is the most to hope for.
    """
    session = example.session
    random = Random(derive_seed("plant", seed, fault, session.id))
    facts = example.profile.slots() if example.profile else {}
    for passages in wordings(fault, session.language, facts, random):
        places = _places(session, fault, len(passages), random)
        if places is None:
            return None
        planted = _put(example, fault, dict(zip(places, passages, strict=True)))
        if fault != "invented_offer" or _is_untraced(planted):
            return planted
    return None


def _places(session: Session, fault: Fault, count: int, random: Random) -> Sequence[int] | None:
    """Turns of the salesperson's before which so many passages can stand, apart from each other, in their order."""
    did = [heard.act for heard in merchant_acts(session.turns, session.language)]
    settled = next((2 * n + 1 for n, act in enumerate(did) if act in SETTLES), len(session.turns))
    first, last = (round(share * settled) for share in WITHIN[fault])
    free = [at for at in range(GREETED, settled, 2) if first <= at <= last and _is_free(session, at, did[at // 2 - 1])]
    listened = [at for at in free if did[at // 2 - 1] == "listen"]
    for there in (listened, free):
        apart = [some for some in combinations(there, count) if all(b - a >= APART for a, b in pairwise(some))]
        if apart:
            return random.choice(apart)
    return None


def _is_free(session: Session, at: int, did: str) -> bool:
    """Whether something else can be said there: the merchant asks for nothing, and nobody is in mid-sentence."""
    said = session.turns[at - 1].text
    last = session.turns[at - 2].text if did == "listen" else said
    return did in LEAVES_THE_FLOOR and not said.endswith(ASKS) and not last.endswith(GOES_ON)


def _put(example: Example, fault: Fault, passages: dict[int, Passage]) -> Planted:
    session = example.session
    turns: list[Turn] = []
    shown: list[int] = []
    for at, turn in enumerate(session.turns):
        if passage := passages.get(at):
            shown += [len(turns) + line for line in passage.shown_by]
            turns += [Turn(role=speaker_at(line), text=text) for line, text in enumerate(passage.lines)]
            if fault == "drift":
                break
        turns.append(turn)
    end = End(reason="salesperson_goodbye", by="salesperson") if fault == "drift" else session.end
    changed = session.model_copy(update={"id": f"{session.id}+{fault}", "turns": tuple(turns), "end": end})
    return Planted(fault, replace(example, session=changed), tuple(shown))


def _is_untraced(planted: Planted) -> bool:
    return any(entry.turn in planted.turns for entry in ledger(planted.example).untraced)
