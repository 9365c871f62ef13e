"""`Mind`: the merchant's state of mind at one moment of the call."""

from __future__ import annotations

from dataclasses import dataclass, field

from telerole.agents.happenings import Happening
from telerole.persona import Feeling


@dataclass(slots=True)
class Mind:
    """How the merchant feels after the turns so far: feelings from 0 to 1, never shown to a model.

    `events` holds what was read in each line of the salesperson, `lines` the lines, `acts` what the merchant did.
    `open` is the question or objection that waits for an answer, `left_open` one that the last line passed over;
    `answered` and `released` are what was answered and which facts were told. `caller` are the names that tell who is
    calling, `happenings` what will disturb the call.
    """

    interest: float
    trust: float
    patience: float
    suspicion: float
    busyness: float
    caller: tuple[str, ...] = ()
    happenings: dict[int, Happening] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)
    events: list[tuple[str, ...]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    open: str = ""
    left_open: str = ""
    answered: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)

    @property
    def last(self) -> str:
        """What the merchant did last, without its kind."""
        return self.acts[-1].partition(":")[0] if self.acts else ""

    @property
    def noticed(self) -> tuple[str, ...]:
        """What the salesperson's last line was read as."""
        return self.events[-1] if self.events else ()

    def did(self, act: str) -> int:
        """How often the merchant did `act`, of whatever kind."""
        return sum(done.partition(":")[0] == act for done in self.acts)

    def met(self, event: str) -> int:
        """How often the salesperson was found to do `event`."""
        return sum(named(one) == event for events in self.events for one in events)

    def feel(self, feeling: Feeling, change: float) -> None:
        """Move one feeling, within 0 and 1."""
        setattr(self, feeling, min(1.0, max(0.0, getattr(self, feeling) + change)))


def named(event: str) -> str:
    """The event without what it is about: ``asked`` for ``asked:channels``."""
    return event.partition(":")[0]


def about(event: str) -> str:
    """What an event or an act is about: ``channels`` for ``asked:channels``."""
    return event.partition(":")[2]
