"""Embeddings of long stretches of one voice, to enroll and to identify people.

Telling speakers apart needs short windows, for nobody knows yet where one ends. Where that is
known, longer speech says more of a voice in one piece than as a mean of windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.arrays import Float32, unit
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder
from diarize.embedding.windows import equal_segments
from diarize.settings import DEFAULTS, Settings
from diarize.timeline import Segment


def split_into_segments(regions: Sequence[Segment], settings: Settings = DEFAULTS) -> list[Segment]:
    """Return the segments to embed of regions of one voice; the longest region if all are short."""
    segments = equal_segments(
        regions, settings.embedding.max_segment, settings.identification.min_segment
    )
    return segments or sorted(regions, key=lambda region: -region.duration)[:1]


def embed_segments(waveform: Waveform, segments: Sequence[Segment], embedder: Embedder) -> Float32:
    """Return the (n, D) unit vectors of segments, in their order; none for none."""
    if not segments:
        return np.empty((0, embedder.dimension), np.float32)
    return embedder.embed(waveform, segments)


def embed_means(
    waveform: Waveform, turns: Sequence[Segment], embedder: Embedder, settings: Settings = DEFAULTS
) -> Float32:
    """Return one (D,) unit vector for each of n turns, long ones by the mean of their segments."""
    parts = [equal_segments([turn], settings.embedding.max_segment, 0.0) for turn in turns]
    vectors = embed_segments(waveform, [part for mine in parts for part in mine], embedder)
    ends = np.cumsum([len(mine) for mine in parts])
    means = [unit(rows.mean(axis=0)) for rows in np.split(vectors, ends[:-1])] if parts else []
    return np.array(means, np.float32).reshape(len(turns), embedder.dimension)
