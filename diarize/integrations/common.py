"""What the integrations share: audio in whatever form a library takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diarize.arrays import SAMPLE_RATE
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import UsageError


def load_audio(audio: Any) -> Waveform:
    """Return a waveform: of a path, or of samples at 16 kHz as speech libraries pass them.

    Parameters
    ----------
    audio : path, Waveform, array or tensor
        Samples are float in [-1, 1], or int16, shaped (n,).
    """
    if isinstance(audio, str | Path | Waveform):
        return load(audio)
    if not hasattr(audio, "dtype"):
        raise UsageError(
            f"audio is a {type(audio).__name__}: a path or an array of samples at 16 kHz is needed"
        )
    return load(audio, sample_rate=SAMPLE_RATE)
