"""Praat's TextGrid, one interval tier a speaker."""

from __future__ import annotations

from collections.abc import Sequence

from diarize.formats import WriterOptions
from diarize.result import Result, Utterance
from diarize.text import one_line
from diarize.writers.base import UNKNOWN, end_of, tiers

extension = "TextGrid"


def render(result: Result, options: WriterOptions) -> str:
    """Return the long text form; silence is an empty interval, since tiers have no gaps."""
    rows = tiers(result) or {UNKNOWN: []}
    end = max(end_of(result, row) for row in rows.values())
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end:.3f}",
        "tiers? <exists>",
        f"size = {len(rows)}",
        "item []:",
    ]
    for number, (name, row) in enumerate(rows.items(), start=1):
        intervals = _tiled(row, end)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(name)}",
            "        xmin = 0",
            f"        xmax = {end:.3f}",
            f"        intervals: size = {len(intervals)}",
        ]
        for place, (start, stop, text) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start:.3f}",
                f"            xmax = {stop:.3f}",
                f"            text = {_quoted(text)}",
            ]
    return "\n".join(lines) + "\n"


def _tiled(row: Sequence[Utterance], end: float) -> list[tuple[float, float, str]]:
    """Return a tier's intervals with the silence between them filled in."""
    intervals: list[tuple[float, float, str]] = []
    clock = 0.0
    for part in row:
        if part.start > clock:
            intervals.append((clock, part.start, ""))
        # a turn without a transcript shows its speaker's name
        intervals.append((part.start, part.end, part.text or part.speaker or UNKNOWN))
        clock = part.end
    if end > clock or not intervals:
        intervals.append((clock, end, ""))
    return intervals


def _quoted(text: str) -> str:
    return '"' + one_line(text).replace('"', '""') + '"'
