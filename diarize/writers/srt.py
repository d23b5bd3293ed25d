"""SubRip subtitles, ``Name: text``."""

from __future__ import annotations

import io

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import milliseconds
from diarize.writers.cues import cues

extension = "srt"


def render(result: Result, options: WriterOptions) -> str:
    """Return SRT, made by pysrt."""
    from pysrt import SubRipFile, SubRipItem, SubRipTime

    items = SubRipFile()
    for number, cue in enumerate(cues(result.utterances, options), start=1):
        start = SubRipTime.from_ordinal(milliseconds(cue.start))
        end = SubRipTime.from_ordinal(milliseconds(cue.end))
        items.append(SubRipItem(number, start, end, "\n".join(map(_safe, cue.lines))))
    buffer = io.StringIO()
    items.write_into(buffer, eol="\n")
    return buffer.getvalue()


def _safe(line: str) -> str:
    """Return a line that no reader takes for a time stamp."""
    return line.replace("-->", "->")
