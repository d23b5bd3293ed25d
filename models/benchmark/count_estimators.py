"""Other ways to tell the number of speakers, that the ablation compares with ours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diarize.clustering.speakers import cluster


def by_silhouette(vectors: NDArray[np.float32], most: int = 12) -> int:
    """Return the number of groups, 2 to ``most``, with the best mean silhouette."""
    if len(vectors) < 3:
        return 1
    distance = 1.0 - vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    best, chosen = -1.0, 1
    for count in range(2, min(most, len(vectors) - 1) + 1):
        labels = cluster(vectors, threshold=0.0, num_speakers=count).labels
        groups = np.unique(labels)
        if groups.size < 2:
            continue
        member = (labels[:, None] == groups).astype(np.float64)
        sums, sizes = distance @ member, member.sum(axis=0)
        own = np.searchsorted(groups, labels)
        rows = np.arange(len(labels))
        inside = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / sizes
        means[rows, own] = np.inf
        outside = means.min(axis=1)
        value = float(np.mean((outside - inside) / np.maximum(np.maximum(outside, inside), 1e-9)))
        if value > best:
            best, chosen = value, count
    return chosen


def by_eigengap(vectors: NDArray[np.float32], most: int = 12) -> int:
    """Return the number of speakers by the normalised maximum eigengap.

    Notes
    -----
    Park et al., "Auto-tuning spectral clustering for speaker diarization using normalized maximum
    eigengap", IEEE Signal Processing Letters 2020.
    """
    n = len(vectors)
    if n < 4:
        return 1
    affinity = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    order = np.argsort(-affinity, axis=1)
    best, chosen = np.inf, 1
    for share in (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3):
        neighbours = max(3, int(share * n))
        graph = np.zeros((n, n))
        np.put_along_axis(graph, order[:, :neighbours], 1.0, axis=1)
        graph = (graph + graph.T) / 2
        values = np.linalg.eigvalsh(np.diag(graph.sum(axis=1)) - graph)
        gaps = np.diff(values[: min(most + 1, n)])
        ratio = neighbours / n / max(float(gaps.max()) / max(float(values[-1]), 1e-9), 1e-9)
        if ratio < best:
            best, chosen = ratio, int(gaps.argmax()) + 1
    return chosen
