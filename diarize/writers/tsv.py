"""Whisper's tab-separated values, with a fourth column for the speaker."""

from __future__ import annotations

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import one_line
from diarize.writers.base import milliseconds


class TsvWriter:
    """Writes ``start``, ``end`` (whole milliseconds), ``text``, ``speaker``."""

    extension = "tsv"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the file's text."""
        rows = ["start\tend\ttext\tspeaker\n"]
        rows += [
            f"{milliseconds(part.start)}\t{milliseconds(part.end)}\t{part.text}\t"
            f"{one_line(part.speaker or '')}\n"
            for part in result.utterances
        ]
        return "".join(rows)
