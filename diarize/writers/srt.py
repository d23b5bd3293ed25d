"""SubRip subtitles, ``Name: text``."""

from __future__ import annotations

import io

from diarize.result import Result
from diarize.transcript.subtitles import cues
from diarize.writers.base import WriterOptions, milliseconds


class SrtWriter:
    """Writes SRT through pysrt."""

    extension = "srt"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the whole file as text."""
        from pysrt import SubRipFile, SubRipItem, SubRipTime

        items = SubRipFile()
        shown = cues(
            result.utterances,
            prefix=options.speaker_prefix,
            max_line_width=options.max_line_width,
            max_line_count=options.max_line_count,
            max_cue_seconds=options.max_cue_seconds,
        )
        for number, cue in enumerate(shown, start=1):
            start = SubRipTime.from_ordinal(milliseconds(cue.start))
            end = SubRipTime.from_ordinal(milliseconds(cue.end))
            items.append(SubRipItem(number, start, end, "\n".join(map(_safe, cue.lines))))
        buffer = io.StringIO()
        items.write_into(buffer, eol="\n")
        return buffer.getvalue()


def _safe(line: str) -> str:
    """Return a line that no reader takes for a time stamp."""
    return line.replace("-->", "->")
