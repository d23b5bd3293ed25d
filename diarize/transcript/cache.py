"""Transcripts that were made here, stored as ``STEM.whisper.json`` beside the output.

Each holds a note of the recording and the options that it belongs to, so that nothing is ever
transcribed twice. One that was corrected by hand stays; the next is ``STEM.whisper.2.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
_SAME_LENGTH = 0.5


@dataclass(frozen=True)
class Outcome:
    """What came of looking for a transcript.

    Parameters
    ----------
    transcript : Transcript or None
        None where there is none to be had; a message then says how to get one.
    origin : str
        ``given``, ``found``, ``cached`` (from an earlier run), ``transcribed``, or ``none``.
    path : Path or None
        The file it came from, or is cached in.
    messages : tuple of str
        What the user should know.
    """

    transcript: Transcript | None
    origin: str = "none"
    path: Path | None = None
    messages: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files of the user's that must not be overwritten by a result."""
        return (self.path,) if self.path and self.origin in ("given", "found") else ()


def read_cached(
    folders: Sequence[Path],
    stems: Sequence[str],
    waveform: Waveform,
    audio: Path,
    runner: Transcriber,
    messages: list[str],
) -> Outcome | None:
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
        if isinstance(note, dict) and isinstance(note.get("audio"), dict):
            other = not _may_be_of(note["audio"], waveform, audio)
            if other or not is_as_asked(note, runner):
                made = "is the transcript of another recording", "was made with other options"
                passed_over.append(f"{path} {made[not other]}. It is passed over")
                continue
        origin = "cached" if "transcriber" in transcript.data else "found"
        return Outcome(transcript, origin, path, transcript.warnings)
    messages += passed_over
    return None


def keep(outcome: Outcome, audio: Path, directory: Path, stem: str) -> Outcome:
    """Write a transcript that was made beside the output, so that it need not be made again."""
    assert outcome.transcript is not None
    # Only what JSON knows: a third party's transcriber may hand over anything.
    text = json.dumps(outcome.transcript.data, ensure_ascii=False, indent=1, default=str) + "\n"
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
        message = f"the transcript could not be kept for the next run: {error}"
        return replace(outcome, messages=(*outcome.messages, message))
    return replace(outcome, path=path)


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
    task = options.task if options.task != "transcribe" else None
    wanted = {"language": options.language, "task": task, "initial_prompt": options.initial_prompt}
    if options.model is None and options.task == "transcribe" and note.get("task") == "translate":
        return False
    if options.engine is not None and engine != options.engine:
        return False
    return all(note.get(key) == value for key, value in wanted.items() if value is not None)


def _may_be_of(note: dict[str, Any], waveform: Waveform, audio: Path) -> bool:
    """Compare bytes where both are known, else lengths; names and dates may change freely."""
    now = describe(waveform, audio)
    if "digest" in note and "digest" in now:
        return (note["digest"], note.get("bytes")) == (now["digest"], now["bytes"])
    return same_length(note.get("duration"), waveform)


def same_length(seconds: object, waveform: Waveform) -> bool:
    """Return whether a recording that lasts some seconds may be this one."""
    return isinstance(seconds, int | float) and abs(seconds - waveform.duration) <= _SAME_LENGTH


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
