"""Average linkage on cosine distance: the dendrogram whose cut is the first guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diarize.arrays import Float32, Float64, Int64
from diarize.settings import ClusteringSettings


@dataclass(frozen=True)
class Tree:
    """A dendrogram over weighted leaves.

    Parameters
    ----------
    merges : (n - 1, 4) float64 array
        As scipy's ``linkage`` returns it.
    weights : (n,) float64 array
        Seconds of speech of each leaf.
    """

    merges: Float64
    weights: Float64

    def labels(self, merges: int) -> Int64:
        """Return each leaf's group after so many merges."""
        leaves = len(self.weights)
        parent = np.arange(leaves + merges)
        for index in range(merges):
            left, right = int(self.merges[index, 0]), int(self.merges[index, 1])
            parent[left] = parent[right] = leaves + index
        for index in range(leaves + merges - 1, -1, -1):
            parent[index] = parent[parent[index]]
        return np.unique(parent[:leaves], return_inverse=True)[1].astype(np.int64)

    def merges_at(self, distance: float) -> int:
        """Return how many merges happen at up to ``distance``."""
        return int(np.searchsorted(self.merges[:, 2], distance, side="right"))


def dendrogram(
    vectors: Float32, seconds: Float64, threshold: float, settings: ClusteringSettings
) -> tuple[Tree, Int64]:
    """Return a dendrogram, and which of its leaves each window belongs to."""
    count = len(vectors)
    if count <= settings.max_windows:
        return Tree(linkage(vectors), seconds), np.arange(count)
    member: Int64 = np.empty(count, dtype=np.int64)
    leaves = 0
    blocks = -(-count // settings.block_windows)
    # However unlike the windows are, what the blocks leave over has to fit the second tree.
    most = max(settings.block_clusters, settings.max_windows // blocks)
    for start in range(0, count, settings.block_windows):
        part = slice(start, min(start + settings.block_windows, count))
        block = Tree(linkage(vectors[part]), seconds[part])
        size = len(block.weights)
        merges = min(size - min(settings.block_clusters, size), block.merges_at(threshold))
        groups = block.labels(max(merges, size - most))
        member[part] = leaves + groups
        leaves = int(member[part].max()) + 1
    weight = np.bincount(member, weights=seconds).astype(np.float64)
    means = np.zeros((leaves, vectors.shape[1]))
    np.add.at(means, member, vectors * seconds[:, None])
    # Means are left shorter than one: their products are mean cosines, as average linkage wants.
    means /= np.maximum(weight, 1e-9)[:, None]
    return Tree(linkage(means.astype(np.float32)), weight), member


def linkage(vectors: Float32) -> Float64:
    """Return scipy's average linkage on ``1 − cosine``."""
    from scipy.cluster.hierarchy import linkage as scipy_linkage

    count = len(vectors)
    if count < 2:
        return np.zeros((0, 4))
    condensed = np.empty(count * (count - 1) // 2)
    filled = 0
    for first in range(0, count - 1, 256):
        similar = vectors[first : first + 256] @ vectors[first:].T
        for row in range(min(256, count - 1 - first)):
            stop = filled + count - 1 - first - row
            np.subtract(1.0, similar[row, row + 1 :], out=condensed[filled:stop])
            filled = stop
    np.clip(condensed, 0.0, 2.0, out=condensed)
    return np.asarray(scipy_linkage(condensed, method="average"))
