"""Segments of time, and operations on lists of them: union, difference, intersection, coverage.

Lists are called *in order* when each segment begins no earlier than the one before it, and
*disjoint* when none begins before the one before it has ended. Every function is one sweep over
time, so its cost is that of sorting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Protocol, TypeVar

from diarize.text import instant

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Span(Protocol):
    """Anything that begins and ends, in seconds."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


One = TypeVar("One", bound=Span)
Other = TypeVar("Other", bound=Span)


@dataclass(frozen=True, order=True, slots=True)
class Segment:
    """A stretch of time, in seconds; empty (and false) when it has no length.

    Examples
    --------
    >>> Segment(1.0, 3.0) & Segment(2.0, 5.0)
    Segment(start=2.0, end=3.0)
    >>> bool(Segment(1.0, 3.0) & Segment(4.0, 5.0))
    False
    >>> 2.5 in Segment(1.0, 3.0)
    True
    """

    start: float
    end: float

    def __str__(self) -> str:
        return f"{instant(self.start)} - {instant(self.end)}"

    @property
    def duration(self) -> float:
        """Length in seconds, never negative."""
        return max(0.0, self.end - self.start)

    @property
    def middle(self) -> float:
        """The instant halfway through, in seconds."""
        return 0.5 * (self.start + self.end)

    def __bool__(self) -> bool:
        return self.end > self.start

    def __and__(self, other: Segment) -> Segment:
        """Return the time that both share (empty when they are apart)."""
        return Segment(max(self.start, other.start), min(self.end, other.end))

    def __or__(self, other: Segment) -> Segment:
        """Return the shortest segment that covers both."""
        return Segment(min(self.start, other.start), max(self.end, other.end))

    def __contains__(self, instant: float) -> bool:
        return self.start <= instant < self.end

    def overlap(self, other: Segment) -> float:
        """Return how many seconds both share."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))

    def gap(self, other: Segment) -> float:
        """Return the seconds of silence between both, 0 when they touch or overlap."""
        return max(0.0, max(self.start, other.start) - min(self.end, other.end))


@dataclass(frozen=True, order=True, slots=True)
class Turn:
    """A stretch in which one speaker talks.

    Parameters
    ----------
    start, end : float
        Seconds.
    speaker : str
        The speaker's label, such as ``SPEAKER_00``.
    confidence : float or None
        Margin between the best and the second-best speaker for this turn, 0 to 1. It orders turns
        by how sure the decision is; it is not a calibrated probability.
    overlap : bool
        True where somebody else talks at the same time.
    unsure : bool
        True where the turn does not sound like the enrolled person that its speaker is named after.
    candidates : tuple of (str, float)
        Of a turn that was identified by itself: the enrolled people whom it sounds most like, best
        first, with the cosines.
    """

    start: float
    end: float
    speaker: str
    confidence: float | None = field(default=None, compare=False)
    overlap: bool = field(default=False, compare=False)
    unsure: bool = field(default=False, compare=False)
    candidates: tuple[tuple[str, float], ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.segment}  {self.speaker}"

    @property
    def segment(self) -> Segment:
        """The turn's time alone."""
        return Segment(self.start, self.end)

    @property
    def duration(self) -> float:
        """Length in seconds, never negative."""
        return max(0.0, self.end - self.start)


def union(segments: Iterable[Segment], gap: float = 0.0) -> list[Segment]:
    """Join segments that overlap, touch, or lie at most ``gap`` seconds apart.

    Examples
    --------
    >>> union([Segment(2, 3), Segment(0, 1), Segment(0.5, 1.5)])
    [Segment(start=0, end=1.5), Segment(start=2, end=3)]
    """
    joined: list[Segment] = []
    for segment in sorted(segment for segment in segments if segment):
        if joined and segment.start <= joined[-1].end + gap:
            joined[-1] = joined[-1] | segment
        else:
            joined.append(segment)
    return joined


def divided(start: float, end: float, weights: Sequence[float]) -> list[Segment]:
    """Cut a stretch of time into parts whose lengths are in proportion to weights.

    Examples
    --------
    >>> divided(1.0, 3.0, [3, 1])
    [Segment(start=1.0, end=2.5), Segment(start=2.5, end=3.0)]
    """
    total = sum(weights)
    edges = [start + (end - start) * done / total for done in accumulate(weights)]
    return [Segment(*pair) for pair in pairwise([start, *edges])]


