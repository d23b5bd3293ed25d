"""Comma-separated values, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from diarize.annotation import Diarization
from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import guarded, one_line


class CsvWriter:
    """Writes ``start``, ``end`` (seconds), ``speaker``, ``text``.

    Turns without words that were identified one by one have ``best``, ``score``, ``runner_up`` and
    ``runner_up_score`` instead of the text.
    """

    extension = "csv"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the file's text."""
        buffer = io.StringIO()
        table = csv.writer(buffer, lineterminator="\n")
        turns = result.diarization.turns
        if result.transcript is None and any(turn.candidates for turn in turns):
            return _identified(result.diarization)
        table.writerow(("start", "end", "speaker", "text"))
        for part in result.utterances:
            speaker = guarded(one_line(part.speaker or ""))
            table.writerow((f"{part.start:.3f}", f"{part.end:.3f}", speaker, guarded(part.text)))
        return buffer.getvalue()


def _identified(diarization: Diarization) -> str:
    """Return turns with whom they sound most like."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("start", "end", "speaker", "best", "score", "runner_up", "runner_up_score"))
    for turn in diarization.turns:
        cells = [f"{turn.start:.3f}", f"{turn.end:.3f}", diarization.display(turn.speaker)]
        for name, score in turn.candidates[:2]:
            cells += [name, f"{score:.3f}"]
        table.writerow([*map(guarded, cells), *[""] * (7 - len(cells))])
    return buffer.getvalue()
