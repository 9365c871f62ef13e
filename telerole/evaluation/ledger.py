"""The claim ledger: all that the salesperson states in a session, and where each piece of it comes from.

A claim is a number, date, name, place or offer (`telerole.claims`), and it is traced as the `Groundedness` filter
traces it (paper 5.2, knowledge-grounding). No model is asked, so the same session has the same ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from telerole.claims import Kind
from telerole.postprocess.filtering import Example
from telerole.postprocess.groundedness import Place, Source, Trace, profile_sources, strategy_sources, traces
from telerole.records import Record


class Entry(Record):
    """One claim: its turn (from 0), its words ``text[start:end]`` there, their canonical value, and its source.

    `place` is where it was traced, None: nowhere. `part` says what of it holds the claim: the label of the profile's
    field; the part of the strategy, such as ``offer: venue`` or ``step: invite``; ``turn 3``; nothing for knowledge.
    """

    turn: int
    kind: Kind
    value: str
    text: str
    start: int
    end: int
    place: Place | None = None
    part: str = ""


class Ledger(Record):
    """The claims of one session in the order in which they are made."""

    session: str
    entries: tuple[Entry, ...]

    @property
    def traced(self) -> float | None:
        """The share of the claims that have a source, from 0 to 1; None where nothing is claimed."""
        return summary([self]).traced

    @property
    def untraced(self) -> tuple[Entry, ...]:
        """The claims that no source holds."""
        return tuple(entry for entry in self.entries if entry.place is None)


class Summary(Record):
    """Claims of one or more sessions, counted. `untraced` counts by kind, and `places` the others by their source."""

    sessions: int
    claims: int
    places: dict[Place, int]
    untraced: dict[Kind, int]

    @property
    def traced(self) -> float | None:
        """The share of the claims that have a source, from 0 to 1; None where nothing is claimed."""
        return sum(self.places.values()) / self.claims if self.claims else None


def ledger(example: Example) -> Ledger:
    """Every claim of the salesperson, traced to the first source that holds it.

    In this order: the profile, the strategy (its slots filled), an expert's knowledge, what the merchant said before,
    and how the salesperson introduced itself. What the merchant says can be taken up but makes no offer true, and a
    name alone is traced to an introduction. A profile or a strategy that is not there holds nothing.
    """
    found = traces(example.session, list(_sources(example)))
    return Ledger(session=example.session.id, entries=tuple(map(_entry, found)))


def summary(ledgers: Iterable[Ledger]) -> Summary:
    """The ledgers in numbers, whatever their order."""
    sessions = 0
    places, untraced = Counter[Place](), Counter[Kind]()
    for one in ledgers:
        sessions += 1
        places.update(entry.place for entry in one.entries if entry.place)
        untraced.update(entry.kind for entry in one.untraced)
    claims = places.total() + untraced.total()
    return Summary(
        sessions=sessions, claims=claims, places=dict(sorted(places.items())), untraced=dict(sorted(untraced.items()))
    )


def _sources(example: Example) -> Iterator[Source]:
    if example.profile:
        yield from profile_sources(example.profile)
    if example.strategy:
        yield from strategy_sources(example.strategy)
    yield from (Source("knowledge", "", text) for text in example.knowledge)


def _entry(trace: Trace) -> Entry:
    place, part, _ = trace.source or (None, "", "")
    return Entry(turn=trace.turn, **trace.claim.model_dump(), place=place, part=part)
