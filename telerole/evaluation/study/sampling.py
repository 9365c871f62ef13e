"""Which calls a study shows: the same scenario and trial of every system where they have it, spread over scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from telerole.errors import InputError
from telerole.evaluation.played import Played


@dataclass(frozen=True)
class Match:
    """The calls that systems made on one scenario, trial and merchant, by system: what is compared with what."""

    calls: dict[str, Played]

    @property
    def script(self) -> str:
        """The seed script they were played from."""
        return self._one.script

    @property
    def scenario(self) -> str:
        """What two calls share that must not stand next to each other."""
        return self._one.example.session.scenario_id

    @property
    def merchant(self) -> str:
        """Who was called."""
        return self._one.merchant

    @property
    def _one(self) -> Played:
        return next(iter(self.calls.values()))


def matches(played: Iterable[Played]) -> list[Match]:
    """Calls put side by side; in an order that does not depend on the order of `played`."""
    side_by_side: dict[tuple[str, str], dict[str, Played]] = {}
    for one in sorted(played, key=lambda one: one.id):
        side_by_side.setdefault((one.merchant, one.example.session.id), {})[one.system] = one
    return [Match(calls) for _, calls in sorted(side_by_side.items())]


def draw(found: Sequence[Match], systems: Sequence[str], items: int, random: Random) -> list[Match]:
    """Matches with `items` calls of each system, scripts and merchants used as evenly as can be.

    Those that all systems have come first, so calls without a partner are drawn only where there are too few. Raises
    `InputError` where a system has fewer calls.
    """
    count: Counter[str] = Counter()
    drawn = []
    for match in _spread(found, random):
        wanted = {system: one for system, one in match.calls.items() if count[system] < items}
        if wanted:
            drawn.append(Match(wanted))
            count.update(wanted.keys())
    for system in systems:
        if count[system] < items:
            raise InputError(f"items: {system!r} has {count[system]} calls, too few for {items}; ask for fewer")
    return drawn


def _spread(found: Sequence[Match], random: Random) -> Iterator[Match]:
    """Each match once: those of most systems first, then those whose script, then whose merchant, was least used."""
    left = random.sample(found, len(found))
    used: Counter[str] = Counter()
    called: Counter[str] = Counter()
    while left:
        nearest = min(left, key=lambda one: (-len(one.calls), used[one.script], called[one.merchant]))
        left.remove(nearest)
        used[nearest.script] += 1
        called[nearest.merchant] += 1
        yield nearest
