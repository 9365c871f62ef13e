"""Sets of shingles as sorted arrays of hashes, and MinHash-LSH, which finds the sets that may be alike.

numpy and rensa are imported here and nowhere else in post-processing, so this module is imported where it is used.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import rensa

from telerole.postprocess.tokens import tokens
from telerole.records import Language

Shingles = npt.NDArray[np.uint64]  # of shape (distinct shingles,), sorted

SIZE: dict[Language, int] = {"en": 3, "zh": 5}  # tokens in a shingle
MISSED = 1e-6  # how likely two sets just at the threshold share no band
ROWS, BANDS = 16, 128  # at most: an index holds one entry a band for every set
_SEED = 42
_ODD = np.uint64(0x9E3779B97F4A7C15)


def shingles(text: str, language: Language) -> Shingles:
    """The 64-bit hashes of the text's runs of 3 words (English) or 5 characters (Chinese); a shorter text is one run.

    Two different runs of one corpus get the same hash with a chance of 2^-64.
    """
    said = tokens(text, language)
    hashes = np.fromiter(map(_hash, said), np.uint64, len(said))
    size = min(SIZE[language], len(said))
    rolled = np.zeros(len(said) - size + 1, np.uint64)
    for at in range(size):
        rolled = (rolled + hashes[at : at + len(rolled)]) * _ODD
    return np.unique(rolled)


def jaccard(one: Shingles, other: Shingles) -> float:
    """Shared shingles over all shingles, |A ∩ B| / |A ∪ B|, exact."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def banding(threshold: float) -> tuple[int, int]:
    """How many bands of how many rows: as many rows as up to 128 bands allow, `(rows, bands)`.

    Two sets of Jaccard s share one of b bands of r rows with the probability 1 - (1 - s^r)^b. At the threshold that
    misses one pair in a million or fewer: 100 bands of 4 rows at 0.6. More alike pairs are missed more rarely still.
    """
    return next(
        (rows, bands)
        for rows in range(ROWS, 0, -1)
        for bands in range(1, BANDS + 1)
        if (1 - threshold**rows) ** bands <= MISSED
    )


class Index:
    """MinHash-LSH over sets of shingles: what is at or over the threshold is found, and much that is not."""

    def __init__(self, threshold: float) -> None:
        self._rows, self._bands = banding(threshold)
        self._lsh = rensa.RMinHashLSH(threshold, self._rows * self._bands, self._bands)

    def sketch(self, one: Shingles) -> rensa.RMinHash:
        """The set's MinHash signature, which `near` and `add` take."""
        signature = rensa.RMinHash(self._rows * self._bands, _SEED)
        raw = one.tobytes()
        signature.update([raw[at : at + 8] for at in range(0, len(raw), 8)])
        return signature

    def near(self, signature: rensa.RMinHash) -> list[int]:
        """The numbers of the sets that share a band with this one."""
        found: list[int] = self._lsh.query(signature)
        return found

    def add(self, number: int, signature: rensa.RMinHash) -> None:
        """Take a set in under a number."""
        self._lsh.insert(number, signature)


@lru_cache(maxsize=1 << 20)
def _hash(token: str) -> int:
    return int.from_bytes(blake2b(token.encode(), digest_size=8).digest(), "little")
