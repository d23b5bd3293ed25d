"""Lines with times in brackets: what Whisper and whisper.cpp print, and LRC lyrics.

``[00:01.000 --> 00:04.000]  Hello.`` is the console output of both; LRC (whisper.cpp ``-olrc``)
has a start alone, ``[00:01.00]Hello.``, or several of a line that is sung again.
"""

from __future__ import annotations

import re
from itertools import islice

from diarize.transcript.readers.common import Data, Format, finish, make_segment, time_of
from diarize.transcript.readers.cues import lines_of
from diarize.transcript.readers.labels import take_labels

_CLOCK = r"(?:\d+:)?\d+:\d+(?:[.,]\d+)?"
_LINE = re.compile(rf"^\s*\[(?P<start>{_CLOCK})(?:\s*-->\s*(?P<end>{_CLOCK}))?\]\s*(?P<text>.*)$")
_AGAIN = re.compile(rf"\[({_CLOCK})\]\s*")
_TAG = re.compile(r"^\s*\[[a-z]+:.*\]\s*$")  # of LRC: artist, title, the tool that made it


# What Whisper prints before the first line.
_LANGUAGE = re.compile(r"^\s*Detect(?:ing|ed) language")
_MOST_LINES = 50  # of a producer's talk before the first time


def begins_bracketed(source: str) -> bool:
    """Return whether a text's first line, LRC's tags apart, begins with a time in brackets."""
    return _among_first(source, 1)


def _is_bracketed(source: str) -> bool:
    return _among_first(source, _MOST_LINES)


def _among_first(source: str, count: int) -> bool:
    lines = (line for line in lines_of(source) if line.strip("\ufeff \t") and not _TAG.match(line))
    return any(_LINE.match(line) for line in islice(lines, count))


def _read(source: str) -> Data:
    lines: list[Data] = []
    stray: list[str] = []
    for number, line in enumerate(lines_of(source), start=1):
        match = _LINE.match(line)
        if match is not None:
            starts, text = [time_of(match["start"])], match["text"]
            while match["end"] is None and (again := _AGAIN.match(text)):
                starts.append(time_of(again[1]))
                text = text[again.end() :]
            end = time_of(match["end"])
            lines.append({"starts": starts, "end": end, "text": text.strip()})
        elif line.strip() and lines:
            lines[-1]["text"] = f"{lines[-1]['text']} {line.strip()}".strip()
        elif line.strip() and not _TAG.match(line) and not _LANGUAGE.match(line):
            stray.append(f"line {number}: {line.strip()!r:.60} stands before any time, is left out")
    sung = [(start, line["end"], line["text"]) for line in lines for start in line["starts"]]
    if len(sung) > len(lines):
        sung.sort(key=lambda one: one[0])
    segments = [
        make_segment({}, index, start=start, end=end, text=text)
        for index, (start, end, text) in enumerate(sung)
    ]
    return finish({}, take_labels(segments), warnings=stray)


FORMAT = Format(
    "bracketed-lines", "lines like [00:01.000 --> 00:04.000] text", _is_bracketed, _read
)
