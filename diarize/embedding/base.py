"""The protocol of embedders, and the thresholds that belong to an embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from diarize.arrays import Float32, Progress, unit
from diarize.audio.waveform import Waveform
from diarize.errors import UsageError
from diarize.timeline import Segment

# Lengths of vectors differ from one by this much from rounding, in half precision too.
_ROUNDING = 2e-3


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


def embed(
    embedder: Embedder,
    waveform: Waveform,
    segments: Sequence[Segment],
    on_progress: Progress | None = None,
) -> Float32:
    """Return an embedder's unit vectors, whoever made the embedder; zero where it has no answer.

    Raises
    ------
    UsageError
        Where it returns anything but (len(segments), dimension) finite numbers.
    """
    wanted = (len(segments), embedder.dimension)
    if not segments:  # an embedder of the user's need not bear being given nothing
        return np.zeros(wanted, np.float32)
    found = embedder.embed(waveform, segments, on_progress)
    try:
        vectors = np.asarray(found, np.float32)
    except (TypeError, ValueError):
        given = f"a {type(found).__name__}"
    else:
        given = f"an array of shape {vectors.shape}"
        if vectors.shape == wanted:
            if np.isfinite(vectors).all():
                lengths = np.linalg.norm(vectors, axis=1)
                near = np.abs(lengths - 1) <= _ROUNDING
                return vectors if np.all(near | (lengths == 0)) else unit(vectors)
            given = "NaN or infinity"
    raise UsageError(
        f"the embedder {embedder.name!r} returned {given}: its embed() must return a unit vector "
        f"for each segment, here a float32 array of shape {wanted}"
    )
