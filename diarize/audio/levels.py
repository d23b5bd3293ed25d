"""How clear speech is: its level over the background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.arrays import SAMPLE_RATE
from diarize.audio.waveform import Waveform
from diarize.timeline import Segment, union

_FRAME = 320  # samples in 20 ms


def signal_to_noise(waveform: Waveform, regions: Sequence[Segment]) -> float:
    """Return how far the speech stands above its background, in dB.

    The background is what the quietest twentieth of 20 ms frames stays below: people pause
    between syllables.
    """
    powers = []
    for region in union(regions):
        samples = waveform.samples[
            round(region.start * SAMPLE_RATE) : round(region.end * SAMPLE_RATE)
        ]
        frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
        powers.append(np.square(frames.astype(np.float64)).mean(axis=1))
    power = np.concatenate(powers) if powers else np.empty(0)
    if not power.any():
        return 0.0
    # The noise of a 16-bit converter keeps digital silence from counting as no background at all.
    return float(10.0 * np.log10(power.mean() / (np.percentile(power, 5) + 1.0 / 12.0)))
