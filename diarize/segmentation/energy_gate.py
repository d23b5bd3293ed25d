"""Speech too faint to belong to the talk: a voice next door, another headset's leak."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from diarize.settings import DEFAULTS, EnergyGateSettings

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform
    from diarize.segmentation.segmenters import SpeechActivity


def without_faint(
    activity: SpeechActivity,
    waveform: Waveform,
    settings: EnergyGateSettings = DEFAULTS.energy_gate,
) -> SpeechActivity:
    """Leave out regions that are far below the recording's speech and hardly audible besides.

    Parameters
    ----------
    activity : SpeechActivity
        What a detector found.
    waveform : Waveform
        16 kHz mono.
    settings : EnergyGateSettings

    Returns
    -------
    SpeechActivity
        The same object where nothing is so faint.
    """
    import numpy as np

    from diarize.arrays import SAMPLE_RATE

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
    heard = power >= limit
    if heard.all():
        return activity
    starts = np.array([region.start for region in activity.speech])

    def in_heard(time: float) -> bool:
        return bool(heard[max(0, int(np.searchsorted(starts, time, side="right")) - 1)])

    return replace(
        activity,
        speech=tuple(s for s, loud in zip(activity.speech, heard, strict=True) if loud),
        overlaps=tuple(o for o in activity.overlaps if in_heard(o.start)),
        changes=tuple(t for t in activity.changes if in_heard(t)),
        sure=activity.sure and tuple(o for o in activity.sure if in_heard(o.start)),
    )
