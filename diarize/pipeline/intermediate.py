"""What lies between a recording and its diarization: embeddings of windows, and their speakers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diarize.annotation import Diarization
from diarize.arrays import Float32, Float64
from diarize.segmentation.activity import SpeechActivity
from diarize.timeline import Segment, coverage, difference


@dataclass(frozen=True, repr=False, eq=False)
class WindowEmbeddings:
    """Speech, windows and their embeddings, before clustering.

    Parameters
    ----------
    embeddings : (N, D) float32 array
        Unit vectors of the windows.
    """

    activity: SpeechActivity
    windows: tuple[Segment, ...]
    embeddings: Float32

    def __repr__(self) -> str:
        return f"<WindowEmbeddings: {len(self.windows)} windows in {self.activity!r}>"

    @property
    def seconds(self) -> Float64:
        """(N,) seconds of each window in which one voice is alone, pauses left out."""
        return coverage(self.windows, difference(self.activity.speech, self.activity.overlaps))

    @property
    def hop_ratio(self) -> float:
        """Share of a window that the one before does not cover: 0.5 where the hop is half of it."""
        if len(self.windows) < 2:
            return 1.0
        starts = np.array([window.start for window in self.windows])
        lengths = np.array([window.duration for window in self.windows])
        return float(min(1.0, np.median(np.diff(starts)) / max(np.median(lengths), 1e-3)))


@dataclass(frozen=True, repr=False, eq=False)
class DiarizationDetails:
    """A diarization and what it was made from, for naming speakers and for tuning.

    Parameters
    ----------
    embeddings : (N, D) float32 array
        Unit vectors of the windows.
    labels : tuple of str
        The speaker of each window.
    """

    diarization: Diarization
    windows: tuple[Segment, ...]
    embeddings: Float32
    labels: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<DiarizationDetails: {len(self.windows)} windows behind {self.diarization!r}>"
