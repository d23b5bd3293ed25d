"""Regions of speech cut into the windows that get an embedding each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil

from diarize.timeline import Segment


def split_at(
    regions: Iterable[Segment], instants: Sequence[float], shortest: float
) -> list[Segment]:
    """Cut regions at instants (ascending), leaving no piece shorter than ``shortest`` seconds.

    Examples
    --------
    >>> split_at([Segment(0.0, 4.0)], [1.0, 3.95], shortest=0.1)
    [Segment(start=0.0, end=1.0), Segment(start=1.0, end=4.0)]
    """
    pieces: list[Segment] = []
    for region in regions:
        start = region.start
        for instant in instants[bisect_right(instants, region.start) :]:
            if instant > region.end - shortest:
                break
            if instant >= start + shortest:
                pieces.append(Segment(start, instant))
                start = instant
        pieces.append(Segment(start, region.end))
    return pieces


def sliding_windows(
    pieces: Iterable[Segment], window: float, hop: float, shortest: float
) -> list[Segment]:
    """Cut each piece into evenly spaced windows, at most ``hop`` seconds apart.

    All in seconds. A piece that is not longer than a window is one window; a piece shorter than
    ``shortest`` gets none.

    Examples
    --------
    >>> sliding_windows([Segment(0.0, 2.0), Segment(3.0, 3.5)], window=1.5, hop=0.75, shortest=0.1)
    [Segment(start=0.0, end=1.5), Segment(start=0.5, end=2.0), Segment(start=3.0, end=3.5)]
    """
    windows: list[Segment] = []
    for piece in pieces:
        spare = piece.duration - window
        if piece.duration < shortest - 1e-9:
            continue
        if spare <= 0.05:
            windows.append(piece)
            continue
        steps = max(1, ceil(spare / hop - 1e-6))
        starts = [piece.start + spare * index / steps for index in range(steps + 1)]
        windows += [Segment(start, start + window) for start in starts]
    return windows


def equal_segments(pieces: Iterable[Segment], longest: float, shortest: float) -> list[Segment]:
    """Cut each piece into the fewest equal parts of at most ``longest`` seconds.

    A piece shorter than ``shortest`` gets none.

    Examples
    --------
    >>> pieces = [Segment(0.0, 6.0), Segment(7.0, 7.2), Segment(8.0, 9.0)]
    >>> equal_segments(pieces, longest=4.8, shortest=0.5)
    [Segment(start=0.0, end=3.0), Segment(start=3.0, end=6.0), Segment(start=8.0, end=9.0)]
    """
    parts: list[Segment] = []
    for piece in pieces:
        if piece.duration < shortest - 1e-9:
            continue
        count = max(1, ceil(piece.duration / longest - 1e-6))
        edges = [piece.start + piece.duration * at / count for at in range(count)] + [piece.end]
        parts += [Segment(start, end) for start, end in pairwise(edges)]
    return parts
