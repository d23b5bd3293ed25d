"""Cutting segments of a transcript where the speaker changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diarize.transcript.options import AssignOptions


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive words ``[start, stop)`` of one speaker, with their summed time in seconds."""

    start: int
    stop: int
    speaker: int
    seconds: float


def split_words(
    speakers: Sequence[int],
    lengths: Sequence[float],
    natural: Sequence[bool],
    evidence: Sequence[Sequence[int] | None],
    options: AssignOptions,
) -> list[Run]:
    """Cut one segment's words into runs of one speaker each.

    A run too small to stand alone joins its longer neighbour, unless it lies between natural
    breaks, as a whole remark does, or the voice leaves little doubt. Each resulting run is looked
    at again by itself, until nothing changes, so a run's own words would not be split any further.

    Parameters
    ----------
    speakers : sequence of int
        The speaker of each word.
    lengths : sequence of float
        How long each word takes, in seconds.
    natural : sequence of bool
        Whether a sentence ends or a pause follows after each word.
    evidence : sequence of (sequence of int, or None)
        What each speaker costs for each word, in thousandths of a nat.
    """
    pending, done = [(0, len(speakers))], []
    while pending:
        start, stop = pending.pop()
        runs = _large_runs(start, stop, speakers, lengths, natural, evidence, options)
        if len(runs) == 1:
            done.append(runs[0])
        else:
            pending += [(run.start, run.stop) for run in reversed(runs)]
    return done


def _large_runs(
    start: int,
    stop: int,
    speakers: Sequence[int],
    lengths: Sequence[float],
    natural: Sequence[bool],
    evidence: Sequence[Sequence[int] | None],
    options: AssignOptions,
) -> list[Run]:
    """Return the runs within a range of words after the small ones have joined their neighbours."""
    runs = []
    for speaker, group in groupby(range(start, stop), key=speakers.__getitem__):
        places = list(group)
        runs.append(
            Run(places[0], places[-1] + 1, speaker, sum(lengths[place] for place in places))
        )
    total = sum(run.seconds for run in runs)

    def stands(place: int) -> bool:
        run = runs[place]
        opens = run.start == start or natural[run.start - 1]
        closes = run.stop == stop or natural[run.stop - 1]
        if opens and closes:
            return True
        long = run.seconds >= options.min_run_seconds
        share = total > 0 and run.seconds / total >= options.min_run_share
        if run.stop - run.start >= options.min_run_words and (long or share):
            return True
        owner = runs[_longer_neighbour(runs, place)].speaker
        lost = sum(
            costs[owner] - costs[run.speaker]
            for costs in evidence[run.start : run.stop]
            if costs is not None
        )
        return lost >= 1000 * options.sure_run

    while len(runs) > 1:
        small = [place for place in range(len(runs)) if not stands(place)]
        if not small:
            break
        runs = _absorb(runs, min(small, key=lambda place: (runs[place].seconds, place)))
    return runs


def _longer_neighbour(runs: Sequence[Run], place: int) -> int:
    beside = [other for other in (place - 1, place + 1) if 0 <= other < len(runs)]
    return max(beside, key=lambda other: (runs[other].seconds, -other))


def _absorb(runs: list[Run], place: int) -> list[Run]:
    """Give a run to its longer neighbour, and join what then belongs together."""
    speaker = runs[_longer_neighbour(runs, place)].speaker
    joined: list[Run] = []
    for index, run in enumerate(runs):
        owner = speaker if index == place else run.speaker
        if joined and joined[-1].speaker == owner:
            last = joined.pop()
            joined.append(Run(last.start, run.stop, owner, last.seconds + run.seconds))
        else:
            joined.append(Run(run.start, run.stop, owner, run.seconds))
    return joined


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
    """Return one segment for each run.

    Every other key of the segment (``tokens``, ``avg_logprob``, …) is copied to each piece: it
    describes the stretch that the pieces came from. ``words`` are shared out.

    Parameters
    ----------
    segment : dict
        With ``start`` and ``end``.
    bounds : sequence of (start, end)
        Each word's time in seconds.
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
