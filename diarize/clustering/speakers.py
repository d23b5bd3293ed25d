"""From window vectors to speakers: a first guess, its refinement, bounds of their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diarize.arrays import Float32, Float64, Int64, unit
from diarize.clustering.spectral import partition
from diarize.clustering.vbx import reassign
from diarize.errors import UsageError
from diarize.settings import DEFAULTS, ClusteringSettings, Settings

if TYPE_CHECKING:
    from diarize.timeline import Segment


@dataclass(frozen=True)
class ClusterResult:
    """Who each window belongs to.

    Parameters
    ----------
    labels : (N,) int64 array
        0, 1, … by first appearance.
    centroids : (K, D) float32 array
        Unit vectors.
    """

    labels: Int64
    centroids: Float32

    @property
    def count(self) -> int:
        """Number of speakers."""
        return len(self.centroids)


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


def cluster(
    embeddings: Float32,
    weights: npt.ArrayLike | None = None,
    *,
    threshold: float,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    scatter: float | None = None,
    hop_ratio: float = 1.0,
    settings: Settings = DEFAULTS,
) -> ClusterResult:
    """Group windows into speakers.

    Average linkage on cosine distance, cut at ``threshold``, gives more groups than there are
    voices; :func:`diarize.clustering.vbx.reassign` lets those go that it can do without, within
    the bounds. Groups with too little speech do not count as speakers. Where bounds ask for more
    than were found, :func:`diarize.clustering.spectral.partition` parts windows into so many.
    Windows without a group go to the nearest centroid.

    Parameters
    ----------
    embeddings : (N, D) float array
        Unit vectors, in order of time.
    weights : (N,) array of float, optional
        Seconds of speech in each window; 1 where not given.
    threshold : float
        Cosine distance at which voices are different people: with a larger one, fewer are found.
    num_speakers, min_speakers, max_speakers : int, optional
        What is known of the number of speakers.
    scatter : float, optional
        How far apart windows of one voice lie in this recording; see :func:`neighbour_scatter`.
    hop_ratio : float
        Share of its speech that a window does not have in common with the one before.

    Returns
    -------
    ClusterResult

    Raises
    ------
    UsageError
        Where the bounds contradict each other.
    """
    chosen = settings.clustering
    low, high = speaker_bounds(num_speakers, min_speakers, max_speakers)
    vectors = np.asarray(embeddings, dtype=np.float32)
    count = len(vectors)
    seconds = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    if not count:
        return ClusterResult(np.zeros(0, np.int64), np.zeros((0, vectors.shape[1]), np.float32))
    seeds = _seeds(vectors, seconds, chosen)
    voiced, heard = vectors[seeds], hop_ratio * seconds[seeds]
    tree, member = _tree(less_mean(voiced, heard, chosen.centering), heard, threshold, chosen)
    most = max(chosen.max_initial_clusters, low)
    leaves = len(tree.weights)
    first = tree.labels(max(tree.merges_at(threshold), leaves - most))[member]
    within = threshold if scatter is None else (threshold + scatter) / 2
    groups = reassign(
        voiced, heard, first, within=within, least=low, most=high, settings=settings.vbx
    )
    groups = _keep_large(groups, heard, chosen)
    if groups.max() + 1 < low:
        wanted = min(low, len(seeds))
        if len(seeds) >= chosen.min_spectral_windows:
            groups = partition(less_mean(voiced, heard, 1.0), wanted, chosen)
        else:
            groups = tree.labels(max(0, leaves - wanted))[member]
        again = reassign(voiced, heard, groups, within=within, least=low, settings=settings.vbx)
        groups = again if again.max() == groups.max() else groups
    labels = np.full(count, -1, dtype=np.int64)
    labels[seeds] = groups
    labels = by_first_appearance(absorb(vectors, seconds, labels))
    return ClusterResult(labels, centroids(vectors, seconds, labels))


def speaker_bounds(
    num_speakers: int | None, min_speakers: int | None, max_speakers: int | None
) -> tuple[int, int]:
    """Return the least and the greatest number of speakers that is asked for.

    Raises
    ------
    UsageError
        Where a number is below one, or two of them contradict each other.

    Examples
    --------
    >>> speaker_bounds(None, 2, None), speaker_bounds(3, None, None)
    ((2, 20), (3, 3))
    """
    given = {"num": num_speakers, "min": min_speakers, "max": max_speakers}
    for name, value in given.items():
        if value is not None and value < 1:
            raise UsageError(f"{name}_speakers is {value}: at least 1 is expected")
    low = 1 if min_speakers is None else min_speakers
    high = max(20, low) if max_speakers is None else max_speakers
    if low > high:
        raise UsageError(f"min_speakers is {low}, more than max_speakers, which is {high}")
    if num_speakers is None:
        return low, high
    if num_speakers < low or (max_speakers is not None and num_speakers > high):
        raise UsageError(
            f"num_speakers is {num_speakers}, outside min_speakers {low} to max_speakers {high}"
        )
    return num_speakers, num_speakers


def neighbour_scatter(
    vectors: Float32,
    windows: Sequence[Segment],
    changes: Sequence[float] = (),
    settings: ClusteringSettings = DEFAULTS.clustering,
) -> float | None:
    """Return the median cosine distance of windows that follow each other without overlap.

    Two such windows are of one voice in most cases, whatever is known of the speakers.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors.
    windows : sequence of Segment
        In order of their beginning.
    changes : sequence of float
        Instants at which the voice is known to change: windows on both sides do not count.

    Returns
    -------
    float or None
        None where there are too few such pairs to tell.
    """
    starts = np.array([window.start for window in windows])
    ends = np.array([window.end for window in windows])
    follower = np.searchsorted(starts, ends - 1e-6)
    this = np.flatnonzero(follower < len(windows))
    after = follower[this]
    long = np.minimum((ends - starts)[this], (ends - starts)[after]) >= settings.neighbor_window
    near = starts[after] - ends[this] <= settings.neighbor_gap
    known = np.asarray(changes, dtype=np.float64)
    between = np.searchsorted(known, starts[after] + 0.05) - np.searchsorted(
        known, ends[this] - 0.05
    )
    usable = long & near & (between <= 0)
    this, after = this[usable], after[usable]
    if len(this) < settings.min_neighbor_pairs:
        return None
    return float(np.median(1.0 - np.einsum("nd,nd->n", vectors[this], vectors[after])))


def less_mean(vectors: Float32, weights: Float64, share: float) -> Float32:
    """Return unit vectors less a share of the recording's mean: what all of them have in common."""
    mean = np.average(vectors, axis=0, weights=np.maximum(weights, 1e-3))
    return unit(vectors - np.float32(share) * mean.astype(np.float32))


