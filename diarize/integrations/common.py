"""What the integrations share: one diarizer, and audio in whatever form a library takes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.arrays import SAMPLE_RATE
from diarize.errors import UsageError

if TYPE_CHECKING:
    from diarize.annotation import Diarization
    from diarize.arrays import Progress
    from diarize.audio.waveform import Waveform
    from diarize.pipeline.diarizer import Diarizer


def load_audio(audio: Any) -> Waveform:
    """Return a waveform: of a path, or of samples at 16 kHz as speech libraries pass them.

    Parameters
    ----------
    audio : path, Waveform, array or tensor
        Samples are float in [-1, 1], or int16, shaped (n,).
    """
    from diarize.audio.loading import load
    from diarize.audio.waveform import Waveform

    if isinstance(audio, Waveform):
        return audio
    if isinstance(audio, (str, Path)):
        return load(audio)
    if hasattr(audio, "detach"):  # a torch tensor
        audio = audio.detach().cpu().numpy()
    if not hasattr(audio, "dtype"):
        raise UsageError(
            f"audio is a {type(audio).__name__}: a path or an array of samples at 16 kHz is needed"
        )
    return load(audio, sample_rate=SAMPLE_RATE)


def run_diarizer(
    waveform: Waveform,
    diarizer: Diarizer | None,
    num_speakers: int | None,
    min_speakers: int | None,
    max_speakers: int | None,
    on_progress: Progress | None = None,
) -> Diarization:
    """Run the diarizer that was given, or one with default settings."""
    if diarizer is None:
        from diarize.pipeline.diarizer import Diarizer

        diarizer = Diarizer()
    return diarizer(
        waveform,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
        on_progress=on_progress,
    )


def label(data: Any, diarization: Any, waveform: Waveform | None) -> dict[str, Any]:
    """Put speakers on a transcript, with the sound's help where it is at hand."""
    from diarize.transcript.assign import label_transcript
    from diarize.transcript.word_times import energy_of

    energy = None if waveform is None else energy_of(waveform)
    return label_transcript(data, diarization, energy=energy)
