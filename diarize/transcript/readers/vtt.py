"""WebVTT subtitles: cues with settings, voices, tags, entities, and times of single words."""

from __future__ import annotations

import re

from diarize.transcript.readers.common import Data, Format, finish, make_segment
from diarize.transcript.readers.cues import Cue, find_cues, lines_of, untimed, without_rolled
from diarize.transcript.readers.labels import take_labels
from diarize.transcript.readers.markup import (
    has_stamps,
    join_lines,
    plain_text,
    timed_words,
    voices_of,
)
from diarize.transcript.readers.words import group_words

_LANGUAGE = re.compile(r"^Language:\s*(\S+)")
_NOT_SHOWN = ("NOTE", "STYLE", "REGION")


def _read(source: str) -> Data:
    lines = _shown(lines_of(source))
    cues = find_cues(lines, named=True)
    rows = [[line for line in cue.lines if _plain(line)] for cue in cues]
    texts = [[_plain(line) for line in row] for row in rows]
    segments: list[Data] = []
    repeated = without_rolled(cues, texts)
    for cue, row, rolled in zip(cues, rows, repeated, strict=True):
        if row[rolled:]:
            segments.append(_segment(cue, row[rolled:], len(segments)))
    if any(repeated) and all(segment.get("words") for segment in segments):
        segments = _phrases(segments)
    header = lines[: cues[0].line - 1 if cues else None]
    language = next((match[1] for line in header if (match := _LANGUAGE.match(line))), None)
    extra = {"language": language} if language else {}
    top = next((place for place, line in enumerate(header) if not line.strip()), len(header))
    stray = untimed(["" if place < top else line for place, line in enumerate(lines)], cues)
    return finish(extra, take_labels(segments), warnings=stray)


def _plain(line: str) -> str:
    return plain_text(line, entities=True)


def _shown(lines: list[str]) -> list[str]:
    """Return the lines with comments and styles blanked, so that all keep their numbers."""
    shown, hidden, before = [], False, ""
    for line in lines:
        if not line.strip():
            hidden = False
        elif not before.strip() and line.split(None, 1)[0] in _NOT_SHOWN:
            hidden = True
        shown.append("" if hidden else line)
        before = line
    return shown


def _segment(cue: Cue, lines: list[str], index: int) -> Data:
    extra: Data = {"cue": cue.name} if cue.name else {}
    if cue.settings:
        extra["settings"] = cue.settings
    voice = voices_of(" ".join(lines))
    if voice is not None:
        extra["original_speaker"] = voice
    if cue.end is not None and has_stamps(" ".join(lines)):
        extra["words"] = timed_words(lines, cue.start, cue.end)
        text = "".join(word["word"] for word in extra["words"])
    else:
        text = join_lines([_plain(line) for line in lines])
    return make_segment(extra, index, start=cue.start, end=cue.end, text=text)


def _phrases(segments: list[Data]) -> list[Data]:
    """Group the words of captions that roll up, whose lines end anywhere, into phrases."""
    words: list[Data] = []
    for segment in segments:
        first, *rest = segment["words"]
        text = first["word"]
        spaced = join_lines([words[-1]["word"] if words else "", text])[-len(text) - 1 :]
        words += [{**first, "word": spaced if words else text}, *rest]
    return group_words(words)


FORMAT = Format(
    "vtt",
    "WebVTT subtitles",
    lambda source: re.match(r"\ufeff?\s*WEBVTT(\s|$)", source) is not None,
    _read,
)
