"""How exactly the turns' edges and the words' times fit together, estimated from both."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from diarize.settings import WordSettings
from diarize.timeline import Turn

_STDS = tuple(0.02 * 2 ** (step / 2) for step in range(11))  # seconds: 0.02, 0.028, … 0.64


@dataclass(frozen=True, slots=True)
class BoundaryError:
    """Standard deviations, in seconds, of turn edges against word times.

    ``pause`` is that of edges beside which nobody else speaks; ``change`` that of edges at which
    somebody else goes on, or speaks at the same time: a diarizer has no silence to go by there.
    """

    pause: float
    change: float


def estimate_boundary_error(
    turns: Sequence[Turn],
    starts: Sequence[tuple[float, float]],
    ends: Sequence[tuple[float, float]],
    options: WordSettings,
) -> BoundaryError:
    """Estimate how far turn edges lie from the word edges that they mean.

    Which word edge a turn's edge means is not known: every one near it may be, in proportion to how
    likely a change of speaker is there. The error is the one that makes the turns' edges likeliest,
    under a log-normal prior. ``starts`` and ``ends`` say when words start and end, and what a
    change of speaker before or after them costs, in nats.
    """
    instants = {True: sorted(starts), False: sorted(ends)}
    scores = {
        change: [-0.5 * (math.log(std / centre) / options.std_spread) ** 2 for std in _STDS]
        for change, centre in ((False, options.pause_std), (True, options.change_std))
    }
    for edge, opens, change in _edges(turns, options.touch):
        words = instants[opens]
        first = bisect_left(words, (edge - options.edge_reach, -math.inf))
        stop = bisect_right(words, (edge + options.edge_reach, math.inf))
        near = [(edge - instant, math.exp(-cost)) for instant, cost in words[first:stop]]
        if not near:
            continue
        total = sum(weight for _, weight in near)
        for place, std in enumerate(_STDS):
            density = sum(
                weight * math.exp(-0.5 * (distance / std) ** 2) for distance, weight in near
            )
            likelihood = density / total / std / math.sqrt(math.tau)
            scores[change][place] += math.log(options.edge_floor + likelihood)
    best = {
        change: _STDS[max(range(len(_STDS)), key=row.__getitem__)] for change, row in scores.items()
    }
    return BoundaryError(pause=best[False], change=best[True])


def _edges(turns: Sequence[Turn], touch: float) -> list[tuple[float, bool, bool]]:
    """Return each edge of each turn: (seconds, whether the turn begins, whether it is a change)."""
    ordered = sorted(turn for turn in turns if turn.end > turn.start)
    edges: list[tuple[float, bool, bool]] = []
    before: list[Turn] = []
    for place, turn in enumerate(ordered):
        before = [other for other in before if other.end >= turn.start - touch]
        after = itertools.takewhile(
            lambda other, end=turn.end: other.start <= end + touch,  # type: ignore[misc]
            itertools.islice(ordered, place + 1, None),
        )
        opens = any(other.speaker != turn.speaker for other in before)
        closes = any(
            other.speaker != turn.speaker and other.end >= turn.end for other in (*before, *after)
        )
        edges += [(turn.start, True, opens), (turn.end, False, closes)]
        before.append(turn)
    return edges
