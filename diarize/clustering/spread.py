"""How far apart embeddings of one voice lie in a recording, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.arrays import Float32, Float64, unit
from diarize.settings import DEFAULTS, ClusteringSettings
from diarize.timeline import Segment


def within_speaker_distance(
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


def subtract_mean(vectors: Float32, weights: Float64, share: float) -> Float32:
    """Return unit vectors less a share of the recording's mean: what all of them have in common."""
    mean = np.average(vectors, axis=0, weights=np.maximum(weights, 1e-3))
    return unit(vectors - np.float32(share) * mean.astype(np.float32))
