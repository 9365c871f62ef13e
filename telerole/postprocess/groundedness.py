"""`Groundedness`: what the salesperson tells must stand in the profile, the strategy, or what the merchant has said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import Field

from telerole.claims import Claim, Held, claims, held, introduced, traced
from telerole.postprocess.filtering import Evidence, Example, Reject, SessionFilter
from telerole.profile import Profile
from telerole.session import Session
from telerole.strategy import Strategy


class Groundedness(SessionFilter):
    """Rejects a session in which the salesperson makes more than `most` claims that it cannot know.

    It knows what stands before a turn in a training row (Eq. 1): profile, strategy, and the turns so far. The
    merchant's earlier turns count, but for offers, which are not the merchant's to make; the seed script does not, and
    neither do the salesperson's own turns, but for who it says it is. An expert's answer that the session teaches is
    known. Without a profile or a strategy the session is kept.
    """

    name: ClassVar[str] = "groundedness"

    most: int = Field(default=0, ge=0)

    def judge(self, example: Example) -> Reject | None:
        """The reject names each untraced claim with its turn."""
        if example.profile is None or example.strategy is None:
            return None
        found = list(ungrounded(example.session, (*told(example.profile, example.strategy), *example.knowledge)))
        if len(found) <= self.most:
            return None
        return Reject(
            reason="the salesperson tells what neither profile, strategy nor merchant did",
            score=len(found),
            threshold=self.most,
            evidence=tuple(Evidence(turn=turn, text=f"{claim.kind}: {claim.text}") for turn, claim in found),
        )


def ungrounded(session: Session, sources: Iterable[str]) -> Iterator[tuple[int, Claim]]:
    """Each claim of the salesperson that neither the sources nor the call before it hold, with its turn (from 0)."""
    language = session.language
    given = [held(text, language) for text in sources]
    heard: list[Held] = []
    callers: list[Held] = []
    for index, turn in enumerate(session.turns):
        if turn.role == "merchant":
            heard.append(held(turn.text, language))
            continue
        callers += [held(words, language) for words in introduced(turn.text, language)]
        for claim in claims(turn.text, language):
            if not traced(claim, _sources(claim, given, heard, callers)):
                yield index, claim


def told(profile: Profile, strategy: Strategy) -> tuple[str, ...]:
    """Every fact of the profile, and every line of the strategy but for what it says to avoid."""
    facts = [f"{label}: {value}" for label, value in profile.facts().items()]
    steps = [line for step in strategy.flow for line in (step.goal, step.done_when, *step.say)]
    answers = [line for lines in strategy.answers.values() for line in lines]
    advice = [strategy.goal, *strategy.rapport, *strategy.tips, *strategy.offer.values()]
    return (*facts, *steps, *answers, *advice)


def _sources(claim: Claim, given: list[Held], heard: list[Held], callers: list[Held]) -> list[Held]:
    match claim.kind:
        case "offer":
            return given
        case "name":
            return [*given, *heard, *callers]
        case _:
            return [*given, *heard]
