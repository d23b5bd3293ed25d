"""From one person's windows to the samples that a speaker book keeps of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.arrays import Float32
from diarize.settings import DEFAULTS, EnrollmentSettings
from diarize.speakers.records import Sample
from diarize.timeline import Segment, union


def voice_samples(
    windows: Sequence[Segment],
    vectors: Float32,
    source: str = "",
    settings: EnrollmentSettings = DEFAULTS.enrollment,
) -> list[Sample]:
    """Return samples of about ``settings.sample_seconds`` of speech, spread over the recording.

    Parameters
    ----------
    windows : sequence of N Segment
        Where one person speaks, in order of time; neighbours may overlap.
    vectors : (N, D) float32 array
        Their unit vectors.
    source : str
        The recording.

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
    return [
        Sample.of(vectors[rows], source, list(union(windows[row] for row in rows))) for rows in cut
    ]
