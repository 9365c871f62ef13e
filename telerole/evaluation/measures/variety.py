"""How varied a set of sessions of one language is (paper 5.2, Diversity). The order of the sessions changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from math import log2
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from telerole.persona import Role
from telerole.postprocess.openings import opening
from telerole.postprocess.tokens import tokens
from telerole.session import Session

if TYPE_CHECKING:
    from telerole.postprocess.shingles import Shingles

BUDGET = 1000  # tokens of one role: what some ten calls hold
DRAWS = 20


def distinct(sessions: Sequence[Session], role: Role, n: int) -> float | None:
    """Distinct-n (Li et al. 2016): different runs of n tokens / all of them, in what the role says.

    From 0 to 1, higher is more varied; None without a run of n tokens. Runs do not cross turns; tokens are those of
    `postprocess.tokens`. It falls as a set grows: compare only sets of one size, or take `fair_distinct`.
    """
    return _distinct(list(chain.from_iterable(_said(one, role) for one in sessions)), n)


def fair_distinct(
    sessions: Sequence[Session], role: Role, n: int, *, budget: int = BUDGET, seed: int = 0
) -> float | None:
    """Distinct-n of just `budget` tokens of the role, so that sets of any size compare; None where there are fewer.

    The mean of 20 draws: sessions at random, whole, one after the other, until the budget is full; the last turn is
    cut. The same sessions and the same seed give the same value.
    """
    said = [_said(one, role) for one in sorted(sessions, key=lambda one: (one.id, [turn.text for turn in one.turns]))]
    if sum(len(turn) for turns in said for turn in turns) < budget:
        return None
    random = Random(seed)
    draws = (chain.from_iterable(random.sample(said, len(said))) for _ in range(DRAWS))
    shares = [_distinct(list(_first(budget, turns)), n) for turns in draws]
    known = [share for share in shares if share is not None]
    return fmean(known) if known else None


def self_similarity(sessions: Sequence[Session]) -> float | None:
    """How like its nearest other session a session is, the mean over all; from 0 to 1, lower is more varied.

    Likeness is the exact Jaccard of the sets of shingles of the whole texts (`postprocess.shingles`: runs of 3 words,
    in Chinese of 5 characters), and every pair is compared. None with fewer than two sessions. It rises as a set
    grows.
    """
    from telerole.postprocess.shingles import shingles

    if len(sessions) < 2:
        return None
    texts = (" ".join(turn.text for turn in one.turns) for one in sessions)
    known = [shingles(text, one.language) for text, one in zip(texts, sessions, strict=True)]
    return fmean(_nearest(known))


def opening_entropy(sessions: Sequence[Session]) -> float | None:
    """How evenly the sessions spread over openings: H / log2(sessions), H the entropy in bits of the openings.

    0 where all begin in the same words, 1 where no two do; None with fewer than two sessions. An opening is that of
    `postprocess.openings`: the salesperson's first words without names, figures and fillers.
    """
    if len(sessions) < 2:
        return None
    shares = [count / len(sessions) for count in sorted(Counter(map(opening, sessions)).values())]
    return abs(sum(share * log2(share) for share in shares)) / log2(len(sessions))


def _said(session: Session, role: Role) -> list[list[str]]:
    return [tokens(turn.text, session.language) for turn in session.turns if turn.role == role]


def _distinct(said: Sequence[Sequence[str]], n: int) -> float | None:
    runs = [tuple(turn[at : at + n]) for turn in said for at in range(len(turn) - n + 1)]
    return len(set(runs)) / len(runs) if runs else None


def _first(budget: int, said: Iterator[list[str]]) -> Iterator[list[str]]:
    """The first turns with `budget` tokens in all."""
    while budget:
        turn = next(said)[:budget]
        budget -= len(turn)
        yield turn


def _nearest(known: Sequence[Shingles]) -> Iterator[float]:
    """For each set its highest Jaccard with another one, by the sets in which each of its shingles stands."""
    import numpy as np

    sizes = np.array([len(one) for one in known])
    _, kinds, counts = np.unique(np.concatenate(known), return_inverse=True, return_counts=True)
    owners = np.repeat(np.arange(len(known)), sizes)[np.argsort(kinds, kind="stable")]
    holders = np.split(owners, np.cumsum(counts)[:-1])
    for number, mine in enumerate(np.split(kinds, np.cumsum(sizes)[:-1])):
        shared = np.bincount(np.concatenate([holders[kind] for kind in mine]), minlength=len(known))
        shared[number] = 0
        yield float((shared / (sizes + sizes[number] - shared)).max())