def least_speech(weights: Float64, settings: ClusteringSettings) -> float:
    """Return the seconds of speech that make a speaker."""
    return max(settings.min_speaker_seconds, settings.min_speaker_share * float(weights.sum()))


def centroids(vectors: Float32, weights: Float64, labels: Int64) -> Float32:
    """Return the unit vector of each label's weighted mean, labels being 0, 1, …"""
    count = int(labels.max(initial=-1)) + 1
    sums = np.zeros((count, vectors.shape[1]))
    known = labels >= 0
    # Below a hundredth of a second a window still has a direction to give.
    np.add.at(sums, labels[known], vectors[known] * np.maximum(weights[known], 0.01)[:, None])
    return unit(sums)


def absorb(vectors: Float32, weights: Float64, labels: Int64) -> Int64:
    """Give every window without a label (−1) that of the nearest centroid."""
    orphans = labels < 0
    if not orphans.any():
        return labels
    labels = labels.copy()
    centres = centroids(vectors, weights, labels)
    labels[orphans] = (vectors[orphans] @ centres.T).argmax(axis=1)
    return labels


def by_first_appearance(labels: Int64) -> Int64:
    """Number labels 0, 1, … in the order in which they appear.

    Examples
    --------
    >>> by_first_appearance(np.array([7, 2, 7, 0])).tolist()
    [0, 1, 0, 2]
    """
    found, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(found))
    return rank[inverse]


def _seeds(vectors: Float32, seconds: Float64, settings: ClusteringSettings) -> Int64:
    """Return the windows that may start a speaker: long enough, and with an answer at all."""
    alive = np.abs(vectors).sum(axis=1) > 0
    long = (seconds >= settings.min_seed_seconds - 1e-6) & alive
    if long.any():
        return np.flatnonzero(long)
    return np.flatnonzero(alive) if alive.any() else np.arange(len(vectors))


def _keep_large(groups: Int64, seconds: Float64, settings: ClusteringSettings) -> Int64:
    """Set groups with too little speech to −1, but the largest one."""
    size = np.bincount(groups, weights=seconds)
    large = size >= least_speech(seconds, settings)
    large[size.argmax()] = True
    number = np.where(large, np.cumsum(large) - 1, -1)
    return number[groups].astype(np.int64)


def _tree(
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
