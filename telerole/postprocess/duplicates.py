"""Sessions that only repeat another session of the corpus (paper 4.4, noisy replication)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from rapidfuzz.fuzz import ratio
from rapidfuzz.process import extractOne

from telerole.postprocess.filtering import Collector, CorpusFilter, Evidence, Reject
from telerole.records import Language
from telerole.session import Session

SHOWN = 3  # shared lines named as evidence
SHARED = 80  # how alike two lines are (rapidfuzz ratio) where one counts as the other


class Duplicates(CorpusFilter):
    """Rejects near-duplicates.

    No two sessions that are kept are at or over `threshold`, and every one that is rejected is, with one that is kept.
    Likeness is the Jaccard of the sets of shingles of the whole texts (`shingles.shingles`), among sessions of one
    language. Sessions are gone through the longest first (most shingles, then by text, then by id), whatever the
    order they came in, and each is kept unless it is too like one already kept, the first of which is named. So where
    A is like B, and B like C, but A is not like C, both A and C stay if B is the shortest.

    Pairs are found by MinHash-LSH, which misses one in a million at the threshold, and every one is verified exactly.
    """

    name: ClassVar[str] = "duplicates"
    threshold: float = Field(default=0.6, ge=0.2, le=1)

    def collector(self) -> Collector:
        """A new collector, which holds the lines of the sessions it has seen."""
        return _Duplicates(self.threshold)


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What is kept of a session until all have been seen."""

    id: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


class _Duplicates:
    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._seen: dict[Language, list[_Spoken]] = {"en": [], "zh": []}

    def add(self, session: Session) -> None:
        spoken = _Spoken(session.id, tuple(turn.text for turn in session.turns))
        self._seen[session.language].append(spoken)

    def rejected(self) -> Mapping[str, Reject]:
        return {
            one.id: Reject(
                reason=f"is nearly the same as session {kept.id}",
                score=likeness,
                threshold=self._threshold,
                evidence=_shared(one.lines, kept.lines),
            )
            for language, seen in self._seen.items()
            for one, kept, likeness in _repeats(seen, language, self._threshold)
        }


def _repeats(seen: Sequence[_Spoken], language: Language, threshold: float) -> Iterator[tuple[_Spoken, _Spoken, float]]:
    """Each session that is too like a kept one, with the first kept one that it is too like, and their Jaccard."""
    from telerole.postprocess.shingles import Index, jaccard, shingles

    held = [(shingles(one.text, language), one) for one in seen]
    held.sort(key=lambda each: (-len(each[0]), each[1].text, each[1].id))
    index = Index(threshold)
    for number, (known, one) in enumerate(held):
        signature = index.sketch(known)
        near = ((other, jaccard(known, held[other][0])) for other in sorted(index.near(signature)))
        like = next(((held[other][1], likeness) for other, likeness in near if likeness >= threshold), None)
        if like:
            yield one, *like
        else:
            index.add(number, signature)


def _shared(lines: Sequence[str], others: Sequence[str]) -> tuple[Evidence, ...]:
    """The longest lines that were said in the other session too, word for word or nearly."""
    alike = [
        (turn, line)
        for turn, line in enumerate(lines)
        if extractOne(line, others, scorer=ratio, score_cutoff=SHARED) is not None
    ]
    longest = sorted(alike, key=lambda said: -len(said[1]))[:SHOWN]
    return tuple(Evidence(turn=turn, text=line) for turn, line in sorted(longest))
