"""Reading references and hypotheses of any kind that says who spoke when, or who said what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diarize.errors import DiarizeError
from diarize.rttm import read_rttm
from diarize.timeline import Turn

SUFFIXES = (".rttm", ".stm", ".json")


@dataclass(frozen=True, slots=True)
class Word:
    """A word (or a run of words whose times are not known singly) and who said it."""

    text: str
    start: float
    end: float
    speaker: str | None


@dataclass
class Annotated:
    """What one file says about one recording; ``words`` is None where it has none."""

    turns: list[Turn] = field(default_factory=list)
    words: list[Word] | None = None


def read_annotated(path: str | Path) -> dict[str, Annotated]:
    """Read turns, and words where there are any, by recording.

    Parameters
    ----------
    path : str or Path
        RTTM, STM, SegLST (a JSON list), a JSON transcript with speakers (openai-whisper's shape, as
        this package writes it), or a folder of such files. A folder's RTTM gives the turns and its
        transcripts the words where it has both for a recording.

    Raises
    ------
    DiarizeError
        When there is nothing to read, or a file cannot be understood.
    """
    path = Path(path)
    if not path.is_dir():
        return _read_file(path)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DiarizeError(f"{path}: no {', '.join(SUFFIXES)} file in this folder")
    found: dict[str, Annotated] = {}
    exact: set[str] = set()
    # RTTM first: its turns are the finer ones.
    for file in sorted(files, key=lambda file: SUFFIXES.index(file.suffix.lower())):
        try:
            recordings = _read_file(file)
        except DiarizeError:
            if file.suffix.lower() != ".json":
                raise
            continue  # folders also hold other JSON, such as settings
        for uri, annotated in recordings.items():
            known = found.setdefault(uri, Annotated())
            if file.suffix.lower() == ".rttm":
                exact.add(uri)
            if annotated.words is not None:
                known.words = (known.words or []) + annotated.words
            if file.suffix.lower() == ".rttm" or uri not in exact:
                known.turns += annotated.turns
    if not found:
        raise DiarizeError(f"{path}: none of its files says who spoke when")
    return found


def _read_file(file: Path) -> dict[str, Annotated]:
    """Read one file by its suffix; anything unknown is taken for RTTM."""
    if file.suffix.lower() not in (".json", ".stm"):
        return {uri: Annotated(turns) for uri, turns in read_rttm(file).items()}
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DiarizeError(f"{file}: no such file or folder") from error
    except (UnicodeDecodeError, OSError) as error:
        raise DiarizeError(f"{file}: cannot be read as text ({error})") from error
    if file.suffix.lower() == ".stm":
        return _stm(file, text)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DiarizeError(f"{file}: not valid JSON ({error})") from error
    try:
        if isinstance(document, list):
            return _seglst(document)
        return {_uri(file, document): _transcript(document)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DiarizeError(
            f"{file}: neither SegLST nor a transcript with speakers ({error!r}); "
            "give RTTM, STM, SegLST or JSON as `diarize --json` writes it"
        ) from error


def _stm(file: Path, text: str) -> dict[str, Annotated]:
    """Read NIST STM: recording, channel, speaker, start, end, optional <label>, words."""
    found: dict[str, Annotated] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith(";;"):
            continue
        try:
            start, end, speaker = float(fields[3]), float(fields[4]), fields[2]
        except (IndexError, ValueError) as error:
            raise DiarizeError(f"{file}, line {number}: not an STM line") from error
        words = fields[6:] if len(fields) > 5 and fields[5].startswith("<") else fields[5:]
        _add(found.setdefault(fields[0], Annotated()), start, end, speaker, " ".join(words))
    return found


def _seglst(document: list[Mapping[str, Any]]) -> dict[str, Annotated]:
    """Read MeetEval's segment list."""
    found: dict[str, Annotated] = {}
    for segment in document:
        recording = found.setdefault(str(segment["session_id"]), Annotated())
        start, end = float(segment.get("start_time", 0.0)), float(segment.get("end_time", 0.0))
        _add(recording, start, end, segment.get("speaker"), str(segment["words"]))
    return found


def _add(recording: Annotated, start: float, end: float, speaker: Any, text: str) -> None:
    """Add one segment: a turn, and its words spread over it."""
    if speaker is not None and end > start:
        recording.turns.append(Turn(start, end, str(speaker)))
    recording.words = (recording.words or []) + [
        Word(word, start, end, None if speaker is None else str(speaker)) for word in text.split()
    ]


def _transcript(document: Mapping[str, Any]) -> Annotated:
    """Read a transcript in openai-whisper's shape with speakers."""
    block = document.get("diarization") or {}
    turns = [
        Turn(float(turn["start"]), float(turn["end"]), str(turn["speaker"]))
        for turn in (block.get("turns") or () if isinstance(block, Mapping) else block)
    ]
    words: list[Word] = []
    for segment in document.get("segments") or ():
        words += _words(segment)
        if not block and segment.get("speaker") is not None:
            times = float(segment["start"]), float(segment["end"])
            turns.append(Turn(*times, str(segment["speaker"])))
    if not turns and not words and not block:
        raise ValueError("no segments and no turns")
    return Annotated(turns, words if "segments" in document else None)


def _words(segment: Mapping[str, Any]) -> list[Word]:
    """Return a segment's words; those of its text where it has no words of their own."""
    speaker = segment.get("speaker")
    start, end = float(segment.get("start") or 0.0), float(segment.get("end") or 0.0)
    own = segment.get("words") or [{"word": text} for text in str(segment.get("text", "")).split()]
    return [
        Word(
            str(word["word"]).strip(),
            float(word.get("start") or start),
            float(word.get("end") or end),
            word.get("speaker", speaker),
        )
        for word in own
        if str(word["word"]).strip()
    ]


def _uri(file: Path, document: Mapping[str, Any]) -> str:
    """Return the recording's name: as the file says, else the file's name."""
    block = document.get("diarization")
    named = block.get("uri") if isinstance(block, Mapping) else None
    return str(named or file.name.split(".")[0])
