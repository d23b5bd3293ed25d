"""From embeddings of windows to speakers: a first guess, and its refinement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diarize.arrays import Float32, Float64, Int64, unit
from diarize.clustering.agglomerative import dendrogram
from diarize.clustering.bounds import speaker_bounds
from diarize.clustering.spectral import partition
from diarize.clustering.spread import subtract_mean
from diarize.clustering.vbx import vbx_refine
from diarize.settings import DEFAULTS, ClusteringSettings, Settings


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
    voices; :func:`diarize.clustering.vbx.vbx_refine` lets those go that it can do without, within
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
        How far apart windows of one voice lie in this recording; see
        :func:`diarize.clustering.spread.within_speaker_distance`.
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
    within = threshold if scatter is None else (threshold + scatter) / 2
    labels = np.full(count, -1, dtype=np.int64)
    labels[seeds] = _cluster_seeds(
        vectors[seeds], hop_ratio * seconds[seeds], threshold, within, (low, high), settings
    )
    labels = by_first_appearance(assign_to_nearest(vectors, seconds, labels))
    return ClusterResult(labels, centroids(vectors, seconds, labels))


def _cluster_seeds(
    vectors: Float32,
    seconds: Float64,
    threshold: float,
    within_variance: float,
    bounds: tuple[int, int],
    settings: Settings,
) -> Int64:
    """Return the speaker of each window that may start one; −1 where the speaker is too small."""
    chosen, (low, high) = settings.clustering, bounds
    tree, member = dendrogram(
        subtract_mean(vectors, seconds, chosen.centering), seconds, threshold, chosen
    )
    leaves = len(tree.weights)
    most = max(chosen.max_initial_clusters, low)
    first = tree.labels(max(tree.merges_at(threshold), leaves - most))[member]
    found = vbx_refine(
        vectors,
        seconds,
        first,
        within_variance=within_variance,
        min_speakers=low,
        max_speakers=high,
        settings=settings.vbx,
    )
    found = _keep_large(found, seconds, chosen)
    if found.max() + 1 >= low:
        return found
    wanted = min(low, len(vectors))
    if len(vectors) >= chosen.min_spectral_windows:
        found = partition(subtract_mean(vectors, seconds, 1.0), wanted, chosen)
    else:
        found = tree.labels(max(0, leaves - wanted))[member]
    again = vbx_refine(
        vectors,
        seconds,
        found,
        within_variance=within_variance,
        min_speakers=low,
        settings=settings.vbx,
    )
    return again if again.max() == found.max() else found


def min_speaker_seconds(weights: Float64, settings: ClusteringSettings) -> float:
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


def assign_to_nearest(vectors: Float32, weights: Float64, labels: Int64) -> Int64:
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
    large = size >= min_speaker_seconds(seconds, settings)
    large[size.argmax()] = True
    number = np.where(large, np.cumsum(large) - 1, -1)
    return number[groups].astype(np.int64)
