"""openai-whisper with speakers: the same call, the same dictionary, and ``speaker`` in it.

>>> import whisper                                                           # doctest: +SKIP
>>> from diarize.integrations.whisper import transcribe                      # doctest: +SKIP
>>> result = transcribe(whisper.load_model("base"), "meeting.mp3")           # doctest: +SKIP
>>> result["segments"][0]["speaker"]                                         # doctest: +SKIP
'SPEAKER_00'
"""

from __future__ import annotations

from typing import Any

from diarize.annotation import Diarization
from diarize.integrations.common import load_audio
from diarize.labeler import Labeler, LabelOptions, Recording
from diarize.speakers.diarizer import Diarizer
from diarize.transcript.readers import read_transcript, to_source_shape

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
) -> dict[str, Any]:
    """Transcribe with ``model.transcribe`` and put speakers on the result.

    Parameters
    ----------
    model : whisper.Whisper
    audio : path, array or tensor
        As for ``model.transcribe``; the recording is decoded once, without an ``ffmpeg`` programme.
    diarize : bool, Diarization or Diarizer
        True: with default settings; False: not at all; or who spoke when, if that is known; or the
        diarizer to use.
    num_speakers, min_speakers, max_speakers : int, optional
    **whisper_options
        For ``model.transcribe``. Word times are asked for unless told otherwise.

    Returns
    -------
    dict
        Whisper's own result, in which every segment and word has ``speaker``.
    """
    waveform = load_audio(audio)
    options = {"word_timestamps": True, **whisper_options}
    if "fp16" not in options:
        options["fp16"] = str(getattr(model, "device", "cpu")).startswith("cuda")
    result: dict[str, Any] = model.transcribe(waveform.block(0, len(waveform)), **options)
    labelled: dict[str, Any] = add_speakers(
        result,
        waveform,
        diarize=diarize,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
    )
    return labelled


def add_speakers(
    result: Any,
    audio: Any,
    *,
    diarize: bool | Diarization | Diarizer = True,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
) -> Any:
    """Put speakers on a transcript that exists already.

    Parameters
    ----------
    result : object
        What ``model.transcribe`` returned, or any other transcript that
        :func:`diarize.transcript.readers.read_transcript` takes.
    audio : path, array or tensor
        The recording it is of, at 16 kHz where it is samples.
    diarize, num_speakers, min_speakers, max_speakers
        As for :func:`transcribe`.

    Returns
    -------
    dict or list
        A new transcript in the shape of ``result``, with ``speaker`` on segments and words.
    """
    if diarize is False:
        return result
    transcript = read_transcript(result)
    waveform = load_audio(audio)
    options = LabelOptions(keep_names=False)
    if isinstance(diarize, Diarization):
        labeler = Labeler(options=options)
        recording = Recording(waveform, diarize)
    else:
        labeler = Labeler(None if isinstance(diarize, bool) else diarize, options=options)
        recording = labeler.diarize(
            waveform,
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
        )
    labelled = labeler.label(recording, transcript).transcript
    assert labelled is not None  # since a transcript was given
    return to_source_shape(labelled, transcript)
