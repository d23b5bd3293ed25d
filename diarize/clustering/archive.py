"""Average linkage of very many vectors in bounded memory.

Two groups' average cosine is the product of their sums over the product of their sizes, so that a
group needs no more than its sum. Groups that are each other's nearest are joined, many in one
round; for average linkage this gives what joining the nearest two at a time gives (Murtagh, "A
survey of recent advances in hierarchical clustering algorithms", 1983).

Only pairs of vectors at the threshold or above are looked at: where the average of two groups
reaches it, some pair does. Of a vector with more such pairs, the nearest are held.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.arrays import Float32, Float64, Int64

#: Rows and columns of the table of cosines that are held at a time.
_TILE = 2048
#: Bytes of sums that are multiplied at a time.
_BLOCK_BYTES = 1 << 25


def link_vectors(
    vectors: Float32,
    recordings: Sequence[frozenset[int]],
    threshold: float,
    *,
    sizes: Int64 | None = None,
    fixed: int = 0,
    neighbors: int = 32,
) -> Int64:
    """Return which group each vector belongs to.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors, or the mean of a group that is known already.
    recordings : sequence of N frozenset
        Where each was found; two of one recording are never joined.
    threshold : float
        Least average cosine within a group.
    sizes : (N,) int64 array, optional
        How many unit vectors each is the mean of; one where not given.
    fixed : int
        So many of the first vectors are known groups, of which no two are joined.
    neighbors : int
        How many nearest vectors of each are looked at.

    Returns
    -------
    (N,) int64 array
        The smallest index of each one's group.

    Examples
    --------
    >>> voices = np.float32([[1, 0], [0, 1], [0.8, 0.6], [1, 0]])
    >>> apart = [frozenset([0]), frozenset([1]), frozenset([2]), frozenset([2])]
    >>> link_vectors(voices, apart, 0.7).tolist()
    [0, 1, 2, 0]
    """
    count = len(vectors)
    weights = np.ones(count) if sizes is None else sizes.astype(np.float64)
    sums = vectors * weights[:, None].astype(np.float32)
    found = [set(places) for places in recordings]
    group = np.arange(count)
    one, other, cosine = nearest_pairs(vectors, threshold, neighbors, fixed)
    while len(one):
        joined = np.arange(count)
        conflict = np.zeros(len(one), bool)
        for edge in _mutual(one, other, cosine, count):
            first, second = int(one[edge]), int(other[edge])
            if found[first] & found[second] or second < fixed:
                conflict[edge] = True
                continue
            small, large = sorted((found[first], found[second]), key=len)
            large |= small
            found[first], found[second] = large, set()
            sums[first] += sums[second]
            weights[first] += weights[second]
            joined[second] = first
        group = joined[group]
        one, other, cosine = one[~conflict], other[~conflict], cosine[~conflict]
        changed = np.zeros(count, bool)
        changed[joined[joined != np.arange(count)]] = True
        one, other, cosine = _contracted(joined[one], joined[other], cosine)
        stale = changed[one] | changed[other]
        cosine[stale] = _average(sums, weights, one[stale], other[stale])
        near = cosine >= threshold
        one, other, cosine = one[near], other[near], cosine[near]
    return group


def nearest_pairs(
    vectors: Float32, threshold: float, neighbors: int, fixed: int = 0
) -> tuple[Int64, Int64, Float64]:
    """Return pairs with at least a cosine: indices, the smaller first, and the cosine.

    Every pair in which one is among the other's nearest. Equal cosines: the smaller index first.
    """
    count = len(vectors)
    keys: list[Int64] = [np.zeros(0, np.int64)]
    cosines: list[Float64] = [np.zeros(0)]
    for top in range(0, count, _TILE):
        tiles = [_near(vectors, top, left, threshold, fixed) for left in range(0, count, _TILE)]
        row = np.concatenate([tile[0] for tile in tiles])
        column = np.concatenate([tile[1] for tile in tiles])
        cosine: Float64 = np.concatenate([tile[2] for tile in tiles])
        order = np.lexsort((column, -cosine, row))
        row, column, cosine = row[order], column[order], cosine[order]
        near = np.arange(len(row)) - np.searchsorted(row, row) < neighbors
        row, column = row[near], column[near]
        keys.append(np.minimum(row, column) * count + np.maximum(row, column))
        cosines.append(cosine[near])
    key, first = np.unique(np.concatenate(keys), return_index=True)
    return key // max(count, 1), key % max(count, 1), np.concatenate(cosines)[first]


def _near(
    vectors: Float32, top: int, left: int, threshold: float, fixed: int
) -> tuple[Int64, Int64, Float64]:
    """Return the pairs of one tile of the table: rows, columns, cosines."""
    tile = vectors[top : top + _TILE] @ vectors[left : left + _TILE].T
    row, column = np.nonzero(tile >= threshold)
    cosine = tile[row, column].astype(np.float64)
    row, column = row + top, column + left
    keep = (row != column) & ~((row < fixed) & (column < fixed))
    return row[keep], column[keep], cosine[keep]


def _mutual(one: Int64, other: Int64, cosine: Float64, count: int) -> Int64:
    """Return the edges whose ends are each other's nearest; of equals the first counts."""
    rank = np.empty(len(one), np.int64)
    rank[np.lexsort((other, one, -cosine))] = np.arange(len(one))
    best = np.full(count, len(one), np.int64)
    np.minimum.at(best, one, rank)
    np.minimum.at(best, other, rank)
    edges: Int64 = np.flatnonzero((best[one] == rank) & (best[other] == rank))
    return edges


def _contracted(one: Int64, other: Int64, cosine: Float64) -> tuple[Int64, Int64, Float64]:
    """Return the edges between groups, each once."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    keep = low != high
    low, high, cosine = low[keep], high[keep], cosine[keep]
    width = int(high.max()) + 1 if len(high) else 1
    key, first = np.unique(low * width + high, return_index=True)
    return key // width, key % width, cosine[first]


def _average(sums: Float32, weights: Float64, one: Int64, other: Int64) -> Float64:
    """Return the average cosine between groups, a block of edges at a time."""
    average = np.empty(len(one))
    rows = max(1, _BLOCK_BYTES // (8 * max(1, sums.shape[1])))
    for start in range(0, len(one), rows):
        part = slice(start, start + rows)
        product = np.einsum("ed,ed->e", sums[one[part]], sums[other[part]], dtype=np.float64)
        average[part] = product / (weights[one[part]] * weights[other[part]])
    return average
