"""A result's voices as sound files: excerpts to know them by, or a track for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diarize.annotation import Diarization
from diarize.arrays import SAMPLE_RATE
from diarize.audio.encoding import opus, wav
from diarize.audio.waveform import Waveform
from diarize.errors import OutputError
from diarize.excerpts import clear_excerpts
from diarize.files import Note, Record, describe_recording, objection, write_whole
from diarize.timeline import Segment, union

ENCODERS: Mapping[str, Callable[[NDArray[np.int16]], bytes]] = {"wav": wav, "opus": opus}
_LONGEST_NAME = 80
_FADE = 80  # samples (5 ms) at the ends of what is heard of a track, so that nothing clicks


def write_samples(
    diarization: Diarization,
    waveform: Waveform,
    folder: Path,
    *,
    audio: str,
    tracks: bool = False,
    kind: str = "wav",
    overwrite: bool = False,
) -> list[Path]:
    """Write files of each speaker's voice: two to five excerpts, or a track.

    A track is as long as the recording and silent where others speak. Files made from another
    recording than ``audio`` are not replaced, nor, without ``overwrite``, what was changed since or
    written by others.

    Raises
    ------
    OutputError
        If a file is there that must not be replaced, or cannot be written.
    """
    stems = file_stems(diarization)
    if tracks:
        parts = {
            stems[label]: [turn.segment for turn in diarization.turns if turn.speaker == label]
            for label in diarization.labels
        }
    else:
        parts = {
            f"{stems[label]}-{number}": [part]
            for label, found in clear_excerpts(diarization, waveform).items()
            for number, part in enumerate(found, start=1)
        }
    paths = {folder / f"{stem}.{kind}": found for stem, found in parts.items()}
    record, recording = Record(folder), describe_recording(audio, folder)
    for path in paths:
        reason = objection(path, record, recording=recording, overwrite=overwrite)
        if reason:
            raise OutputError(
                f"{path} {reason} and is not replaced: choose another -o DIR, or add --overwrite"
            )
    for path, found in paths.items():
        sound = _track(waveform, found) if tracks else waveform.within(found[0])
        note = Note(path.name, format="samples", words=True, recording=recording)
        write_whole({path: ENCODERS[kind](sound)}, {path: note})
    return list(paths)


def file_stems(diarization: Diarization) -> dict[str, str]:
    """Return a name for files of each speaker: no two the same, on any file system.

    Examples
    --------
    >>> from diarize.annotation import Speaker
    >>> people = [Speaker("SPEAKER_00", "Ann/Bo"), Speaker("SPEAKER_01", "ann:bo")]
    >>> file_stems(Diarization([], 1, speakers=people))
    {'SPEAKER_00': 'Ann_Bo.SPEAKER_00', 'SPEAKER_01': 'ann_bo.SPEAKER_01'}
    """
    plain = {one.label: _plain(one.display) or _plain(one.label) for one in diarization.speakers}
    often = Counter(stem.casefold() for stem in plain.values())
    found: dict[str, str] = {}
    for number, (label, stem) in enumerate(plain.items()):
        if often[stem.casefold()] > 1:
            stem = f"{stem}.{_plain(label) or number}"
        found[label] = stem
    return found


def _plain(name: str) -> str:
    """Return a name without what file systems do not take."""
    safe = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", name).strip(" .")
    return safe.encode()[:_LONGEST_NAME].decode(errors="ignore").strip(" .")


def _track(waveform: Waveform, parts: list[Segment]) -> NDArray[np.int16]:
    """Return the recording with silence outside of some parts."""
    track = np.zeros_like(waveform.samples)
    for part in union(parts):
        start = round(part.start * SAMPLE_RATE)
        sound = waveform.within(part).astype(np.float32)
        edge = min(_FADE, sound.size // 2)
        ramp = np.linspace(0.0, 1.0, edge, endpoint=False, dtype=np.float32)
        sound[:edge] *= ramp
        sound[sound.size - edge :] *= ramp[::-1]
        track[start : start + sound.size] = sound
    return track
