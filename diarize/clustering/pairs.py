"""One person or two: how likely two groups of windows are the same voice.

What is known of a pair (:data:`FEATURES`) is weighed by a logistic regression that was learnt on
conversations whose speakers are known: ``python -m models.speakercount``. Everything adds up over
windows, so that groups are merged and split without going back to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np

from diarize.arrays import Float32, Float64, Int64, unit
from diarize.settings import PairSettings
from diarize.timeline import Segment

#: The columns of :meth:`Groups.features`; each has a weight of its name in the settings.
FEATURES = (
    "centroid_distance",
    "smaller",
    "larger",
    "at_once",
    "shared_stretches",
    "groups",
)
# Windows of one stretch overlap by more than this: seconds.
_COMMON = 0.05


def weights_of(settings: PairSettings) -> Float64:
    """Return the weights of the features, in their order."""
    return np.array(
        [
            settings.centroid_distance,
            settings.smaller,
            settings.larger,
            settings.at_once,
            settings.shared_stretches,
            settings.groups,
        ]
    )


@dataclass(frozen=True)
class LocalWindow:
    """What one window of the segmentation says of those of our windows that begin in it.

    Parameters
    ----------
    first : int
        The first of our windows.
    alone : (n, S) float64 array
        Seconds that each local speaker is alone in each of ours.
    joint : (S, S) float64 array
        Seconds that two local speakers talk at once; zero on the diagonal.
    """

    first: int
    alone: Float64
    joint: Float64


@dataclass(frozen=True)
class Groups:
    """Sums over K groups of windows.

    Parameters
    ----------
    seconds : (K,) float64 array
    sums : (K, D) float64 array
        Of vectors times seconds.
    stretches : (P, K) float64 array
        Seconds in each stretch in which the segmentation hears no change of voice.
    local : (W, K, S) float64 array
        Seconds alone of each local speaker in each window of the segmentation.
    joint : (W, S, S) float64 array
        Seconds that two local speakers talk at once.
    """

    seconds: Float64
    sums: Float64
    stretches: Float64
    local: Float64
    joint: Float64

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.seconds)

    @classmethod
    def of(
        cls,
        vectors: Float32,
        seconds: Float64,
        segments: Sequence[Segment],
        local: Sequence[LocalWindow],
        labels: Int64,
    ) -> Groups:
        """Add up windows in order of time, labelled 0, 1, …"""
        count = int(labels.max(initial=-1)) + 1
        member = np.eye(count)[labels]
        weighted = member * seconds[:, None]
        apart = [after.start >= before.end - _COMMON for before, after in pairwise(segments)]
        stretch = np.concatenate([[0], np.cumsum(apart)]).astype(np.int64)[: len(labels)]
        stretches = np.zeros((int(stretch.max(initial=-1)) + 1, count))
        np.add.at(stretches, (stretch, labels), seconds)
        speakers = local[0].alone.shape[1] if local else 1
        alone = np.zeros((len(local), count, speakers))
        for index, one in enumerate(local):
            alone[index] = member[one.first : one.first + len(one.alone)].T @ one.alone
        joint = np.array([one.joint for one in local]).reshape(-1, speakers, speakers)
        sums = weighted.T @ vectors.astype(np.float64)
        return cls(weighted.sum(axis=0), sums, stretches, alone, joint)

    def regrouped(self, labels: Int64) -> Groups:
        """Return the sums of groups of these groups: ``labels`` holds the new one of each."""
        onto = np.eye(int(labels.max(initial=-1)) + 1)[labels]
        return Groups(
            self.seconds @ onto,
            onto.T @ self.sums,
            self.stretches @ onto,
            onto.T @ self.local,
            self.joint,
        )

    def distances(self, first: Int64, second: Int64) -> Float64:
        """Return how far apart the centroids of pairs of groups are, (M,): cosine distance."""
        centres = unit(self.sums).astype(np.float64)
        apart: Float64 = 1.0 - np.einsum("md,md->m", centres[first], centres[second])
        return apart

    def features(
        self, first: Int64, second: Int64, distance: float, settings: PairSettings
    ) -> Float64:
        """Return what is known of pairs of groups.

        Parameters
        ----------
        first, second : (M,) int64 arrays
            The groups of each pair.
        distance : float
            The model's clustering distance, the unit of distances.

        Returns
        -------
        (M, 6) float64 array
            As :data:`FEATURES` names them. How far apart the centroids are; the logarithm of the
            seconds of the smaller and of the larger group; that of the seconds for which their
            local speakers talk at once; the share of the smaller group in stretches in which the
            other talks as well; the logarithm of the number of groups.
        """
        smaller = np.minimum(self.seconds[first], self.seconds[second])
        larger = np.maximum(self.seconds[first], self.seconds[second])
        shared = np.minimum(self.stretches[:, first], self.stretches[:, second]).sum(axis=0)
        few, most = settings.fewest_seconds, settings.most_seconds
        return np.stack(
            [
                self.distances(first, second) / max(distance, 1e-3),
                np.log(np.clip(smaller, few, most)),
                np.log(np.clip(larger, few, most)),
                np.log1p(self._at_once(first, second, settings.least_local)),
                shared / np.maximum(smaller, 0.5),
                np.full(len(first), log(max(self.count, 3))),
            ],
            axis=1,
        )

    def same_person(
        self, first: Int64, second: Int64, distance: float, settings: PairSettings
    ) -> Float64:
        """Return the probability that each pair of groups is one person, (M,)."""
        logit = self.features(first, second, distance, settings) @ weights_of(settings)
        odds: Float64 = np.exp(np.clip(logit + settings.bias, -30.0, 30.0))
        return odds / (1.0 + odds)

    def _at_once(self, first: Int64, second: Int64, least: float) -> Float64:
        """Return for how long the local speakers of two groups talk at once, in seconds."""
        total = self.local.sum(axis=1, keepdims=True)
        share = np.where(total >= least, self.local / np.maximum(total, 1e-9), 0.0)
        at_once: Float64 = np.einsum("wms,wms->m", share[:, first] @ self.joint, share[:, second])
        return at_once
