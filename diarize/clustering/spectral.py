"""Spectral partition: windows into a known number of speakers by who is whose nearest neighbour."""

from __future__ import annotations

import numpy as np

from diarize.arrays import Float32, Float64, Int64, unit
from diarize.settings import DEFAULTS, ClusteringSettings

_ROUNDS = 30


def partition(
    vectors: Float32,
    count: int,
    settings: ClusteringSettings = DEFAULTS.clustering,
) -> Int64:
    """Part windows into ``count`` groups by normalised spectral clustering.

    After Ng, Jordan and Weiss, "On spectral clustering" (NIPS 2001), on a graph that joins each
    window to its nearest neighbours by cosine. Unlike average linkage it does not spend a group on
    a few outliers. Of many windows an even sample is parted; the rest goes to the nearest mean.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors.
    count : int
        Number of groups, at most N.

    Returns
    -------
    (N,) int64 array
        0 … count − 1, each of them present. Deterministic.
    """
    total = len(vectors)
    if count <= 1 or total <= count:
        return np.minimum(np.arange(total), max(0, count - 1))
    if total <= settings.max_spectral_windows:
        return _partition(vectors, count, settings)
    chosen = np.unique(
        np.linspace(0, total - 1, settings.max_spectral_windows).round().astype(np.int64)
    )
    groups = _partition(vectors[chosen], count, settings)
    means = np.stack([vectors[chosen][groups == group].mean(axis=0) for group in range(count)])
    nearest = (vectors @ unit(means, np.float64).T.astype(np.float32)).argmax(axis=1)
    labels: Int64 = nearest.astype(np.int64)
    labels[chosen] = groups
    return labels


def affinity(vectors: Float32, neighbours: int) -> Float64:
    """Return the graph of nearest neighbours: 1 where two choose each other, ½ where one does."""
    similar = np.asarray(vectors @ vectors.T, dtype=np.float64)
    np.fill_diagonal(similar, -np.inf)
    last = len(vectors) - min(neighbours, len(vectors) - 1)
    nearest = np.partition(similar, last, axis=1)[:, last][:, None]
    chosen = (similar >= nearest) & np.isfinite(similar)
    graph: Float64 = (chosen.astype(np.float64) + chosen.T) / 2
    return graph


def _partition(vectors: Float32, count: int, settings: ClusteringSettings) -> Int64:
    from scipy.linalg import eigh

    total = len(vectors)
    share = round(settings.graph_neighbor_share * total)
    graph = affinity(vectors, max(settings.graph_neighbors, share))
    # A trace of plain similarity ties together what has no neighbours in common.
    graph += (
        settings.similarity_floor * (1.0 + np.asarray(vectors @ vectors.T, dtype=np.float64)) / 2
    )
    scale = 1.0 / np.sqrt(np.maximum(graph.sum(axis=1), 1e-9))
    graph *= scale[:, None] * scale[None, :]
    _, found = eigh(graph, subset_by_index=[total - count, total - 1], overwrite_a=True)
    return _spherical_means(unit(found, np.float64), count)


def _spherical_means(points: Float64, count: int) -> Int64:
    """Part unit vectors around ``count`` means, starting from the farthest ones, a few times."""
    best = -np.inf
    labels = np.zeros(len(points), dtype=np.int64)
    for start in range(4):
        centres = _farthest(points, start * len(points) // 4, count)
        for _ in range(_ROUNDS):
            nearest = (points @ centres.T).argmax(axis=1)
            sums = np.zeros_like(centres)
            np.add.at(sums, nearest, points)
            gone = np.bincount(nearest, minlength=count) == 0
            moved = np.where(gone[:, None], centres, unit(sums, np.float64))
            if np.allclose(moved, centres):
                break
            centres = moved
        fit = float((points @ centres.T).max(axis=1).sum())
        whole = len(np.unique(nearest)) == count
        if whole and fit > best + 1e-9:
            best, labels = fit, nearest.astype(np.int64)
    return labels if np.isfinite(best) else _fill(points, centres, count)


def _farthest(points: Float64, first: int, count: int) -> Float64:
    """Choose points one after the other, each as far as can be from those chosen before."""
    chosen = [first]
    nearest = points @ points[first]
    while len(chosen) < count:
        nearest[chosen] = np.inf
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, points @ points[chosen[-1]])
    return points[chosen]


def _fill(points: Float64, centres: Float64, count: int) -> Int64:
    """Give every group at least one point, where several points are the same."""
    labels: Int64 = (points @ centres.T).argmax(axis=1).astype(np.int64)
    for group in range(count):
        if not (labels == group).any():
            sizes = np.bincount(labels, minlength=count)
            labels[np.flatnonzero(labels == sizes.argmax())[-1]] = group
    return labels
