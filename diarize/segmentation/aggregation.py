"""The answers of overlapping windows, added up to one track of scores for the whole recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from diarize.arrays import SAMPLE_RATE, Bool, Float32, Progress
from diarize.audio.waveform import Waveform
from diarize.segmentation.activity import LOCAL_SPEAKERS, LocalSpeakers
from diarize.segmentation.networks import POWERSET, PowersetNetwork

PERMUTATIONS = tuple(permutations(range(LOCAL_SPEAKERS)))


@dataclass(frozen=True)
class FrameScores:
    """Scores of a whole recording, frame by frame.

    Parameters
    ----------
    step, start : float
        Seconds a frame, and when the first frame begins.
    speech, overlap : (F,) float32 arrays
        Probability that anybody talks, and that two talk at once.
    speakers : (F, 3) float32 array
        Probability of each local speaker; their order is stable from window to window only.
    local : LocalSpeakers
        What was decided in each window.
    """

    step: float
    start: float
    speech: Float32
    overlap: Float32
    speakers: Float32
    local: LocalSpeakers


def score_frames(
    network: PowersetNetwork,
    waveform: Waveform,
    batch: int = 4,
    on_progress: Progress | None = None,
    *,
    hop: float = 0.5,
) -> FrameScores:
    """Run a network over overlapping windows and average their probabilities.

    Parameters
    ----------
    waveform : Waveform
        16 kHz mono, not empty.
    batch : int
        Windows at once.
    on_progress : callable, optional
        Called as ``("speech", windows done, windows)``.
    hop : float
        From window to window, as a share of a window, 0 to 1.
    """
    samples, shift = len(waveform), network.shift
    window = network.window(samples)
    starts = window_starts(samples, window, int(hop * window) // shift * shift, shift)
    aggregator = _Aggregator(starts, shift, network.offset)
    for first in range(0, len(starts), batch):
        aggregator.add(network(waveform, starts[first : first + batch], window))
        if on_progress is not None:
            on_progress("speech", min(first + batch, len(starts)), len(starts))
    return aggregator.finish(samples)


def window_starts(samples: int, window: int, hop: int, shift: int) -> list[int]:
    """Return the starts of windows that cover a recording, the last one ending with it.

    Examples
    --------
    >>> window_starts(100, 40, 20, 5)
    [0, 20, 40, 60]
    >>> window_starts(93, 40, 20, 5)
    [0, 20, 40, 55]
    >>> window_starts(30, 40, 20, 5)
    [0]
    """
    last = max(0, -(-(samples - window) // shift) * shift)
    return [*range(0, last, max(hop, shift)), last]


class _Aggregator:
    """Overlap-add of windows, the local speakers of each matched to those before."""

    def __init__(self, starts: Sequence[int], shift: int, offset: int) -> None:
        self.firsts = [start // shift for start in starts]
        self.shift, self.offset = shift, offset
        self.activity: list[Bool] = []
        self.done = 0
        self.total: Float32 = np.zeros((0, 2 + LOCAL_SPEAKERS), dtype=np.float32)
        self.weight: Float32 = np.zeros(0, dtype=np.float32)

    def add(self, probabilities: Float32) -> None:
        """Take the next windows, (W, F, 7)."""
        frames = probabilities.shape[1]
        if not self.done:
            size = self.firsts[-1] + frames
            self.total = np.zeros((size, 2 + LOCAL_SPEAKERS), dtype=np.float32)
            self.weight = np.zeros(size, dtype=np.float32)
        # Frames near a window's edge lack context on one side.
        ramp = np.sin(np.pi * (np.arange(frames, dtype=np.float32) + 0.5) / frames) ** 2 + 0.02
        for window in probabilities:
            self._add_one(window, ramp.astype(np.float32))

    def _add_one(self, window: Float32, ramp: Float32) -> None:
        """Take one window, (F, 7), weighted by ``ramp``, (F,)."""
        first = self.firsts[self.done]
        where = slice(first, first + len(window))
        speakers = window @ POWERSET
        weight = self.weight[where]
        overlapping = weight > 0
        if overlapping.any():
            before = self.total[where][overlapping, 2:] / weight[overlapping, None]
            speakers = speakers[:, best_permutation(before, speakers[overlapping])]
        self.activity.append(_active(window, speakers))
        scores = np.column_stack([1.0 - window[:, 0], window[:, 4:].sum(axis=1), speakers])
        self.total[where] += ramp[:, None] * scores
        self.weight[where] += ramp
        self.done += 1

    def finish(self, samples: int) -> FrameScores:
        """Return the track, cut to the recording's length."""
        frames = max(1, min(len(self.weight), -(-(samples - self.offset) // self.shift)))
        mean = self.total[:frames] / self.weight[:frames, None]
        step, start = self.shift / SAMPLE_RATE, self.offset / SAMPLE_RATE
        starts = np.array(self.firsts, dtype=np.float64) * step + start
        local = LocalSpeakers(starts, step, np.stack(self.activity))
        return FrameScores(step, start, mean[:, 0], mean[:, 1], mean[:, 2:], local)


def best_permutation(before: Float32, now: Float32) -> list[int]:
    """Return the order of ``now``'s speakers (frames, 3) in which they agree most with ``before``.

    Examples
    --------
    >>> before = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    >>> best_permutation(before, before[:, [2, 0, 1]])
    [1, 2, 0]
    """
    agreement = before.T @ now
    return list(
        max(PERMUTATIONS, key=lambda order: sum(agreement[i, k] for i, k in enumerate(order)))
    )


def _active(window: Float32, speakers: Float32) -> Bool:
    """Return (F, 3) who talks: as many as the likeliest count, the likeliest speakers first."""
    alone, pairs = window[:, 1:4].sum(axis=1), window[:, 4:].sum(axis=1)
    count = np.stack([window[:, 0], alone, pairs]).argmax(axis=0)
    rank = np.argsort(np.argsort(-speakers, axis=1, kind="stable"), axis=1)
    return np.asarray(rank < count[:, None])
