"""Regions too faint to belong to the recording: a voice next door, a leak of another headset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from diarize.arrays import SAMPLE_RATE
from diarize.audio.waveform import Waveform
from diarize.segmentation.activity import SpeechActivity
from diarize.settings import DEFAULTS, EnergyGateSettings


def drop_inaudible(
    activity: SpeechActivity,
    waveform: Waveform,
    settings: EnergyGateSettings = DEFAULTS.energy_gate,
) -> SpeechActivity:
    """Leave out the regions whose level is far below the recording's speech and below audibility.

    Parameters
    ----------
    waveform : Waveform
        16 kHz mono.
    settings : EnergyGateSettings
        The two limits; a region has to lie below both.

    Returns
    -------
    SpeechActivity
        Without those regions, their overlaps and changes; the same object where there are none.
    """
    if len(activity.speech) < 2:
        return activity
    samples = (
        (round(region.start * SAMPLE_RATE), round(region.end * SAMPLE_RATE))
        for region in activity.speech
    )
    power = np.array([waveform.power(first, last) for first, last in samples])
    seconds = np.array([region.duration for region in activity.speech])
    mean = float(power @ seconds) / float(seconds.sum())
    limit = min(
        mean * 10.0 ** (-settings.relative_db / 10.0), 10.0 ** (settings.absolute_dbfs / 10.0)
    )
    audible = power >= limit
    if audible.all():
        return activity
    starts = np.array([region.start for region in activity.speech])

    def in_audible(time: float) -> bool:
        """Return whether the region around an instant stays."""
        return bool(audible[max(0, int(np.searchsorted(starts, time, side="right")) - 1)])

    return replace(
        activity,
        speech=tuple(s for s, loud in zip(activity.speech, audible, strict=True) if loud),
        overlaps=tuple(o for o in activity.overlaps if in_audible(o.start)),
        changes=tuple(t for t in activity.changes if in_audible(t)),
        confident_overlaps=activity.confident_overlaps
        and tuple(o for o in activity.confident_overlaps if in_audible(o.start)),
    )
