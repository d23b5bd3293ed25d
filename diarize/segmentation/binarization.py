"""Frame scores to regions of speech, overlaps and changes of speaker."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from diarize.arrays import Bool
from diarize.segmentation.activity import SpeechActivity
from diarize.segmentation.aggregation import FrameScores
from diarize.settings import SegmentationSettings
from diarize.timeline import Segment, intersection, runs, union


def binarize(
    scores: FrameScores, settings: SegmentationSettings, duration: float
) -> SpeechActivity:
    """Turn the scores of frames into regions.

    Parameters
    ----------
    duration : float
        Seconds of the recording; nothing lies beyond.
    """

    def regions(values: npt.NDArray[np.float32], onset: float, offset: float) -> list[Segment]:
        return runs(hysteresis(values, onset, offset), scores.step, scores.start)

    speech = postprocess(
        regions(scores.speech, settings.onset, settings.offset),
        duration,
        min_silence=settings.min_silence,
        min_speech=settings.min_speech,
        pad=settings.pad,
    )
    pairs = regions(scores.overlap, settings.overlap_onset, settings.overlap_offset)
    overlaps = [p for p in intersection(speech, pairs) if p.duration >= settings.min_overlap]
    changes = _changes(scores, settings, speech, overlaps)
    confident = None
    if settings.second_turn_onset:
        likely = regions(scores.overlap, settings.second_turn_onset, settings.second_turn_onset)
        confident = tuple(intersection(overlaps, likely))
    return SpeechActivity(tuple(speech), tuple(overlaps), tuple(changes), scores.local, confident)


def hysteresis(
    scores: npt.NDArray[np.floating[Any]], onset: float, offset: float, *, lead_in: bool = True
) -> Bool:
    """Return which frames are on: from a score of ``onset`` while it is at least ``offset``.

    Parameters
    ----------
    scores : (F,) float array
    onset, offset : float
        An ``offset`` above ``onset`` counts as ``onset``.
    lead_in : bool
        Whether the frames just before the onset are on as well, as far as they reach ``offset``.

    Returns
    -------
    (F,) bool array

    Examples
    --------
    >>> scores = np.array([0.1, 0.4, 0.6, 0.4, 0.1, 0.4])
    >>> hysteresis(scores, onset=0.5, offset=0.3).astype(int).tolist()
    [0, 1, 1, 1, 0, 0]
    >>> hysteresis(scores, onset=0.5, offset=0.3, lead_in=False).astype(int).tolist()
    [0, 0, 1, 1, 0, 0]
    """
    begins, ends = scores >= onset, scores < min(onset, offset)
    on = _held(begins, ends)
    return on | _held(begins[::-1], ends[::-1])[::-1] if lead_in else on


def _held(begins: Bool, ends: Bool) -> Bool:
    """Return the frames for which the last switch before or at them was a beginning."""
    last = np.maximum.accumulate(np.where(begins | ends, np.arange(len(begins)), 0))
    held: Bool = begins[last]
    return held


def postprocess(
    regions: Iterable[Segment],
    duration: float,
    *,
    min_silence: float,
    min_speech: float,
    pad: float,
) -> list[Segment]:
    """Close short silences, then drop short speech, pad both ends, stay inside the recording.

    All in seconds.

    Examples
    --------
    >>> found = [Segment(0.0, 1.0), Segment(1.2, 2.0), Segment(5.0, 5.1)]
    >>> postprocess(found, 9.0, min_silence=0.5, min_speech=0.3, pad=0.25)
    [Segment(start=0.0, end=2.25)]
    """
    recording = Segment(0.0, duration)
    long = [part for part in union(regions, min_silence) if part.duration >= min_speech]
    return union(Segment(part.start - pad, part.end + pad) & recording for part in long)


def _changes(
    scores: FrameScores,
    settings: SegmentationSettings,
    speech: list[Segment],
    overlaps: list[Segment],
) -> list[float]:
    """Return where the leading speaker changes in a region, and where overlaps begin and end."""
    leader = np.where(scores.speech >= settings.offset, scores.speakers.argmax(axis=1), -1)
    shortest = max(1, round(settings.min_turn / scores.step))
    changes: list[float] = []
    for region in speech:
        first = max(0, round((region.start - scores.start) / scores.step))
        last = round((region.end - scores.start) / scores.step)
        frames = _speaker_changes(leader[first:last], shortest)
        changes += [scores.start + (first + frame) * scores.step for frame in frames]
    # Inside an overlap its own edges are the changes.
    starts = [part.start for part in overlaps]
    before = ((t, bisect_right(starts, t) - 1) for t in changes)
    found = [t for t, index in before if index < 0 or t > overlaps[index].end]
    edges = {edge for part in overlaps for edge in (part.start, part.end)}
    borders = {edge for region in speech for edge in (region.start, region.end)}
    found += edges - borders
    return sorted({round(t, 4) for t in found})


def _speaker_changes(leader: npt.NDArray[np.intp], shortest: int) -> list[float]:
    """Return the frames at which the leading speaker changes, short leads passed over.

    Parameters
    ----------
    leader : (F,) int array
        The leading speaker of each frame; −1 is nobody.
    shortest : int
        Frames; whoever leads for fewer is passed over.

    Examples
    --------
    >>> _speaker_changes(np.array([0, 0, 0, 1, 0, 0, -1, -1, 1, 1, 1]), shortest=2)
    [7.0]
    """
    if not len(leader):
        return []
    edges = np.flatnonzero(np.diff(leader)) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(leader)]])
    found: list[float] = []
    previous, ended = -1, 0
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        who = int(leader[start])
        if who < 0 or stop - start < shortest:
            continue
        if previous >= 0 and who != previous:
            found.append((ended + start) / 2)
        previous, ended = who, stop
    return found