def difference(regions: Iterable[Segment], holes: Iterable[Segment]) -> list[Segment]:
    """Return the parts of regions outside of holes; neither need be in order.

    Examples
    --------
    >>> difference([Segment(0, 4), Segment(5, 6)], [Segment(1, 2), Segment(3.5, 5.5)])
    [Segment(start=0, end=1), Segment(start=2, end=3.5), Segment(start=5.5, end=6)]
    """
    left: list[Segment] = []
    gaps = union(holes)
    first = 0
    for region in sorted(regions):
        start = region.start
        while first < len(gaps) and gaps[first].end <= start:
            first += 1
        for hole in gaps[first:]:
            if hole.start >= region.end:
                break
            if hole.start > start:
                left.append(Segment(start, hole.start))
            start = max(start, hole.end)
        if start < region.end:
            left.append(Segment(start, region.end))
    return left


def intersection(some: Iterable[Segment], others: Sequence[Segment]) -> list[Segment]:
    """Return the time that two lists share, each of them in order and disjoint.

    Examples
    --------
    >>> intersection([Segment(0, 4), Segment(5, 9)], [Segment(1, 2), Segment(3, 6), Segment(8, 12)])
    [Segment(start=1, end=2), Segment(start=3, end=4), Segment(start=5, end=6), \
Segment(start=8, end=9)]
    """
    return [one & other for one, other in overlapping_pairs(some, others)]


def overlapping_pairs(some: Iterable[One], others: Sequence[Other]) -> Iterator[tuple[One, Other]]:
    """Yield the pairs that share time, one of each list; both are in order and disjoint."""
    first = 0
    for one in some:
        while first < len(others) and others[first].end <= one.start:
            first += 1
        index = first
        while index < len(others) and others[index].start < one.end:
            if one.end > one.start and others[index].end > others[index].start:
                yield one, others[index]
            index += 1


def layers(spans: Sequence[One]) -> Iterator[tuple[float, float, list[One]]]:
    """Yield (start, end, spans there) between all neighboring edges where any span lies.

    Examples
    --------
    >>> for start, end, there in layers([Segment(0, 4), Segment(3, 6)]):
    ...     print(start, end, len(there))
    0 3 1
    3 4 2
    4 6 1
    """
    waiting = sorted(spans, key=lambda span: span.start)
    edges = sorted({edge for span in waiting for edge in (span.start, span.end)})
    active: list[One] = []
    upcoming = 0
    for start, end in pairwise(edges):
        active = [span for span in active if span.end > start]  # a new list: the last one is given
        while upcoming < len(waiting) and waiting[upcoming].start <= start:
            if waiting[upcoming].end > start:
                active.append(waiting[upcoming])
            upcoming += 1
        if active:
            yield start, end, active


def runs(mask: npt.NDArray[np.bool_], step: float, start: float = 0.0) -> list[Segment]:
    """Return the stretches of true frames as segments; a frame lasts ``step`` seconds.

    Examples
    --------
    >>> import numpy as np
    >>> runs(np.array([False, True, True, False]), 0.5)
    [Segment(start=0.5, end=1.5)]
    """
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [
        Segment(start + float(first) * step, start + float(after) * step)
        for first, after in zip(edges[::2], edges[1::2], strict=True)
    ]


def coverage(spans: Sequence[Span], regions: Sequence[Segment]) -> npt.NDArray[np.float64]:
    """Return how many seconds of each span lie in the regions, which are in order and disjoint.

    Examples
    --------
    >>> coverage([Segment(0.0, 2.0), Segment(1.5, 4.0)], [Segment(0.5, 1.0), Segment(1.75, 3.0)])
    array([0.75, 1.25])
    """
    import numpy as np

    edges = np.array([[region.start, region.end] for region in regions]).reshape(-1, 2)
    passed = np.concatenate([[0.0], np.cumsum(edges[:, 1] - edges[:, 0])])

    def before(instants: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        index = np.searchsorted(edges[:, 0], instants, side="right") - 1
        inside = np.minimum(instants, edges[index, 1]) - edges[index, 0]
        return np.where(index >= 0, passed[np.maximum(index, 0)] + inside, 0.0)

    if not len(edges):
        return np.zeros(len(spans))
    ends = np.array([[span.start, span.end] for span in spans]).reshape(-1, 2)
    seconds: npt.NDArray[np.float64] = before(ends[:, 1]) - before(ends[:, 0])
    return seconds
