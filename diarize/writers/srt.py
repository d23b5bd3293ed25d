"""SubRip subtitles, ``Name: text``."""

from __future__ import annotations

from diarize.result import Result
from diarize.writers.base import WriterOptions, cues_of, milliseconds


class SrtWriter:
    """Writes SRT."""

    extension = "srt"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the whole file as text."""
        blocks = []
        for number, cue in enumerate(cues_of(result, options), start=1):
            text = "\n".join(map(_safe, cue.lines))
            blocks.append(f"{number}\n{_stamp(cue.start)} --> {_stamp(cue.end)}\n{text}\n\n")
        return "".join(blocks)


def _safe(line: str) -> str:
    """Return a line that no reader takes for a time stamp."""
    return line.replace("-->", "->")


def _stamp(seconds: float) -> str:
    minutes, rest = divmod(milliseconds(seconds), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d},{rest % 1000:03d}"
