"""Cutting segments of a transcript where the speaker changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive words ``[start, stop)`` of one speaker."""

    start: int
    stop: int
    speaker: int


def runs_of(speakers: Sequence[int]) -> list[Run]:
    """Return the runs of one speaker in a row of words.

    Examples
    --------
    >>> [(run.start, run.stop, run.speaker) for run in runs_of([0, 0, 1])]
    [(0, 2, 0), (2, 3, 1)]
    """
    runs = []
    for speaker, group in groupby(range(len(speakers)), key=speakers.__getitem__):
        places = list(group)
        runs.append(Run(places[0], places[-1] + 1, speaker))
    return runs


def split_text(text: str, words: Sequence[str], starts: Sequence[int]) -> list[str]:
    """Cut a segment's text before the words at ``starts`` (the first of which is word 0).

    The pieces put together are the text again. White space goes with the word that follows it.
    Where the text does not hold the words as they are, the pieces are made of the words.

    Examples
    --------
    >>> split_text(" So it is. Yes!", [" So", " it", " is.", " Yes!"], [0, 3])
    [' So it is.', ' Yes!']
    """
    offsets = _offsets(text, words)
    if offsets is None:
        spaced = any(word[:1].isspace() for word in words) or not text.strip().count(" ")
        joiner = "" if spaced else " "
        stops = [*starts[1:], len(words)]
        return [joiner.join(words[a:b]) for a, b in zip(starts, stops, strict=True)]
    cuts = [0, *(offsets[start] for start in starts[1:]), len(text)]
    return [text[a:b] for a, b in pairwise(cuts)]


def _offsets(text: str, words: Sequence[str]) -> list[int] | None:
    """Return where each word, with the white space before it, begins in ``text``."""
    offsets, cursor = [], 0
    for word in words:
        found = text.find(word.strip(), cursor)
        if found < 0 or text[cursor:found].strip():
            return None
        offsets.append(cursor)
        cursor = found + len(word.strip())
    return offsets


def split_segment(
    segment: dict[str, Any],
    words: Sequence[str],
    bounds: Sequence[tuple[float, float]],
    runs: Sequence[Run],
) -> list[dict[str, Any]]:
    """Return one segment for each run; ``bounds`` are the words' times in seconds.

    Every other key of the segment (``tokens``, ``avg_logprob``, …) is copied to each piece: it
    describes the stretch that the pieces came from. ``words`` are shared out.
    """
    if len(runs) <= 1:
        return [segment]
    texts = split_text(str(segment.get("text", "")), words, [run.start for run in runs])
    pieces = []
    for place, (run, text) in enumerate(zip(runs, texts, strict=True)):
        piece = {**segment, "text": text}
        if place:
            piece["start"] = bounds[run.start][0]
        if place + 1 < len(runs):
            piece["end"] = max(end for _, end in bounds[run.start : run.stop])
        piece["end"] = max(piece["start"], piece["end"])
        if segment.get("words"):
            piece["words"] = segment["words"][run.start : run.stop]
        pieces.append(piece)
    return pieces


def renumber(segments: Sequence[dict[str, Any]]) -> None:
    """Count numeric segment ids up again from the first one."""
    if all(isinstance(segment.get("id"), int) for segment in segments):
        for place, segment in enumerate(segments):
            segment["id"] = segments[0]["id"] + place
