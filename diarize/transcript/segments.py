"""Cutting segments of a transcript where the speaker changes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, pairwise
from typing import Any

from diarize.transcript.sentences import ends_sentence
from diarize.transcript.tokenize import tokens


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
    Where the text does not hold the words as they are, those that it does hold tell the places.

    Examples
    --------
    >>> split_text(" So it is. Yes!", [" So", " it", " is.", " Yes!"], [0, 3])
    [' So it is.', ' Yes!']
    >>> split_text("I have 10. Oh, have you?", ["I", "have", "ten", "oh", "you"], [0, 3])
    ['I have 10.', ' Oh, have you?']
    """
    offsets = _offsets(text, words) or _aligned(text, words)
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


def _aligned(text: str, words: Sequence[str]) -> list[int]:
    """Return where each word probably begins in a text that has other words, more or fewer.

    Words with the letters of a part of the text begin there. Between two of those, words and parts
    share the room evenly; parts that no word claims end the sentence of the word before them.
    """
    heads, theirs, end = [], [], 0
    for part in tokens(text):
        if _letters(part):
            heads.append(end)
            theirs.append(_letters(part))
        end += len(part)
    heads = [0, *heads[1:], len(text)]
    ours: list[str] = []
    firsts = []
    for word in words:
        firsts.append(len(ours))
        ours += filter(None, map(_letters, tokens(word)))
    blocks = SequenceMatcher(None, ours, theirs).get_matching_blocks()
    same = ((a + i, b + i) for a, b, size in blocks for i in range(size))
    pairs = [(-1, -1), *same, (len(ours), len(theirs))]
    offsets = []
    for first in firsts:
        at = bisect_left(pairs, (first, -1))
        (before, low), (after, high) = pairs[at - 1], pairs[at]
        others = after - before - 1
        if others:
            place = low + 1 + (high - low - 1) * (first - before - 1) // others
        else:
            parts = range(max(low, 0), high - 1)
            ends = (
                part + 1 for part in parts if ends_sentence(text[heads[part] : heads[part + 1]])
            )
            place = next(ends, high)
        offsets.append(heads[place])
    return offsets


def _letters(part: str) -> str:
    return "".join(character for character in part.lower() if character.isalnum())


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
