"""Which calls of an evaluation to read first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from telerole.evaluation.judge.verdicts import Verdict
from telerole.evaluation.played import Played
from telerole.speaker import derive_seed

Read = tuple[Played, tuple[Verdict, ...]]
"""A call, and the verdicts on it."""


def to_read(played: Iterable[Played], verdicts: Iterable[Verdict], each: int = 2, seed: int = 0) -> list[Read]:
    """`each` calls of every system, drawn by `seed`: first those with most zeros, in languages in turn."""
    on: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if not verdict.repeat:
            on.setdefault(verdict.session, []).append(verdict)

    def faults(one: Played) -> int:
        return sum(verdict.verdict is False for verdict in on.get(one.id, ()))

    by_system: dict[str, list[Played]] = {}
    for one in sorted(played, key=lambda one: (-faults(one), derive_seed("read", seed, one.id))):
        by_system.setdefault(one.system, []).append(one)
    return [(one, tuple(on.get(one.id, ()))) for found in by_system.values() for one in _in_turn(found)[:each]]


def _in_turn(played: Sequence[Played]) -> list[Played]:
    """The calls in their order, each language's next one in turn."""
    met: dict[str, int] = {}
    places: list[tuple[int, int, Played]] = []
    for one in played:
        language = one.example.session.language
        met[language] = met.get(language, 0) + 1
        places.append((met[language], len(places), one))
    return [one for _, _, one in sorted(places, key=lambda place: place[:2])]
