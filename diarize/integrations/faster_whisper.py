"""faster-whisper with speakers: its pair of segments and info in, the same pair out.

>>> from faster_whisper import WhisperModel                                  # doctest: +SKIP
>>> from diarize.integrations.faster_whisper import transcribe               # doctest: +SKIP
>>> segments, info = transcribe(WhisperModel("small"), "meeting.mp3")        # doctest: +SKIP
>>> for segment in segments:                                                 # doctest: +SKIP
...     print(segment.speaker, segment.text)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from diarize.annotation import Diarization
from diarize.integrations.common import load_audio
from diarize.integrations.whisper import add_speakers as _add_speakers
from diarize.speakers.diarizer import Diarizer

__all__ = ["add_speakers", "transcribe"]


def transcribe(
    model: Any,
    audio: Any,
    *,
    diarize: bool | Diarization | Diarizer = True,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    **whisper_options: Any,
) -> tuple[list[Any], Any]:
    """Transcribe with ``model.transcribe`` and put speakers on the segments.

    Parameters
    ----------
    model : faster_whisper.WhisperModel or BatchedInferencePipeline
    audio : path or array
        Decoded once for both.
    diarize, num_speakers, min_speakers, max_speakers
        As for :func:`diarize.integrations.whisper.transcribe`.
    **whisper_options
        For ``model.transcribe``. Word times are asked for unless told otherwise.

    Returns
    -------
    segments : list of faster_whisper Segment
        With ``speaker``, on their words too. A list, because who speaks is known only when all
        has been heard.
    info : TranscriptionInfo
    """
    waveform = load_audio(audio)
    samples = waveform.block(0, len(waveform))
    segments, info = model.transcribe(samples, **{"word_timestamps": True, **whisper_options})
    labelled = add_speakers(
        segments,
        waveform,
        diarize=diarize,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
    )
    return labelled, info


def add_speakers(
    segments: Iterable[Any],
    audio: Any,
    *,
    diarize: bool | Diarization | Diarizer = True,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
) -> list[Any]:
    """Put speakers on segments that exist already; a generator is used up.

    Parameters
    ----------
    segments : iterable of faster_whisper Segment
    audio : path or array
        The recording they are of.
    diarize, num_speakers, min_speakers, max_speakers
        As for :func:`diarize.integrations.whisper.transcribe`.
    """
    items = list(segments)
    if not items or diarize is False:
        return items
    labelled: list[Any] = _add_speakers(
        iter(items),
        audio,
        diarize=diarize,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
    )
    return labelled
