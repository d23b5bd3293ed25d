"""What is wrong with a recording that a person is to be known by: noise, clipping, level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.audio.waveform import Waveform
from diarize.settings import EnrollmentSettings
from diarize.speakers.records import Sample, likeness_to_others
from diarize.timeline import Segment, union

#: Samples this near to full scale (int16) count as clipped.
CLIPPED = 32_600


def recording_warnings(
    waveform: Waveform, regions: Sequence[Segment], settings: EnrollmentSettings
) -> list[str]:
    """Return what is wrong with the sound where the person speaks, one line each.

    Parameters
    ----------
    regions : sequence of Segment
        Where the person speaks.
    """
    clipped, power, count = 0, 0.0, 0
    for region in union(regions):
        samples = waveform.within(region)
        clipped += int(np.count_nonzero(np.abs(samples.astype(np.int32)) >= CLIPPED))
        power += float(np.square(samples.astype(np.float64) / 32768.0).sum())
        count += len(samples)
    warnings = []
    if count and clipped / count > settings.clipped_share:
        warnings.append(
            f"{waveform.path}: the sound is clipped ({clipped / count:.1%} of it at full scale); "
            "a recording at a lower gain will be recognized better"
        )
    level = 10.0 * np.log10(power / count) if power > 0 else -np.inf
    if count and level < settings.low_level:
        warnings.append(
            f"{waveform.path}: the speech is very quiet ({level:.0f} dBFS); "
            "noise may count for as much as the voice"
        )
    return warnings


def unlike_others(samples: Sequence[Sample], line: float) -> list[int]:
    """Return which samples are less like the mean of the others than ``line``, a cosine.

    None where that would be half of them or more: then nobody knows which are the odd ones.
    """
    if len(samples) < 3:
        return []
    likeness = likeness_to_others(np.array([sample.embedding for sample in samples]))
    odd = np.flatnonzero(likeness < line).tolist()
    return odd if 2 * len(odd) < len(samples) else []
