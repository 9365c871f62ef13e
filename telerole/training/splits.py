"""Training and validation kept apart: no script stands on both sides, and no two sessions that are nearly the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from random import Random
from typing import TYPE_CHECKING, Literal

from telerole.errors import InputError
from telerole.postprocess.duplicates import Duplicates
from telerole.records import Language
from telerole.session import Session
from telerole.speaker import derive_seed

if TYPE_CHECKING:
    from telerole.postprocess.shingles import Index, Shingles

Split = Literal["train", "validation"]
MOST = 0.5
ALIKE = Duplicates().threshold  # Jaccard of shingles, from which on two sessions count as nearly the same


class Groups:
    """Sessions that must stay together: of one source, or alike (`duplicates`), and whatever these are tied to.

    `add` them one by one; memory holds their shingles, not their texts.
    """

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}
        self._languages: dict[str, Language] = {}
        self._known: dict[Language, tuple[Index, list[tuple[str, Shingles]]]] = {}

    def add(self, session: Session, source: str) -> None:
        """Take a session in; ids differ. One without a source is tied to others by its words alone."""
        self._languages[session.id] = session.language
        if source:
            self._tie(session.id, ("source", source))
        for other in self._alike(session):
            self._tie(session.id, other)

    def split(self, held_out: float, seed: int) -> dict[str, Split]:
        """Each session's side, by id: of each language, as near as whole groups come to the share `held_out`.

        Groups are drawn by the seed, in whatever order the sessions came. Raises `InputError` for a share that is not
        from 0 to 0.5.
        """
        if not 0 <= held_out <= MOST:
            raise InputError(f"the share held out must be from 0 to {MOST}, not {held_out}")
        sides: dict[str, Split] = {}
        for language in sorted(set(self._languages.values())):
            groups = self._of(language)
            Random(derive_seed("held out", seed, language)).shuffle(groups)
            wanted, taken = held_out * sum(map(len, groups)), 0
            for group in groups:
                out = taken + len(group) / 2 < wanted
                taken += len(group) * out
                sides.update(dict.fromkeys(group, "validation" if out else "train"))
        return sides

    def _of(self, language: Language) -> list[list[str]]:
        """The groups of a language; one in which both are spoken counts to the language of its first id."""
        found: dict[Hashable, list[str]] = defaultdict(list)
        for id in sorted(self._languages):
            found[self._root(id)].append(id)
        return [group for group in found.values() if self._languages[group[0]] == language]

    def _alike(self, session: Session) -> Iterable[str]:
        """The earlier sessions that are nearly the same, but for those already tied to it."""
        from telerole.postprocess.shingles import Index, jaccard, shingles

        index, held = self._known.setdefault(session.language, (Index(ALIKE), []))
        own = shingles(" ".join(turn.text for turn in session.turns), session.language)
        signature = index.sketch(own)
        for other, known in (held[number] for number in sorted(index.near(signature))):
            if self._root(other) != self._root(session.id) and jaccard(own, known) >= ALIKE:
                yield other
        index.add(len(held), signature)
        held.append((session.id, own))

    def _tie(self, one: Hashable, other: Hashable) -> None:
        self._parents[self._root(one)] = self._root(other)

    def _root(self, one: Hashable) -> Hashable:
        while (parent := self._parents.setdefault(one, one)) != one:
            self._parents[one] = self._parents.setdefault(parent, parent)
            one = self._parents[one]
        return one
