"""Sessions that begin in the same words as too many others (paper 4.4, noisy replication)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from hashlib import blake2b
from typing import ClassVar, NamedTuple

from pydantic import Field

from telerole.postprocess.filtering import Collector, CorpusFilter, Evidence, Reject
from telerole.postprocess.signs import data, sign
from telerole.postprocess.tokens import content, joined
from telerole.records import Language
from telerole.session import Session

Opening = tuple[Language, tuple[str, ...]]


class Openings(CorpusFilter):
    """Lets at most `share` of a language's sessions begin in the same words, and always `at_least` so many.

    An opening is the first 12 words (English) or 16 characters (Chinese) that the salesperson says, however many
    turns that takes, without names, forms of address, figures and fillers, so that "喂，王总吗" and "喂，李姐吗" are
    one; what is left out is data, ``openings.<language>.yaml``. The longest sessions with an opening stay, those of
    one length by a digest of their text, whatever the order they came in.
    """

    name: ClassVar[str] = "openings"
    share: float = Field(default=0.01, gt=0, le=1)
    at_least: int = Field(default=5, ge=1)

    def collector(self) -> Collector:
        """A new collector, which holds each session's opening."""
        return _Openings(self)

    def limit(self, sessions: int) -> int:
        """How many of so many sessions of one language may begin in the same words."""
        return max(self.at_least, math.ceil(self.share * sessions))


def opening(session: Session) -> tuple[str, ...]:
    """The salesperson's first words, names and fillers left out; fewer where the call has no more of them."""
    language = session.language
    names, words = sign("openings", "names", language), data("openings", language)["words"]
    said: list[str] = []
    for turn in session.turns:
        if turn.role == "salesperson" and len(said) < words:
            said += content(names.sub(" ", turn.text), language)
    return tuple(said[:words])


class _Opened(NamedTuple):
    """A session; they sort in the order in which they may stay, the longest first."""

    length: int  # below 0
    digest: bytes
    id: str
    line: str


class _Openings:
    def __init__(self, limits: Openings) -> None:
        self._limits = limits
        self._opened: defaultdict[Opening, list[_Opened]] = defaultdict(list)

    def add(self, session: Session) -> None:
        text = "\n".join(turn.text for turn in session.turns)
        digest = blake2b(text.encode(), digest_size=8).digest()
        line = session.turns[0].text if session.turns else ""
        self._opened[session.language, opening(session)].append(_Opened(-len(text), digest, session.id, line))

    def rejected(self) -> Mapping[str, Reject]:
        sessions: defaultdict[Language, int] = defaultdict(int)
        for (language, _), alike in self._opened.items():
            sessions[language] += len(alike)
        return {
            one.id: Reject(
                reason=f"begins in the same words as {len(alike) - 1} other sessions: {joined(words, language)}",
                score=len(alike),
                threshold=limit,
                evidence=(Evidence(turn=0, text=one.line),),
            )
            for (language, words), alike in self._opened.items()
            if words and len(alike) > (limit := self._limits.limit(sessions[language]))
            for one in sorted(alike)[limit:]
        }
