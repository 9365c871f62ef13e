"""How alike offline calls are: near-duplicate sessions, distinct openings, the lines said most often.

Two sessions of one language are near-duplicates where the Jaccard likeness of their whole texts is at least 0.6, over
the shingles that the filter of duplicates takes. Every pair is compared, none by chance.
``python benchmarks/sameness.py --calls 2000``
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from telerole import Catalog, Session, Simulator
from telerole.persona import Role
from telerole.postprocess.duplicates import Duplicates
from telerole.postprocess.shingles import shingles
from telerole.records import LANGUAGES, Language

ALIKE = Duplicates().threshold
PROMISED = 0.01  # at most this share of sessions has a near-duplicate
ROLES: tuple[Role, ...] = ("salesperson", "merchant")


@dataclass(frozen=True)
class Pair:
    """Two sessions and how alike they are, from 0 to 1."""

    likeness: float
    one: Session
    other: Session


def grams(session: Session) -> frozenset[int]:
    """The hashes of the shingles of the session's whole text."""
    text = " ".join(turn.text for turn in session.turns)
    return frozenset(shingles(text, session.language).tolist())


def nearest(sessions: Sequence[Session]) -> Iterator[Pair]:
    """For each session the one most like it, by the exact likeness of every pair that shares a gram."""
    known = [grams(session) for session in sessions]
    holds: defaultdict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(known):
        for gram in one:
            holds[gram].append(number)
    for number, one in enumerate(known):
        shared = Counter[int]()
        for gram in one:
            shared.update(holds[gram])
        del shared[number]
        likeness = {other: both / (len(one) + len(known[other]) - both) for other, both in shared.items()}
        best = max(likeness, key=lambda other: likeness[other], default=None)
        if best is not None:
            yield Pair(likeness[best], sessions[number], sessions[best])


def said_most(sessions: Sequence[Session], role: Role) -> list[tuple[str, float]]:
    """The five lines that stand in the most calls, each with the share of calls."""
    heard = Counter(line for session in sessions for line in {t.text for t in session.turns if t.role == role})
    return [(line, calls / len(sessions)) for line, calls in heard.most_common(5)]


def report(sessions: Sequence[Session], language: Language) -> float:
    """Print one language's figures; returns the share of sessions that have a near-duplicate."""
    pairs = sorted(nearest(sessions), key=lambda pair: -pair.likeness)
    alike = [pair for pair in pairs if pair.likeness >= ALIKE]
    long = [pair for pair in alike if len(pair.one.turns) > 4]
    openings = Counter(session.turns[0].text for session in sessions)
    print(f"\n{language}: {len(sessions)} calls, {sum(len(session.turns) for session in sessions)} turns")
    print(f"  with a near-duplicate   {len(alike) / len(sessions):.2%} ({len(long)} of them of more than 4 turns)")
    print(f"  distinct openings       {len(openings) / len(sessions):.1%}")
    for role in ROLES:
        print(f"  said most by the {role}")
        for line, share in said_most(sessions, role):
            print(f"    {share:6.1%}  {line}")
    for pair in pairs[:1]:
        print(f"  nearest pair, {pair.likeness:.2f}: {pair.one.id} and {pair.other.id}")
        for session in (pair.one, pair.other):
            print(*(f"    {turn.role[0].upper()} {turn.text}" for turn in session.turns), sep="\n", end="\n\n")
    return len(alike) / len(sessions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=2000, help="of both languages together")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    begin = time.perf_counter()
    calls = list(Simulator(seed=asked.seed).run_many(Catalog.bundled().sample(asked.calls, seed=asked.seed)))
    spoken = {language: [call for call in calls if call.language == language] for language in LANGUAGES}
    alike = sum(report(sessions, language) * len(sessions) for language, sessions in spoken.items() if sessions)
    print(f"all: {alike / len(calls):.2%} of {len(calls)} have a near-duplicate, promised are under {PROMISED:.0%}")
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
