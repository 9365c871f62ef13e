"""`Groundedness`: what the salesperson tells must stand in the profile, the strategy, or what the merchant has said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from telerole.claims import Claim, claims, held, introduced, traced
from telerole.postprocess.filtering import Evidence, Example, Reject, SessionFilter
from telerole.profile import Profile
from telerole.records import Language
from telerole.session import Session
from telerole.strategy import Strategy

Place = Literal["profile", "strategy", "knowledge", "merchant", "introduction"]


class Source(NamedTuple):
    """A text that the salesperson may draw on and where it stands, such as ``strategy``, ``offer: venue``."""

    place: Place
    part: str
    text: str


class Trace(NamedTuple):
    """A claim of the salesperson's, the turn it stands in (from 0), and the first source that holds it, if any does."""

    turn: int
    claim: Claim
    source: Source | None


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
    given = [Source("knowledge", "", text) for text in sources]
    return ((found.turn, found.claim) for found in traces(session, given) if found.source is None)


def traces(session: Session, given: Iterable[Source]) -> Iterator[Trace]:
    """Each claim of the salesperson in its order, traced to what is given or else to the call before it.

    An offer is traced to what is given only, and a name also to who the salesperson says it is.
    """
    language, known = session.language, list(given)
    heard: list[Source] = []
    callers: list[Source] = []
    for index, turn in enumerate(session.turns):
        if turn.role == "merchant":
            heard.append(Source("merchant", f"turn {index}", turn.text))
            continue
        callers += [Source("introduction", f"turn {index}", words) for words in introduced(turn.text, language)]
        for claim in claims(turn.text, language):
            open_to = {"offer": known, "name": [*known, *heard, *callers]}.get(claim.kind, [*known, *heard])
            yield Trace(index, claim, _first(claim, open_to, language))


def told(profile: Profile, strategy: Strategy) -> tuple[str, ...]:
    """Every fact of the profile, and every line of the strategy but for what it says to avoid."""
    return tuple(source.text for source in (*profile_sources(profile), *strategy_sources(strategy)))


def profile_sources(profile: Profile) -> Iterator[Source]:
    """The facts of the profile, each by its label."""
    for label, value in profile.facts().items():
        yield Source("profile", label, f"{label}: {value}")


def strategy_sources(strategy: Strategy) -> Iterator[Source]:
    """The lines of the strategy but for what it says to avoid, each by its part."""
    parts: list[tuple[str, Iterable[str]]] = [(f"offer: {name}", (text,)) for name, text in strategy.offer.items()]
    parts += [(f"step: {step.id}", (step.goal, step.done_when, *step.say)) for step in strategy.flow]
    parts += [(f"answer: {kind}", lines) for kind, lines in strategy.answers.items()]
    parts += [("goal", (strategy.goal,)), ("rapport", strategy.rapport), ("tips", strategy.tips)]
    return (Source("strategy", part, line) for part, lines in parts for line in lines)


def _first(claim: Claim, sources: Iterable[Source], language: Language) -> Source | None:
    return next((source for source in sources if traced(claim, (held(source.text, language),))), None)
