"""Whisper's tab-separated values, with a fourth column for the speaker."""

from __future__ import annotations

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import milliseconds, one_line

extension = "tsv"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``start``, ``end`` (whole milliseconds), ``text``, ``speaker``."""
    return "start\tend\ttext\tspeaker\n" + "".join(
        f"{milliseconds(part.start)}\t{milliseconds(part.end)}\t{part.text}\t"
        f"{one_line(part.speaker or '')}\n"
        for part in result.utterances
    )
