"""The files that may hold the words of a recording, by their names."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.errors import TranscriptError
from diarize.files import Record, describe_recording, is_file, is_same_recording
from diarize.text import json_value
from diarize.transcript.cache import Outcome, same_length
from diarize.transcript.readers import read_transcript
from diarize.transcript.readers.whisper import is_own
from diarize.transcript.schema import Transcript

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform

# Subtitles and tables that may hold a recording's words; the first that can be read is taken.
TEXT_EXTENSIONS = ("srt", "vtt", "tsv", "txt")
EXTENSIONS = ("json", *TEXT_EXTENSIONS)
# yt-dlp and others put the language into the name: talk.en.vtt, talk.pt-BR.srt, talk.en-orig.vtt.
_IN_A_LANGUAGE = re.compile(r"\.[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\.(srt|vtt)\Z", re.IGNORECASE)
# What a list of bare turns shows in the place of words.
_LABEL_ONLY = re.compile(r"(SPEAKER_\d+|Unknown)?:?")


class Candidates:
    """The files that may hold the words of one recording, by their names."""

    def __init__(
        self, folders: Sequence[Path], audio: Path, waveform: Waveform, messages: list[str]
    ) -> None:
        self.results: list[Outcome] = []
        self._records = {folder: Record(folder) for folder in folders}
        self._audio = audio
        self._waveform = waveform
        self._messages = messages

    def by_users(self, stems: Sequence[str]) -> Iterator[Outcome]:
        """Yield what users and other tools wrote; results of our own are put into ``results``."""
        for extension in EXTENSIONS:
            for path in self._existing(stems, extension):
                outcome = self._read(path)
                if outcome is not None and outcome.origin == "cached":
                    self.results.append(outcome)
                elif outcome is not None and not self._wrote(path):
                    yield outcome

    def by_us(self, stems: Sequence[str]) -> Iterator[Outcome]:
        """Yield subtitles that we wrote with words; those corrected by hand come first."""
        ours = [
            path
            for extension in TEXT_EXTENSIONS
            for path in self._existing(stems, extension)
            if self._wrote(path)
        ]
        for path in sorted(ours, key=lambda path: self._record(path).note_of(path) is not None):
            note = self._record(path).note_of(path)
            if note is None or note.words:
                outcome = self._read(path)
                if outcome is not None:
                    yield replace(outcome, origin="found" if note is None else "cached")

    def in_a_language(self, earlier: Outcome | None) -> Outcome | None:
        """Return the only subtitles with a language in their name, if newer than an earlier result.

        Of several it is told, where there is no such result.
        """
        paths = in_a_language(list(self._records), self._audio)
        paths = [path for path in paths if not self._wrote(path)]
        if len(paths) == 1:
            older = earlier is not None and not _is_newer(paths[0], earlier.path)
            return None if older else self._read(paths[0])
        if paths and earlier is None:
            names = ", ".join(path.name for path in paths)
            self._messages.append(
                f"{names}: subtitles in several languages: say which with --transcript FILE"
            )
        return None

    def _record(self, path: Path) -> Record:
        return self._records[path.parent]

    def _wrote(self, path: Path) -> bool:
        return path.suffix.lower() != ".json" and self._record(path).knows(path.name)

    def _existing(self, stems: Sequence[str], extension: str) -> Iterator[Path]:
        """Yield files that are there, but for results of other recordings."""
        for folder, record in self._records.items():
            for name in dict.fromkeys(f"{stem}.{extension}" for stem in stems):
                path = next((folder / one for one in cases(name) if is_file(folder / one)), None)
                if path is None:
                    continue
                note = record.note_of(path)
                made_from = None if note is None else note.recording
                if not made_from or is_same_recording(
                    made_from, describe_recording(self._audio, folder)
                ):
                    yield path

    def _read(self, path: Path) -> Outcome | None:
        """Read a file that may be a transcript by its name; an own result is told from others'."""
        try:
            transcript = read_transcript(path)
        except TranscriptError as error:
            if path.suffix.lower() != ".txt" and not _is_result(path):
                self._messages.append(f"{error}. It is passed over")
            return None
        if transcript.producer == "autospeech-diarize":
            return self._read_result(path, transcript)
        if path.suffix.lower() != ".json" and _holds_labels_only(transcript):
            return None
        return Outcome(transcript, "found", path, transcript.warnings)

    def _read_result(self, path: Path, transcript: Transcript) -> Outcome | None:
        """Return the words of an earlier result; one that may have been changed is the user's."""
        length = transcript.source["diarization"].get("duration")  # type: ignore[index]
        if not same_length(length, self._waveform):
            self._messages.append(f"{path} is the result of another recording. It is passed over")
            return None
        origin = "found" if self._record(path).note_of(path) is None else "cached"
        return Outcome(transcript, origin, path, transcript.warnings)


def cases(name: str) -> tuple[str, str]:
    """Return how a transcript's name may be written; the first that is there is meant."""
    return name, name.upper()


def before_language(name: str) -> str | None:
    """Return what precedes the language in the name of subtitles; None where there is none.

    Examples
    --------
    >>> [before_language(name) for name in ("talk.pt-BR.srt", "talk.srt", "talk.v2.srt")]
    ['talk', None, None]
    """
    found = _IN_A_LANGUAGE.search(name)
    return None if found is None else name[: found.start()]


def in_a_language(folders: Sequence[Path], audio: Path) -> list[Path]:
    """Return subtitles that are called as the recording, with a language after it."""
    return [
        path
        for folder in dict.fromkeys(folders)
        for path in sorted(folder.glob(f"{glob.escape(audio.stem)}.*"))
        if before_language(path.name) == audio.stem and is_file(path)
    ]


def _is_newer(path: Path, other: Path | None) -> bool:
    """Return whether a file was changed after another."""
    return other is None or path.stat().st_mtime_ns > other.stat().st_mtime_ns


def _holds_labels_only(transcript: Transcript) -> bool:
    """Return whether subtitles are a list of bare turns, as we write without a transcript."""
    texts = [str(segment.get("text") or "").strip() for segment in transcript.segments]
    return bool(texts) and all(_LABEL_ONLY.fullmatch(text) for text in texts)


def _is_result(path: Path) -> bool:
    """Return whether a file is a result of our own, with words or without."""
    try:
        return is_own(json_value(path.read_bytes()))
    except (OSError, ValueError):
        return False
