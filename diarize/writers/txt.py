"""Plain text: a paragraph a turn, with its speaker and time."""

from __future__ import annotations

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import one_line
from diarize.writers.base import UNKNOWN, clock

extension = "txt"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``Name (00:12:34): text`` paragraphs."""
    paragraphs = [
        f"{one_line(part.speaker or UNKNOWN)} ({clock(part.start)})"
        + (f": {part.text}\n" if part.text else f" to {clock(part.end)}\n")
        for part in result.paragraphs()
    ]
    return "\n".join(paragraphs)
