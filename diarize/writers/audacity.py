"""Audacity's label track."""

from __future__ import annotations

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import one_line
from diarize.writers.base import UNKNOWN

extension = "audacity.txt"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``start``, ``end`` (seconds, six decimals), ``Name: text``, tab-separated."""
    return "".join(
        f"{part.start:.6f}\t{part.end:.6f}\t{one_line(part.speaker or UNKNOWN)}"
        f"{f': {part.text}' if part.text else ''}\n"
        for part in result.utterances
    )
