"""Reading references and hypotheses of any kind that says who spoke when, or who said what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diarize.errors import DiarizeError
from diarize.outputs import OWN_SUFFIX
from diarize.rttm import read_rttm, rttm_field
from diarize.text import json_value
from diarize.timeline import Turn

SUFFIXES = (".rttm", ".stm", ".json")
# What stands between a recording's name and .json: its own extension, and what diarize adds.
_ADDED = re.compile(
    r"(\.(wav|mp3|m4a|aac|flac|opus|ogg|wma|mp4|mkv|mov|webm))?"
    rf"({re.escape(OWN_SUFFIX)}(\.\d+)?)?(\.(seglst|podcast|diarized_json))?\.json$",
    re.IGNORECASE,
)
# TED-LIUM's lines for what lies between two segments.
_NOT_SCORED = "ignore_time_segment_in_scoring"


@dataclass(frozen=True, slots=True)
class Word:
    """A word (or a run of words whose times are not known singly) and who said it."""

    text: str
    start: float
    end: float
    speaker: str | None


@dataclass
class Annotated:
    """What one file says about one recording; ``words`` is None where it has none.

    ``rank`` says how exactly such files tell who speaks when; the least is best.
    """

    turns: list[Turn] = field(default_factory=list)
    words: list[Word] | None = None
    rank: int = 0

    @property
    def words_rank(self) -> tuple[bool, int]:
        """How well it tells who says what: words without speakers come last."""
        return not any(word.speaker for word in self.words or ()), self.rank


# RTTM comes first: its turns may have been corrected by hand.
_RTTM, _OWN, _SEGLST, _STM, _OTHER = range(5)


def read_annotated(path: str | Path) -> dict[str, Annotated]:
    """Read turns, and words where there are any, by recording.

    Parameters
    ----------
    path : str or Path
        RTTM, STM, SegLST (a JSON list), a JSON transcript with speakers (openai-whisper's shape, as
        this package writes it), or a folder of such files. Of each recording in a folder, one file
        gives the turns, RTTM first, then this package's JSON; and one the words, this package's
        JSON first. White space in the names of recordings becomes ``_``, as in RTTM.

    Raises
    ------
    DiarizeError
        When there is nothing to read, a file cannot be understood, or two of one kind hold one
        recording.
    """
    path = Path(path)
    if not path.is_dir():
        return _read_file(path)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DiarizeError(f"{path}: no {', '.join(SUFFIXES)} file in this folder")
    found: dict[str, dict[Path, Annotated]] = {}
    for file in files:
        try:
            recordings = _read_file(file)
        except DiarizeError:
            if file.suffix.lower() != ".json":
                raise
            continue  # folders also hold other JSON, such as settings
        for uri, annotated in recordings.items():
            found.setdefault(uri, {})[file] = annotated
    if not found:
        raise DiarizeError(f"{path}: none of its files says who spoke when")
    return {uri: _chosen(uri, read) for uri, read in found.items()}


def _chosen(uri: str, read: Mapping[Path, Annotated]) -> Annotated:
    """Return a recording's turns and words, each from the best of the files that have them."""
    turns = {file: (False, one.rank) for file, one in read.items() if one.turns}
    words = {file: one.words_rank for file, one in read.items() if one.words is not None}
    made = Annotated()
    for ranks in (turns, words):
        best = [file for file, rank in ranks.items() if rank == min(ranks.values())]
        if len(best) > 1:
            raise DiarizeError(
                f"{best[0]} and {best[1].name} both hold {uri!r}: leave one of them in the folder"
            )
        for file in best:
            if ranks is turns:
                made.turns = read[file].turns
            else:
                made.words = read[file].words
    return made


def _read_file(file: Path) -> dict[str, Annotated]:
    """Read one file; the names of recordings are as RTTM writes them."""
    return {rttm_field(uri): one for uri, one in _recordings(file).items()}


def _recordings(file: Path) -> dict[str, Annotated]:
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
        document = json_value(text)
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
        if [word.lower() for word in words] != [_NOT_SCORED]:
            recording = found.setdefault(fields[0], Annotated(rank=_STM))
            _add(recording, start, end, speaker, " ".join(words))
    return found


def _seglst(document: list[Mapping[str, Any]]) -> dict[str, Annotated]:
    """Read MeetEval's segment list."""
    found: dict[str, Annotated] = {}
    for segment in document:
        recording = found.setdefault(str(segment["session_id"]), Annotated(rank=_SEGLST))
        start, end = float(segment.get("start_time", 0.0)), float(segment.get("end_time", 0.0))
        _add(recording, start, end, segment.get("speaker"), str(segment["words"] or ""))
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
    return Annotated(turns, words if "segments" in document else None, _OWN if block else _OTHER)


def _words(segment: Mapping[str, Any]) -> list[Word]:
    """Return a segment's words; those of its text where it has no words of their own."""
    speaker = segment.get("speaker")
    start, end = float(segment.get("start") or 0.0), float(segment.get("end") or 0.0)
    said = str(segment.get("text") or "")
    own = segment.get("words") or [{"word": text} for text in said.split()]
    return [
        Word(
            text,
            float(word.get("start") or start),
            float(word.get("end") or end),
            word.get("speaker", speaker),
        )
        for word in own
        if (text := str(word["word"] or "").strip())
    ]


def _uri(file: Path, document: Mapping[str, Any]) -> str:
    """Return the recording's name: as the file says, else the file's name."""
    block = document.get("diarization")
    named = block.get("uri") if isinstance(block, Mapping) else None
    return str(named or _ADDED.sub("", file.name))
