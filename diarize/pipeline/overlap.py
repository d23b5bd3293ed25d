"""Who else talks where two talk at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.annotation import speaker_label
from diarize.arrays import Float64
from diarize.clustering.pairs import LocalWindow
from diarize.segmentation.activity import LocalSpeakers, SpeechActivity
from diarize.settings import DEFAULTS, OverlapSettings
from diarize.timeline import Segment, Turn


def solo_seconds(windows: Sequence[Segment], local: LocalSpeakers, index: int) -> Float64:
    """Return how long each local speaker of one local window is alone in each window.

    Parameters
    ----------
    index : int
        The local window.

    Returns
    -------
    (len(windows), S) float64 array
        Seconds; S is the number of local speakers that a local window can have.
    """
    start = float(local.starts[index])
    activity = local.activity[index]
    alone = activity & (activity.sum(axis=1, keepdims=True) == 1)
    so_far = np.vstack([np.zeros(alone.shape[1]), np.cumsum(alone, axis=0)])
    edges = np.array([[window.start, window.end] for window in windows]).reshape(-1, 2)
    frames = np.clip(np.rint((edges - start) / local.step), 0, len(activity)).astype(np.int64)
    seconds: Float64 = (so_far[frames[:, 1]] - so_far[frames[:, 0]]) * local.step
    return seconds


def local_windows(windows: Sequence[Segment], local: LocalSpeakers) -> list[LocalWindow]:
    """Return what each local window says of the windows that begin in it.

    Local windows lie two over each other: every second counts for a half.
    """
    starts = np.array([window.start for window in windows])
    found = []
    for index, activity in enumerate(local.activity):
        first, last = _inside(starts, local, index)
        if last > first:
            alone = solo_seconds(windows[first:last], local, index) / 2.0
            active = activity.astype(np.float64)
            joint = active.T @ active * (local.step / 2.0)
            np.fill_diagonal(joint, 0.0)
            found.append(LocalWindow(first, alone, joint))
    return found


def second_turn_regions(
    activity: SpeechActivity, settings: OverlapSettings = DEFAULTS.overlap
) -> Sequence[Segment]:
    """Return the overlaps that get a second turn.

    The certain ones; all, where people often talk at once or the source does not tell which are
    certain.

    Examples
    --------
    >>> from dataclasses import replace
    >>> talk = SpeechActivity((Segment(0, 10),), (Segment(2, 3),), confident_overlaps=())
    >>> second_turn_regions(talk), second_turn_regions(replace(talk, speech=(Segment(0, 5),)))
    ((), (Segment(start=2, end=3),))
    """
    speech = sum(part.duration for part in activity.speech)
    both = sum(part.duration for part in activity.overlaps)
    if activity.confident_overlaps is None or both > settings.lively_share * speech:
        return activity.overlaps
    return activity.confident_overlaps


def overlapped_turns(
    turns: Sequence[Turn],
    overlaps: Sequence[Segment],
    windows: Sequence[Segment],
    scores: Float64,
    local: LocalSpeakers | None,
    settings: OverlapSettings = DEFAULTS.overlap,
) -> list[Turn]:
    """Return the turns of those who talk at the same time as the main speaker.

    The two local speakers of an overlap are assigned to two different speakers by the windows in
    which they talk alone. Where that is unknown, the second speaker is the nearest other one in
    time: overlaps happen where a turn passes from one to the next.

    Parameters
    ----------
    turns : sequence of Turn
        The main speakers' turns: in order, disjoint, labelled ``speaker_label(k)``.
    windows : sequence of Segment
        In order of their beginning.
    scores : (len(windows), K) float array
        Cosine of each window with each speaker.

    Returns
    -------
    list of Turn
        With ``overlap`` set and half the confidence of the turn they lie over.
    """
    if scores.shape[1] < 2:
        return []
    starts = np.array([window.start for window in windows])
    ends = np.array([turn.end for turn in turns])
    added: list[Turn] = []
    for part in overlaps:
        pair = _local_to_global(part, windows, starts, scores, local) if local is not None else []
        for index in range(int(np.searchsorted(ends, part.start, side="right")), len(turns)):
            main = turns[index]
            shared = main.segment & part
            if main.start >= part.end:
                break
            if shared.duration < settings.min_overlap:
                continue
            others = [label for label in pair if label != main.speaker]
            second = others[0] if others else _neighbour(turns, index, shared, settings.max_gap)
            if second is not None:
                confidence = round((main.confidence or 0.0) / 2, 4)
                added.append(Turn(shared.start, shared.end, second, confidence, overlap=True))
    return added


def _inside(starts: Float64, local: LocalSpeakers, index: int) -> tuple[int, int]:
    """Return the range of windows that begin within a local window."""
    begin = float(local.starts[index])
    end = begin + local.activity.shape[1] * local.step
    first, last = np.searchsorted(starts, [begin - 1e-6, end])
    return int(first), int(last)


def _local_to_global(
    part: Segment,
    windows: Sequence[Segment],
    starts: Float64,
    scores: Float64,
    local: LocalSpeakers,
) -> list[str]:
    """Return the labels of those who talk in an overlap, as far as known, the surest first."""
    from scipy.optimize import linear_sum_assignment

    span = local.activity.shape[1] * local.step
    index = int(np.abs(local.starts + span / 2 - part.middle).argmin())
    first, last = _inside(starts, local, index)
    seconds = solo_seconds(windows[first:last], local, index)
    if not seconds.size:
        return []
    evidence = seconds.T @ scores[first:last]
    frames = np.rint((np.array([part.start, part.end]) - local.starts[index]) / local.step)
    begin, end = np.clip(frames, 0, local.activity.shape[1]).astype(np.int64)
    talking = local.activity[index, begin:end].sum(axis=0)
    known = seconds.sum(axis=0) > 0
    rows, columns = linear_sum_assignment(-evidence)
    speaker = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    order = np.argsort(-talking, kind="stable")[:2]
    return [
        speaker_label(speaker[local_speaker])
        for local_speaker in order.tolist()
        if talking[local_speaker] and known[local_speaker] and local_speaker in speaker
    ]


def _neighbour(turns: Sequence[Turn], index: int, part: Segment, reach: float) -> str | None:
    """Return the other speaker whose turn is nearest to a part of turn ``index``."""
    best: tuple[float, str] | None = None
    for step in (1, -1):
        other = index + step
        while 0 <= other < len(turns) and turns[other].speaker == turns[index].speaker:
            other += step
        if 0 <= other < len(turns):
            gap = turns[other].segment.gap(part)
            if gap <= reach and (best is None or gap < best[0]):
                best = (gap, turns[other].speaker)
    return None if best is None else best[1]
