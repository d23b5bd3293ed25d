"""Comma-separated values, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import guarded, one_line

extension = "csv"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``start``, ``end`` (seconds), ``speaker``, ``text``.

    Turns without words that were identified one by one have ``best``, ``score``, ``runner_up`` and
    ``runner_up_score`` instead of the text.
    """
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    times = ("start", "end", "speaker")
    turns = result.diarization.turns
    if result.transcript is None and any(turn.candidates for turn in turns):
        table.writerow((*times, "best", "score", "runner_up", "runner_up_score"))
        for turn in turns:
            name = result.diarization.display(turn.speaker)
            cells = [f"{turn.start:.3f}", f"{turn.end:.3f}", name]
            for candidate, score in turn.candidates[:2]:
                cells += [candidate, f"{score:.3f}"]
            table.writerow([*map(guarded, cells), *[""] * (7 - len(cells))])
        return buffer.getvalue()
    table.writerow((*times, "text"))
    for part in result.utterances:
        speaker = guarded(one_line(part.speaker or ""))
        table.writerow((f"{part.start:.3f}", f"{part.end:.3f}", speaker, guarded(part.text)))
    return buffer.getvalue()
