"""What the integrations share: audio in whatever form a library takes it."""

from __future__ import annotations

import os
from typing import Any

from diarize.arrays import SAMPLE_RATE
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import UsageError


def load_audio(audio: Any, channels: str | int = "mix") -> Waveform:
    """Return a waveform: of a file, or of samples at 16 kHz as speech libraries pass them.

    Parameters
    ----------
    audio : path, binary file, Waveform, array or tensor
        Samples are float in [-1, 1], or int16, shaped (n,).
    channels : "mix" or int
        As for :func:`diarize.audio.loading.load`.
    """
    if isinstance(audio, str | os.PathLike | Waveform) or hasattr(audio, "read"):
        return load(audio, channels=channels)
    if not hasattr(audio, "dtype"):
        raise UsageError(
            f"audio is a {type(audio).__name__}: a path or an array of samples at 16 kHz is needed"
        )
    return load(audio, sample_rate=SAMPLE_RATE, channels=channels)
