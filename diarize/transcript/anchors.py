"""Which words a short turn stands for: those that its edges and the sentences fit best."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diarize.settings import WordSettings
from diarize.transcript.boundaries import BoundaryError


@dataclass(frozen=True, slots=True)
class IndexedTurn:
    """A turn, in seconds, with its speaker's index.

    ``nested``: it lies within another speaker's turn; ``touches``: another one ends or begins
    exactly where it begins or ends.
    """

    start: float
    end: float
    speaker: int
    nested: bool = False
    touches: bool = False


def anchors(
    turns: Sequence[IndexedTurn],
    spoken: Sequence[tuple[float, float]],
    stds: Sequence[float],
    switch_costs: Sequence[float],
    error: BoundaryError,
    options: WordSettings,
) -> list[dict[int, float]]:
    """Return for each word the speakers with a short turn that it belongs to.

    Somebody said something in every turn: however uncertain a short turn's edges are, the words
    that it fits best are its speaker's. That is not so for a turn within another one, since
    recognisers often leave out a murmur under somebody's speech, nor for one that another speaker's
    follows without a pause, where the diarizer is bad at such changes.

    Words have the seconds in which they are spoken, the standard deviations of these (0 where they
    are not estimated), and the nats that a change of speaker after each costs. With each speaker
    comes what the turn speaks for, in nats, shared by its words: that turns are rarely invented,
    and how much likelier its edges are if these words are the whole turn than if it has nothing to
    do with words.
    """
    anchored: list[dict[int, float]] = [{} for _ in spoken]
    order = sorted(range(len(spoken)), key=lambda word: spoken[word][0])
    starts = [spoken[word][0] for word in order]
    least_std = max(options.anchor_min_std, error.pause)
    longest = options.anchor_reach * math.hypot(least_std, max(stds, default=0.0))
    doubtful_changes = error.change > 2.0 * error.pause
    phantom = -math.log(options.outlier_probability)
    for turn in turns:
        if turn.nested or (turn.touches and doubtful_changes):
            continue
        first = bisect_left(starts, turn.start - longest)
        near = order[first : bisect_right(starts, turn.start + longest)]
        best: tuple[float, float, range] | None = None
        for first in near:
            std = math.hypot(least_std, stds[first])
            opening = switch_costs[first - 1] if first else 0.0
            for last, misfit in _runs(turn, spoken, first, std, options):
                cost = misfit + opening + switch_costs[last]
                if best is None or cost < best[0]:
                    chance = 2.0 * math.log(options.word_step / std / math.sqrt(math.tau))
                    best = cost, chance - misfit, range(first, last + 1)
        if best is None:
            continue
        _, fit, words = best
        share = (phantom + max(0.0, fit)) / len(words)
        for word in words:
            anchored[word][turn.speaker] = max(share, anchored[word].get(turn.speaker, 0.0))
    return anchored


def _runs(
    turn: IndexedTurn,
    spoken: Sequence[tuple[float, float]],
    first: int,
    std: float,
    options: WordSettings,
) -> Iterator[tuple[int, float]]:
    """Yield the last words of the runs from ``first`` on that a turn may be, and their misfits."""
    begin = spoken[first][0]
    for last in range(first, min(first + options.anchor_max_words, len(spoken))):
        finish = spoken[last][1]
        overlaps = begin < turn.end and finish > turn.start
        if overlaps and abs(turn.end - finish) <= options.anchor_reach * std:
            apart = ((turn.start - begin) / std) ** 2 + ((turn.end - finish) / std) ** 2
            yield last, 0.5 * apart
