"""Embeddings of long stretches of one voice, to enroll and to identify people; samples of them.

Telling speakers apart needs short windows, for nobody knows yet where one ends. Where that is
known, longer speech says more of a voice in one piece than as a mean of windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.arrays import Float32, unit
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder, embed
from diarize.embedding.windows import equal_segments
from diarize.settings import DEFAULTS, EnrollmentSettings, Settings
from diarize.speakers.records import Sample
from diarize.timeline import Segment, union


def split_into_segments(regions: Sequence[Segment], settings: Settings = DEFAULTS) -> list[Segment]:
    """Return the segments to embed of regions of one voice; the longest region if all are short."""
    segments = equal_segments(
        regions, settings.embedding.max_segment, settings.identification.min_segment
    )
    return segments or sorted(regions, key=lambda region: -region.duration)[:1]


def embed_means(
    waveform: Waveform, turns: Sequence[Segment], embedder: Embedder, settings: Settings = DEFAULTS
) -> Float32:
    """Return one (D,) unit vector for each of n turns, long ones by the mean of their segments."""
    parts = [equal_segments([turn], settings.embedding.max_segment, 0.0) for turn in turns]
    vectors = embed(embedder, waveform, [part for mine in parts for part in mine])
    ends = np.cumsum([len(mine) for mine in parts])
    means = [unit(rows.mean(axis=0)) for rows in np.split(vectors, ends[:-1])] if parts else []
    return np.array(means, np.float32).reshape(len(turns), embedder.dimension)


def voice_samples(
    windows: Sequence[Segment],
    vectors: Float32,
    settings: EnrollmentSettings = DEFAULTS.enrollment,
) -> list[Sample]:
    """Return samples of about ``settings.sample_seconds`` of speech, spread over the recording.

    Parameters
    ----------
    windows : sequence of N Segment
        Where one person speaks, in order of time; neighbours may overlap.
    vectors : (N, D) float32 array
        Their unit vectors.

    Returns
    -------
    list of Sample
        None where there are no windows. The samples share the windows evenly, so that none is
        made of a scrap.

    Examples
    --------
    >>> windows = [Segment(float(start), start + 2.0) for start in range(13)]
    >>> vectors = np.tile(np.float32([1, 0]), (13, 1))
    >>> [(sample.regions[0], sample.seconds) for sample in voice_samples(windows, vectors)]
    [(Segment(start=0.0, end=8.0), 8.0), (Segment(start=7.0, end=14.0), 7.0)]
    """
    if not windows:
        return []
    seconds = [region.duration for region in union(windows)]
    parts = max(1, int(sum(seconds) / settings.sample_seconds))
    cut = np.array_split(np.arange(len(windows)), min(parts, len(windows)))
    if parts > settings.recording_samples:  # those at even distances
        step = len(cut) / settings.recording_samples
        cut = [cut[int((at + 0.5) * step)] for at in range(settings.recording_samples)]
    return [Sample.of(vectors[rows], "", list(union(windows[row] for row in rows))) for rows in cut]
