"""The speakers of a finished result as voices: to enroll them, or to remember who they are not."""

from __future__ import annotations

from pathlib import Path

from diarize.annotation import Diarization, alone, find_speaker
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder, embed
from diarize.errors import EnrollmentError
from diarize.result_file import load_heard, read_result, recording_of
from diarize.speakers.enrollment import Enrollment, Take, as_heard, samples_of
from diarize.speakers.records import Sample
from diarize.speakers.voiceprints import split_into_segments


def enroll_from_result(
    path: Path,
    speaker: str,
    embedder: Embedder,
    *,
    audio: Path | None = None,
    one_voice: bool = False,
) -> Enrollment:
    """Return samples of a speaker of a finished result, from the recording that it names.

    Parameters
    ----------
    path : Path
        JSON, as the main job writes it.
    speaker : str
        Label, number of the label, or display name.
    audio : Path, optional
        Where the recording is now; where the result says, or beside it, where not given.
    one_voice : bool
        All that the speaker says is of one person, whatever it sounds like.

    Raises
    ------
    EnrollmentError
        No such speaker, too little speech, or the recording is gone.
    TranscriptError
        ``path`` is no such JSON.
    """
    take = _take_of_result(path, speaker, audio)
    return samples_of([take], embedder, one_voice=one_voice)


def rejected_voice(
    path: Path, speaker: str, embedder: Embedder, audio: Path | None = None
) -> Sample:
    """Return the voice of a speaker of a finished result as one sample, however short it is."""
    take = _take_of_result(path, speaker, audio)
    if not take.regions:
        raise EnrollmentError(f"{path}: {speaker} never speaks alone: there is no voice to know")
    vectors = embed(embedder, take.waveform, split_into_segments(take.regions))
    return as_heard(Sample.of(vectors, "", take.regions), take.waveform)


def _take_of_result(path: Path, speaker: str, audio: Path | None = None) -> Take:
    """Return where a speaker of a finished result talks alone."""
    result = read_result(path)
    label = _label(result.diarization, speaker, str(path))
    waveform = load_heard(result, recording_of(path, result, audio))
    return _take(result.diarization, label, waveform)


def enroll_speaker(
    diarization: Diarization, speaker: str, waveform: Waveform, embedder: Embedder
) -> Enrollment:
    """Return samples of a speaker of a recording; errors as for :func:`enroll_from_result`."""
    take = _take(diarization, _label(diarization, speaker, diarization.uri), waveform)
    return samples_of([take], embedder)


def _label(diarization: Diarization, speaker: str, where: str) -> str:
    found = find_speaker(diarization, speaker)
    if found is None:
        known = ", ".join(one.display for one in diarization.speakers) or "nobody"
        raise EnrollmentError(f"{where}: there is no {speaker}; it has {known}")
    return found.label


def _take(diarization: Diarization, label: str, waveform: Waveform) -> Take:
    own = alone(diarization, label)
    return Take(waveform, tuple(part for part in own if part.end <= waveform.duration + 1.0))
