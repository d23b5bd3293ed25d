"""Lines with times in brackets: what Whisper and whisper.cpp print, and LRC lyrics.

``[00:01.000 --> 00:04.000]  Hello.`` is the console output of both; LRC (whisper.cpp ``-olrc``)
has a start alone, ``[00:01.00]Hello.``
"""

from __future__ import annotations

import re

from diarize.transcript.readers.common import Data, Format, finish, make_segment, time_of
from diarize.transcript.readers.cues import lines_of
from diarize.transcript.readers.labels import take_labels

_CLOCK = r"(?:\d+:)?\d+:\d+(?:[.,]\d+)?"
_LINE = re.compile(rf"^\s*\[(?P<start>{_CLOCK})(?:\s*-->\s*(?P<end>{_CLOCK}))?\]\s*(?P<text>.*)$")
_TAG = re.compile(r"^\s*\[[a-z]+:.*\]\s*$")  # of LRC: artist, title, the tool that made it


def is_bracketed(source: str) -> bool:
    """Return whether a text's first line, LRC's tags apart, begins with a time in brackets."""
    lines = (line for line in lines_of(source) if line.strip("\ufeff \t"))
    first = next((line for line in lines if not _TAG.match(line)), "")
    return _LINE.match(first) is not None


def _read(source: str) -> Data:
    segments: list[Data] = []
    stray: list[str] = []
    for number, line in enumerate(lines_of(source), start=1):
        match = _LINE.match(line)
        if match is not None:
            times = {"start": time_of(match["start"]), "end": time_of(match["end"])}
            segments.append(make_segment({}, len(segments), **times, text=match["text"].strip()))
        elif line.strip() and segments:
            segments[-1]["text"] = f"{segments[-1]['text']} {line.strip()}".strip()
        elif line.strip() and not _TAG.match(line):
            stray.append(f"line {number}: {line.strip()!r:.60} stands before any time, is left out")
    return finish({}, take_labels(segments), warnings=stray)


FORMAT = Format("bracketed-lines", "lines like [00:01.000 --> 00:04.000] text", is_bracketed, _read)
