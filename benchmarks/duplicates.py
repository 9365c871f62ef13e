"""What finding near-duplicates costs in a large corpus, and whether it finds them all.

Calls are put together from lines of offline calls, 15 turns each, so every line stands in many; a tenth are copies with
some of their lines changed. ``python benchmarks/duplicates.py --calls 100000`` and ``… --check 2000``
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import csr_matrix

from telerole import Catalog, Session, Simulator
from telerole.postprocess.duplicates import Duplicates
from telerole.postprocess.shingles import Index, Shingles, banding, jaccard, shingles
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn, speaker_at

TURNS = 15
COPIED = 0.1
CHANGED = 8  # at most so many turns of a copy differ
RECENT = 500  # calls that may be copied

Pair = tuple[int, int]


@dataclass(frozen=True)
class Lines:
    """What was said in one language's offline calls, by whose turn it was: the salesperson's or the merchant's."""

    language: Language
    first: Sequence[str]
    later: tuple[Sequence[str], Sequence[str]]

    def say(self, index: int, rng: random.Random) -> str:
        """A line for this turn, now and then with a figure, so that it is no other call's."""
        line = rng.choice(self.later[index % 2] if index else self.first)
        return f"{line} {rng.randrange(10_000)}" if rng.random() < 0.2 else line


def offline_lines(language: Language, seed: int) -> Lines:
    calls = list(Simulator(seed=seed).run_many(Catalog.bundled().sample(500, seed=seed, language=language)))
    said = [{turn.text for call in calls for turn in call.turns[start::2]} for start in (2, 1)]
    return Lines(language, [call.turns[0].text for call in calls], (sorted(said[0]), sorted(said[1])))


def made(lines: Lines, calls: int, seed: int) -> Iterator[Session]:
    rng = random.Random(seed)
    recent: deque[list[str]] = deque(maxlen=RECENT)
    for number in range(calls):
        if recent and rng.random() < COPIED:
            texts = list(rng.choice(recent))
            for index in rng.sample(range(TURNS), rng.randint(0, CHANGED)):
                texts[index] = lines.say(index, rng)
        else:
            texts = [lines.say(index, rng) for index in range(TURNS)]
            recent.append(texts)
        yield session(f"{lines.language}-{number}", lines.language, texts)


def session(name: str, language: Language, texts: Sequence[str]) -> Session:
    """Not validated, which would take longer than what is measured; the texts are this session's own."""
    turns = (Turn.model_construct(role=speaker_at(at), text="".join(list(text))) for at, text in enumerate(texts))
    end = End(reason="stopped")
    return Session.model_construct(id=name, scenario_id=name, language=language, seed=0, turns=tuple(turns), end=end)


def candidates(sets: Sequence[Shingles], threshold: float) -> Iterator[Pair]:
    """Every pair that shares a band, as the filter would find it if it kept all sessions."""
    index = Index(threshold)
    for number, one in enumerate(sets):
        sketch = index.sketch(one)
        yield from ((other, number) for other in index.near(sketch))
        index.add(number, sketch)


def all_pairs(sets: Sequence[Shingles], threshold: float) -> set[Pair]:
    """Every pair at or over the threshold: the product of the sets' incidence matrix with itself, exact."""
    _, column = np.unique(np.concatenate(sets), return_inverse=True)
    sizes = np.array([len(one) for one in sets])
    incidence = csr_matrix((np.ones(len(column), np.int32), column, np.concatenate([[0], np.cumsum(sizes)])))
    shared = (incidence @ incidence.T).tocoo()
    likeness = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    alike = (shared.row < shared.col) & (likeness >= threshold)
    return set(zip(shared.row[alike].tolist(), shared.col[alike].tolist(), strict=True))


def peak() -> str:
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB"


def measure(spoken: Sequence[Lines], calls: int, seed: int, filter: Duplicates) -> None:
    print(f"before: {peak()}")
    collector = filter.collector()
    adding = 0.0
    for lines in spoken:
        for call in made(lines, calls // len(spoken), seed):
            begin = time.perf_counter()
            collector.add(call)
            adding += time.perf_counter() - begin
    begin = time.perf_counter()
    rejected = collector.rejected()
    taken = time.perf_counter() - begin
    print(f"{calls:,} calls: {adding:.1f} s to add, {taken:.1f} s to judge, {len(rejected):,} rejected, {peak()}")
    for lines in spoken:
        sets = text_sets(made(lines, calls // len(spoken), seed))
        raw = list(candidates(sets, filter.threshold))
        alike = sum(jaccard(sets[one], sets[other]) >= filter.threshold for one, other in raw)
        print(f"  {lines.language}: {len(raw):,} raw candidates, {alike:,} pairs verified at {filter.threshold}")


def check(spoken: Sequence[Lines], calls: int, seed: int, filter: Duplicates) -> None:
    for lines in spoken:
        made_calls = list(made(lines, calls // len(spoken), seed))
        sets = text_sets(made_calls)
        true = all_pairs(sets, filter.threshold)
        missed = true - set(candidates(sets, filter.threshold))
        collector = filter.collector()
        for call in made_calls:
            collector.add(call)
        rejected = collector.rejected()
        kept = [number for number, call in enumerate(made_calls) if call.id not in rejected]
        left = sum(pair in true for pair in combinations(kept, 2))
        found = len(true) - len(missed)
        print(f"{lines.language}: {found} of {len(true)} pairs found, {len(rejected)} rejected, {left} pairs left")


def text_sets(calls: Iterable[Session]) -> list[Shingles]:
    return [shingles(" ".join(turn.text for turn in call.turns), call.language) for call in calls]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=100_000, help="of both languages together")
    parser.add_argument("--check", type=int, help="compare so many calls with every pair, exactly, instead")
    parser.add_argument("--language", choices=LANGUAGES, help="of one language only")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    spoken = [offline_lines(language, asked.seed) for language in ([asked.language] if asked.language else LANGUAGES)]
    rows, bands = banding(Duplicates().threshold)
    missed = (1 - Duplicates().threshold ** rows) ** bands
    print(f"{bands} bands of {rows} rows miss a pair at {Duplicates().threshold} with probability {missed:.1e}")
    if asked.check:
        check(spoken, asked.check, asked.seed, Duplicates())
    else:
        measure(spoken, asked.calls, asked.seed, Duplicates())


if __name__ == "__main__":
    main()
