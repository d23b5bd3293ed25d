"""Comma-separated values, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from diarize.display import one_line
from diarize.result import Result
from diarize.writers.base import WriterOptions

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class CsvWriter:
    """Writes ``start``, ``end`` (seconds), ``speaker``, ``text``."""

    extension = "csv"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the whole file as text."""
        buffer = io.StringIO()
        table = csv.writer(buffer, lineterminator="\n")
        table.writerow(("start", "end", "speaker", "text"))
        for part in result.utterances:
            speaker = guarded(one_line(part.speaker or ""))
            table.writerow((f"{part.start:.3f}", f"{part.end:.3f}", speaker, guarded(part.text)))
        return buffer.getvalue()


def guarded(text: str) -> str:
    """Return a cell that a spreadsheet takes for text: an apostrophe goes before a formula.

    Examples
    --------
    >>> guarded("=1+1"), guarded("one")
    ("'=1+1", 'one')
    """
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
