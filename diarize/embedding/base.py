"""The protocol of embedders, and the thresholds that belong to an embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from diarize.arrays import Float32, Progress
from diarize.audio.waveform import Waveform
from diarize.timeline import Segment


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of one model, calibrated for that model alone.

    Parameters
    ----------
    clustering : float
        Average-linkage cosine distance up to which two groups of windows are one speaker.
    verification : float
        Cosine from which two utterances are taken for one person.
    margin : float
        Lead in cosine over the next best person that an identification needs.
    note : str
        The data that the numbers were chosen on.
    """

    clustering: float
    verification: float
    margin: float = 0.05
    note: str = ""


class Embedder(Protocol):
    """Anything that turns speech into unit vectors; bring your own."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def dimension(self) -> int:
        """Length D of an embedding."""

    @property
    def window(self) -> float:
        """Seconds of a window for diarization."""

    @property
    def hop(self) -> float:
        """Seconds from one window to the next."""

    @property
    def thresholds(self) -> Thresholds:
        """The model's calibrated thresholds."""

    @property
    def checksum(self) -> str:
        """SHA-256 of the model in hexadecimal digits; embeddings of two models never mix."""

    def embed(
        self,
        waveform: Waveform,
        segments: Sequence[Segment],
        on_progress: Progress | None = None,
    ) -> Float32:
        """Return one unit vector a segment, whatever its length.

        Parameters
        ----------
        waveform : Waveform
            16 kHz mono.
        on_progress : callable, optional
            Called as ``("embed", done, total)``.

        Returns
        -------
        (len(segments), dimension) float32 array
        """
