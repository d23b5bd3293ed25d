"""Neural segmentation: where is speech, where do two talk at once, where does the speaker change.

A segmenter reads a recording through overlapping windows. Inside each window it tells up to three
local speakers apart; what they do frame by frame is all that the rest of the pipeline needs: speech
regions, overlaps, change points, and the frames in which one voice is alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .annotation import Segment, union

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .audio import Waveform

LOCAL_SPEAKERS = 3


@dataclass(frozen=True)
class LocalSpeakers:
    """What up to three speakers do in each of the overlapping windows of a recording.

    Local speaker 0 of one window need not be local speaker 0 of the next; but two local speakers of
    one window are two people.

    Parameters
    ----------
    starts : (W,) float64 array
        When each window begins, in seconds, ascending.
    step : float
        Length of a frame in seconds: frame ``f`` of window ``w`` is the time from
        ``starts[w] + f * step`` to ``starts[w] + (f + 1) * step``.
    activity : (W, F, 3) bool array
        Whether a local speaker talks in a frame. At most two talk at once. 12 h take about 16 MB.
    """

    starts: npt.NDArray[np.float64]
    step: float
    activity: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def alone(self) -> npt.NDArray[np.bool_]:
        """(W, F, 3) bool: a local speaker talks and nobody else of the window does."""
        one = self.activity.sum(axis=2, keepdims=True) == 1
        mask: npt.NDArray[np.bool_] = self.activity & one
        return mask

    def segments(self, window: int, speaker: int, *, alone: bool = False) -> list[Segment]:
        """Return when a local speaker of a window talks (with ``alone``, without overlaps)."""
        frames = self.activity[window]
        mask = frames[:, speaker]
        if alone:
            mask = mask & (frames.sum(axis=1) == 1)
        return runs(mask, self.step, float(self.starts[window]))


@dataclass(frozen=True)
class SpeechActivity:
    """What is known about a recording's speech before anybody is told apart for good.

    Parameters
    ----------
    speech : tuple of Segment
        Where anybody talks; in order, disjoint.
    overlaps : tuple of Segment
        Where at least two talk at once; inside ``speech``, in order, disjoint.
    changes : tuple of float
        Instants inside ``speech``, in seconds and ascending, at which another voice takes over,
        joins in or drops out. (Where a region of speech begins or ends is no change.)
    local : LocalSpeakers or None
        Who of a window's speakers talks in which frame; None where the source is a plain VAD.
    """

    speech: tuple[Segment, ...]
    overlaps: tuple[Segment, ...] = ()
    changes: tuple[float, ...] = ()
    local: LocalSpeakers | None = None

    @classmethod
    def of(cls, speech: Iterable[Segment]) -> SpeechActivity:
        """Wrap what a plain voice activity detector found.

        Examples
        --------
        >>> SpeechActivity.of([Segment(2, 3), Segment(0, 1)]).speech
        (Segment(start=0, end=1), Segment(start=2, end=3))
        """
        return cls(tuple(union(speech)))


class Segmenter(Protocol):
    """Anything that finds speech, overlaps and changes in a recording."""

    def __call__(self, waveform: Waveform) -> SpeechActivity:
        """Return the speech activity of a recording (16 kHz mono)."""
        ...


def runs(mask: npt.NDArray[np.bool_], step: float, offset: float = 0.0) -> list[Segment]:
    """Return the stretches of true frames as segments.

    Parameters
    ----------
    mask : (F,) bool array
    step, offset : float
        Seconds a frame, and the time at which the first one begins.

    Examples
    --------
    >>> import numpy as np
    >>> runs(np.array([False, True, True, False]), 0.5)
    [Segment(start=0.5, end=1.5)]
    """
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [
        Segment(offset + float(start) * step, offset + float(stop) * step)
        for start, stop in zip(edges[::2], edges[1::2], strict=True)
    ]
