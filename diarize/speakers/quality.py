"""What is wrong with a recording that a person is to be known by: clipping, level, mixed voices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from diarize.annotation import Segment, union
from diarize.speakers.records import Sample, unit

if TYPE_CHECKING:
    from diarize.audio import Waveform

#: Samples this near to full scale (int16) count as clipped.
FULL_SCALE = 32_600


def recording_warnings(
    waveform: Waveform, regions: Sequence[Segment], *, clipped_share: float, low_level: float
) -> list[str]:
    """Return what is wrong with the sound where the person speaks.

    Parameters
    ----------
    regions : sequence of Segment
        Where the person speaks.
    clipped_share : float
        Share of samples at full scale that is tolerated.
    low_level : float
        Mean level in dBFS below which the sound is called quiet.
    """
    clipped, power, count = 0, 0.0, 0
    for region in union(regions):
        samples = waveform.samples[round(region.start * 16_000) : round(region.end * 16_000)]
        clipped += int(np.count_nonzero(np.abs(samples.astype(np.int32)) >= FULL_SCALE))
        power += float(np.square(samples.astype(np.float64) / 32768.0).sum())
        count += len(samples)
    warnings = []
    if count and clipped / count > clipped_share:
        warnings.append(
            f"{waveform.path}: the sound is clipped ({clipped / count:.1%} of it at full scale); "
            "a recording at a lower gain will be recognised better"
        )
    level = 10.0 * np.log10(power / count) if power > 0 else -np.inf
    if count and level < low_level:
        warnings.append(
            f"{waveform.path}: the speech is very quiet ({level:.0f} dBFS); "
            "noise may count for as much as the voice"
        )
    return warnings


def inconsistency(samples: Sequence[Sample], threshold: float) -> str | None:
    """Return a warning where samples of one person do not sound like each other.

    Parameters
    ----------
    threshold : float
        Cosine from which the model takes two utterances for one person.
    """
    if len(samples) < 2:
        return None
    vectors = np.array([sample.embedding for sample in samples])
    total = vectors.sum(axis=0)
    likeness = np.array([unit(total - vector) @ vector for vector in vectors])
    odd = np.flatnonzero(likeness < threshold)
    if not len(odd):
        return None
    worst = samples[int(likeness.argmin())]
    place = f" from {worst.regions[0].start:.1f} s on" if worst.regions else ""
    return (
        f"{len(odd)} of {len(samples)} samples sound unlike the others (the oddest: "
        f"{worst.source}{place}, {likeness.min():.2f}, usual is {threshold:.2f} and more); "
        "check that all of it is one person"
    )
