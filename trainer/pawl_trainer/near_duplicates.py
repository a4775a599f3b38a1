"""Clusters of near-duplicate texts: word shingles, MinHash, banding, then the exact Jaccard similarity."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SHINGLE = 3
BANDS = 16
ROWS = 4
PRIME = (1 << 31) - 1


class Clusters:
    """Disjoint sets of the numbers 0..n-1; a set is named by its smallest member."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, item: int) -> int:
        """The name of the set that the item is in."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Makes one set of the two that the items are in."""
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first


def near_pairs(texts: Sequence[Sequence[str]], threshold: float) -> Iterable[tuple[int, int]]:
    """
    Pairs of texts (as words) whose sets of word shingles have a Jaccard similarity of at least `threshold`. Found by
    banded MinHash: a pair at .7 is missed with probability 1 %, one above .8 practically never. Deterministic.
    """
    shingles = [_shingles(words) for words in texts]
    signatures = _signatures(shingles)
    seen: set[tuple[int, int]] = set()
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for row, signature in enumerate(signatures[:, band * ROWS : (band + 1) * ROWS]):
            buckets[signature.tobytes()].append(row)
        for members in buckets.values():
            for pair in pairwise(members):
                if pair not in seen and _jaccard(shingles[pair[0]], shingles[pair[1]]) >= threshold:
                    seen.add(pair)
                    yield pair


def _shingles(words: Sequence[str]) -> NDArray[np.int64]:
    """The distinct shingles of a text as sorted numbers; a short text is one shingle."""
    spans = [words[start : start + SHINGLE] for start in range(max(1, len(words) - SHINGLE + 1))]
    return np.unique(np.array([zlib.crc32(" ".join(span).encode()) % PRIME for span in spans], dtype=np.int64))


def _signatures(shingles: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """MinHash signatures [texts, BANDS*ROWS] by (a*x + b) mod p with fixed a and b."""
    chance = np.random.Generator(np.random.PCG64(7))
    factors = chance.integers(1, PRIME, BANDS * ROWS)
    offsets = chance.integers(0, PRIME, BANDS * ROWS)
    starts = np.concatenate([[0], np.cumsum([len(values) for values in shingles])[:-1]])
    flat = np.concatenate(shingles)
    columns = [
        np.minimum.reduceat((flat * factor + offset) % PRIME, starts) for factor, offset in zip(factors, offsets, strict=True)
    ]
    return np.stack(columns, axis=1)


def _jaccard(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    shared = np.intersect1d(one, other, assume_unique=True).size
    return float(shared / (one.size + other.size - shared))
