"""Transcripts that were made here, stored as ``STEM.whisper.json`` beside the output.

Each holds a note of the recording and the options that it belongs to, so that nothing is ever
transcribed twice. One that was corrected by hand stays; the next is ``STEM.whisper.2.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.errors import OutputError, TranscriptError
from diarize.files import (
    Note,
    Record,
    describe_recording,
    digest_of,
    is_file,
    objection,
    write_whole,
)
from diarize.transcript.engines import options_of
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript
from diarize.transcript.whisper import Transcriber

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform

# Two decoders may disagree about a recording's length by a codec frame or two (seconds).
SAME_LENGTH = 0.5


def read_cached(
    folders: Sequence[Path],
    stems: Sequence[str],
    waveform: Waveform,
    audio: Path,
    runner: Transcriber,
    messages: list[str],
) -> tuple[Path, Transcript] | None:
    """Return the stored transcript of this recording that was made with these options.

    If there is none, ``messages`` says what was passed over.
    """
    passed_over = []
    for path in _existing(folders, stems):
        try:
            transcript = read_transcript(path)
        except TranscriptError as error:
            passed_over.append(f"{error}. It is passed over")
            continue
        note = transcript.data.get("transcriber")
        if not isinstance(note, dict) or not isinstance(note.get("audio"), dict):
            return path, transcript
        if not _is_same_recording(note["audio"], waveform, audio):
            passed_over.append(f"{path} is the transcript of another recording. It is passed over")
        elif not is_as_asked(note, runner):
            passed_over.append(f"{path} was made with other options. It is passed over")
        else:
            return path, transcript
    messages += passed_over
    return None


def keep(
    transcript: Transcript, audio: Path, directory: Path, stem: str
) -> tuple[Path | None, str]:
    """Write a transcript beside the output; return where, or None and why that was not possible."""
    # Only what JSON knows: a third party's transcriber may hand over anything.
    text = json.dumps(transcript.data, ensure_ascii=False, indent=1, default=str) + "\n"
    recording = describe_recording(audio, directory)
    record = Record(directory)
    path = next(
        path
        for path in (directory / name for name in _names(stem))
        if objection(path, record, recording=recording) is None
    )
    try:
        write_whole({path: text}, {path: Note(path.name, words=True, recording=recording)})
    except OutputError as error:
        return None, f"the transcript could not be kept for the next run: {error}"
    return path, ""


def describe(waveform: Waveform, audio: Path | None) -> dict[str, Any]:
    """Return what identifies a recording."""
    known: dict[str, Any] = {"duration": round(waveform.duration, 3)}
    return known if audio is None else known | digest_of(audio)


def is_as_asked(note: dict[str, Any], runner: Transcriber) -> bool:
    """Return whether a transcript was made by the recogniser and the options wanted now."""
    options = options_of(runner)
    if options is None:
        return note.get("name") == runner.name
    engine, _, model = str(note.get("name")).partition(" ")
    if options.model is not None and model != runner.name.partition(" ")[2]:
        return False
    wanted = {
        "language": options.language,
        "task": options.task if options.task != "transcribe" else None,
        "initial_prompt": options.initial_prompt,
    }
    if options.model is None and options.task == "transcribe" and note.get("task") == "translate":
        return False
    if options.engine is not None and engine != options.engine:
        return False
    return all(note.get(key) == value for key, value in wanted.items() if value is not None)


def _is_same_recording(note: dict[str, Any], waveform: Waveform, audio: Path) -> bool:
    """Compare bytes where both are known, else lengths; names and dates may change freely."""
    now = describe(waveform, audio)
    if "digest" in note and "digest" in now:
        return (note["digest"], note.get("bytes")) == (now["digest"], now["bytes"])
    length = note.get("duration")
    return isinstance(length, (int, float)) and abs(length - waveform.duration) <= SAME_LENGTH


def _existing(folders: Sequence[Path], stems: Sequence[str]) -> Iterator[Path]:
    for folder in folders:
        for stem in stems:
            for name in _names(stem):
                if not is_file(folder / name):
                    break
                yield folder / name


def _names(stem: str) -> Iterator[str]:
    yield f"{stem}.whisper.json"
    for number in count(2):
        yield f"{stem}.whisper.{number}.json"
