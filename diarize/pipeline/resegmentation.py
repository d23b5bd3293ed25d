"""From labelled windows to turns: frame scores, a search for the best path, and tidy edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from diarize.annotation import speaker_label
from diarize.arrays import Float64, Int64
from diarize.settings import DEFAULTS, ResegmentationSettings
from diarize.timeline import Segment, Turn, overlapping_pairs, union

Quietest = Callable[[float, float], float]
"""Given the beginning and the end of a stretch in seconds, returns its quietest instant."""


@dataclass(frozen=True)
class _Run:
    """Frames of one region that go to one speaker."""

    start: float
    end: float
    speaker: int
    margin: float

    @property
    def duration(self) -> float:
        return self.end - self.start


def frame_scores(
    region: Segment, windows: Sequence[Segment], scores: Float64, step: float
) -> Float64:
    """Return each speaker's score in every frame of a region by overlap-add.

    A window counts most for the frames at its middle (a triangle over its length).

    Parameters
    ----------
    windows : sequence of Segment
        Those that touch the region, with
    scores : (len(windows), K) float array
        their similarity to each speaker.
    step : float
        Seconds of a frame.

    Returns
    -------
    (frames, K) float64 array
        A frame that no window covers takes the scores of the nearest window.
    """
    count = max(1, round(region.duration / step))
    instants = region.start + (np.arange(count) + 0.5) * step
    total = np.zeros((count, scores.shape[1]))
    weight = np.zeros(count)
    for window, score in zip(windows, scores, strict=True):
        half = max(window.duration / 2, step)
        first = max(0, int((window.start - region.start) / step))
        last = min(count, int((window.end - region.start) / step) + 2)
        near = 1.0 - np.abs(instants[first:last] - window.middle) / half
        near = np.maximum(near, 0.0)
        total[first:last] += near[:, None] * score
        weight[first:last] += near
    bare = weight <= 1e-9
    if bare.any():
        middles = np.array([window.middle for window in windows])
        nearest = np.abs(instants[bare, None] - middles).argmin(axis=1)
        total[bare], weight[bare] = scores[nearest], 1.0
    return total / weight[:, None]


def best_path(scores: Float64, switch: float) -> Int64:
    """Return the speaker of each frame on the path that scores best.

    The Viterbi algorithm over frames, in which going from one speaker to another costs ``switch``.

    Examples
    --------
    >>> scores = np.array([[1.0, 0.0], [0.4, 0.5], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> best_path(scores, switch=0.5).tolist()
    [0, 0, 0, 1, 1]
    """
    count, speakers = scores.shape
    if speakers == 1:
        return np.zeros(count, dtype=np.int64)
    came_from = np.empty((count, speakers), dtype=np.int64)
    stay = np.arange(speakers)
    best = scores[0].copy()
    for frame in range(1, count):
        leader = int(best.argmax())
        switched = best < best[leader] - switch
        came_from[frame] = np.where(switched, leader, stay)
        best = np.where(switched, best[leader] - switch, best) + scores[frame]
    path = np.empty(count, dtype=np.int64)
    path[-1] = int(best.argmax())
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def to_turns(
    regions: Sequence[Segment],
    windows: Sequence[Segment],
    scores: Float64,
    *,
    changes: Sequence[float] = (),
    quietest: Quietest | None = None,
    settings: ResegmentationSettings = DEFAULTS.resegmentation,
) -> list[Turn]:
    """Turn the scores of windows into turns of speakers.

    Parameters
    ----------
    regions : sequence of Segment
        Where speech is; in order, disjoint. Turns lie in them; who talks is found across short
        pauses.
    windows : sequence of Segment
        In order of their beginning.
    scores : (len(windows), K) float array
        Cosine of each window with each speaker.
    changes : sequence of float
        Instants at which the speaker is known to change; a change of ours moves to the nearest.
    quietest : callable, optional
        Where to put a change that no known instant is near to.

    Returns
    -------
    list of Turn
        In order, disjoint; speaker ``k`` of the scores is labelled ``speaker_label(k)``. The
        confidence of a turn is the mean margin of its speaker over the next best one (where there
        is but one speaker, the mean cosine). It is not a calibrated probability.
    """
    if not len(windows):
        return []
    starts = np.array([window.start for window in windows])
    median = median_margin(scores)
    runs: list[_Run] = []
    for region in union(regions, settings.bridge):
        first, last = np.searchsorted(starts, [region.start - 1e-6, region.end])
        if first == last:
            # Too short for a window: the nearest one speaks for it.
            middles = np.array([window.middle for window in windows])
            first = int(np.abs(middles - region.middle).argmin())
            last = first + 1
        frames = frame_scores(region, windows[first:last], scores[first:last], settings.step)
        found = _runs(region, frames, median, settings)
        runs += _align_changes(found, changes, quietest, settings.snap)
    return [_turn(run) for run in _join(_inside_regions(runs, regions), settings.join)]


def _runs(
    region: Segment, frames: Float64, median: float, settings: ResegmentationSettings
) -> list[_Run]:
    """Cut a region into runs of one speaker, with unsure short islands absorbed."""
    path = best_path(frames, settings.switch_cost * median)
    margins = margins_of(frames)
    unsure = settings.island_margin * median
    bounds = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    index = 1
    while index + 2 < len(bounds):
        before, here, after = (int(path[bounds[index + shift]]) for shift in (-1, 0, 1))
        part = slice(bounds[index], bounds[index + 1])
        short = (part.stop - part.start) * settings.step < settings.min_island
        if before == after and short and margins[part, here].mean() < unsure:
            path[part] = before
            del bounds[index : index + 2]
            index = max(1, index - 1)
        else:
            index += 1
    edges = [region.start + bound * settings.step for bound in bounds]
    edges[-1] = region.end
    return [
        _Run(edges[i], edges[i + 1], int(path[a]), float(margins[a:b, path[a]].mean()))
        for i, (a, b) in enumerate(pairwise(bounds))
    ]


def margins_of(scores: Float64) -> Float64:
    """Return each speaker's score less the best other one's; with one speaker, the score."""
    if scores.shape[1] == 1:
        return scores
    top = np.sort(scores, axis=1)
    others = np.where(scores >= top[:, -1:], top[:, -2:-1], top[:, -1:])
    margin: Float64 = scores - others
    return margin


def median_margin(scores: Float64) -> float:
    """Return the median margin of the best speaker: the scale of costs, whatever the model's is."""
    if scores.shape[1] < 2:
        return 1.0
    top = np.partition(scores, -2, axis=1)[:, -2:]
    return float(np.median(top[:, 1] - top[:, 0]))


def _align_changes(
    runs: list[_Run], changes: Sequence[float], quietest: Quietest | None, reach: float
) -> list[_Run]:
    """Move each change inside a region to a known instant, or to the quietest, within reach."""
    known = np.asarray(changes, dtype=np.float64)
    for index in range(1, len(runs)):
        edge = runs[index].start
        low = max(edge - reach, (runs[index - 1].start + edge) / 2)
        high = min(edge + reach, (edge + runs[index].end) / 2)
        near = known[(known >= low) & (known <= high)]
        if len(near):
            edge = float(near[np.abs(near - edge).argmin()])
        elif quietest is not None:
            edge = min(max(quietest(low, high), low), high)
        runs[index - 1] = replace(runs[index - 1], end=edge)
        runs[index] = replace(runs[index], start=edge)
    return runs


def _inside_regions(runs: Sequence[_Run], regions: Sequence[Segment]) -> list[_Run]:
    """Return what of runs lies in regions; both are in order and disjoint."""
    return [
        replace(run, start=max(run.start, region.start), end=min(run.end, region.end))
        for run, region in overlapping_pairs(runs, regions)
    ]


def _join(runs: Sequence[_Run], gap: float) -> list[_Run]:
    """Join neighbours of one speaker over short silences; confidence is averaged by length."""
    joined: list[_Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last and last.speaker == run.speaker and run.start - last.end <= gap:
            length = max(last.duration + run.duration, 1e-9)
            margin = (last.margin * last.duration + run.margin * run.duration) / length
            joined[-1] = _Run(last.start, run.end, run.speaker, margin)
        else:
            joined.append(run)
    return joined


def _turn(run: _Run) -> Turn:
    confidence = round(min(1.0, max(0.0, run.margin)), 4)
    return Turn(run.start, run.end, speaker_label(run.speaker), confidence=confidence)
