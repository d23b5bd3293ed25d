"""From embeddings of windows to speakers: a first guess, and its refinement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from diarize.arrays import Float32, Float64, Int64, unit
from diarize.clustering.agglomerative import dendrogram
from diarize.clustering.bounds import speaker_bounds
from diarize.clustering.merging import People, find_people
from diarize.clustering.pairs import Groups, LocalWindow
from diarize.clustering.spread import subtract_mean
from diarize.clustering.vbx import vbx_refine
from diarize.settings import DEFAULTS, ClusteringSettings, PairSettings, Settings
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
    own : (K,) float64 array
        Probability that each speaker is a person of their own.
    fewer, more : float
        Probability that two of the speakers are one, and that one of them is two.
    """

    labels: Int64
    centroids: Float32
    own: Float64
    fewer: float = 0.0
    more: float = 0.0

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
    segments: Sequence[Segment] | None = None,
    local: Sequence[LocalWindow] = (),
    settings: Settings = DEFAULTS,
) -> ClusterResult:
    """Group windows into speakers.

    Average linkage on cosine distance, cut at ``threshold``, gives more groups than there are
    voices; :func:`diarize.clustering.vbx.vbx_refine` lets those go that it can do without. Which of
    the groups left are one person is then decided pair by pair, within the bounds:
    :func:`diarize.clustering.merging.find_people`. Groups with too little speech do not count as
    speakers, but those that are asked for. Windows without a group go to the nearest centroid.

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
    segments : sequence of Segment, optional
        When the windows are; one after the other where not given.
    local : sequence of LocalWindow
        What the segmentation says of them.

    Returns
    -------
    ClusterResult

    Raises
    ------
    UsageError
        Where the bounds contradict each other.
    """
    low, high = speaker_bounds(num_speakers, min_speakers, max_speakers)
    vectors = np.asarray(embeddings, dtype=np.float32)
    count = len(vectors)
    seconds = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    if not count:
        nothing = np.zeros((0, vectors.shape[1]), np.float32)
        return ClusterResult(np.zeros(0, np.int64), nothing, np.zeros(0))
    if segments is None:
        segments = [Segment(index, index + 1) for index in range(count)]
    seeds, chosen = Seeds.of(vectors, seconds, segments, local, scatter, hop_ratio, settings)
    small = small_groups(seeds, threshold, low, settings.clustering)
    coarse, fine = (
        needed_groups(seeds, small, threshold, share, settings)
        for share in (1.0, settings.pairs.fine_prior)
    )
    pairs = settings.pairs if seeds.local else _unheard(settings.pairs)
    people = find_people(coarse, (fine, small), seeds.summed, threshold, (low, high), pairs)
    people = _keep_large(people, seeds.seconds, low, settings.clustering)
    labels = np.full(count, -1, dtype=np.int64)
    labels[chosen] = people.labels
    labels = assign_to_nearest(vectors, seconds, labels)
    order = labels[np.sort(np.unique(labels, return_index=True)[1])]
    labels = by_first_appearance(labels)
    return ClusterResult(
        labels, centroids(vectors, seconds, labels), people.own[order], people.fewer, people.more
    )


@dataclass(frozen=True)
class Seeds:
    """The windows that may start a speaker: long enough, and with an answer at all.

    Parameters
    ----------
    vectors : (N, D) float32 array
    seconds : (N,) float64 array
        Speech that each stands for; windows that overlap share theirs.
    segments : sequence of Segment
    local : sequence of LocalWindow
    scatter : float or None
        As for :func:`cluster`.
    """

    vectors: Float32
    seconds: Float64
    segments: Sequence[Segment]
    local: Sequence[LocalWindow]
    scatter: float | None

    @classmethod
    def of(
        cls,
        vectors: Float32,
        seconds: Float64,
        segments: Sequence[Segment],
        local: Sequence[LocalWindow],
        scatter: float | None,
        hop_ratio: float,
        settings: Settings,
    ) -> tuple[Seeds, Int64]:
        """Return the seeds of all windows, and which these are; parameters as for `cluster`."""
        chosen = _seeds(vectors, seconds, settings.clustering)
        inside = []
        for one in local:
            first, last = np.searchsorted(chosen, [one.first, one.first + len(one.alone)])
            if last > first:
                alone = hop_ratio * one.alone[chosen[first:last] - one.first]
                inside.append(LocalWindow(int(first), alone, one.joint))
        own = [segments[index] for index in chosen]
        return cls(vectors[chosen], hop_ratio * seconds[chosen], own, inside, scatter), chosen

    def summed(self, labels: Int64) -> Groups:
        """Add them up by group."""
        return Groups.of(self.vectors, self.seconds, self.segments, self.local, labels)


def small_groups(seeds: Seeds, threshold: float, least: int, settings: ClusteringSettings) -> Int64:
    """Return groups by average linkage: more than there are voices, and ``least`` if possible."""
    centred = subtract_mean(seeds.vectors, seeds.seconds, settings.centering)
    tree, member = dendrogram(centred, seeds.seconds, threshold, settings)
    most = max(settings.max_initial_clusters, least)
    merges = max(tree.merges_at(threshold), len(tree.weights) - most)
    return tree.labels(min(merges, max(0, len(tree.weights) - least)))[member]


def needed_groups(
    seeds: Seeds, groups: Int64, threshold: float, share: float, settings: Settings
) -> Int64:
    """Return the groups that VBx cannot do without, with a share of a speaker's usual prior."""
    prior = settings.vbx
    if share < 1.0:
        prior = replace(
            prior,
            prior_strength=share * prior.prior_strength,
            prior_share=share * prior.prior_share,
            max_iterations=settings.pairs.fine_iterations,
            merge_trials=settings.pairs.fine_trials,
        )
    within = threshold if seeds.scatter is None else (threshold + seeds.scatter) / 2
    return vbx_refine(seeds.vectors, seeds.seconds, groups, within_variance=within, settings=prior)


def _unheard(settings: PairSettings) -> PairSettings:
    """Return settings for recordings without segmentation: VBx decides, and what is asked for."""
    return replace(
        settings, merge_above=1.0, split_below=0.0, forced_split_below=1.1, least_seconds=0.0
    )


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


def _keep_large(people: People, seconds: Float64, low: int, settings: ClusteringSettings) -> People:
    """Set groups with too little speech to −1, but the ``low`` largest."""
    size = np.bincount(people.labels, weights=seconds)
    rank = np.empty(len(size), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    large = (rank < low) | (size >= min_speaker_seconds(seconds, settings))
    number = np.where(large, np.cumsum(large) - 1, -1)
    return replace(people, labels=number[people.labels], own=people.own[large])
