"""The voices of a recording heard once more, turn by turn in long pieces: for names, not for turns.

Telling speakers apart needs short windows, since nobody knows yet where one ends. Afterwards whole
turns can be heard, and longer speech says more of a voice in one piece than as a mean of windows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diarize.overlap import alone
from diarize.settings import NamingSettings
from diarize.windows import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diarize.annotation import Segment
    from diarize.audio import Waveform
    from diarize.details import DiarizationDetails
    from diarize.embedding import Embedder
    from diarize.speakers.records import Vectors


def hear_whole(
    details: DiarizationDetails, waveform: Waveform, embedder: Embedder
) -> DiarizationDetails:
    """Replace the windows by long pieces of the turns, as far as one voice is alone in them.

    Parameters
    ----------
    details : DiarizationDetails
    waveform : Waveform
        The recording that it is of.
    embedder : Embedder
        What made its vectors.

    Returns
    -------
    DiarizationDetails
        The same diarization. A speaker with no piece long enough keeps the windows.
    """
    windows: list[Segment] = []
    labels: list[str] = []
    kept: list[int] = []
    settings = NamingSettings()
    stretches = alone(details.diarization.turns)
    for label in details.diarization.labels:
        own = [region for speaker, region in stretches if speaker == label]
        pieces = whole(own, settings.longest, settings.shortest)
        windows += pieces
        labels += [label] * len(pieces)
        if not pieces:
            kept += [row for row, mine in enumerate(details.labels) if mine == label]
    vectors = embed_pieces(waveform, windows, embedder)
    return replace(
        details,
        windows=(*windows, *(details.windows[row] for row in kept)),
        vectors=np.concatenate([vectors, details.vectors[kept]]),
        labels=(*labels, *(details.labels[row] for row in kept)),
    )


def pieces_of(regions: Sequence[Segment]) -> list[Segment]:
    """Return the pieces to hear of regions of one voice; the longest region if all are short."""
    settings = NamingSettings()
    pieces = whole(regions, settings.longest, settings.shortest)
    return pieces or sorted(regions, key=lambda region: -region.duration)[:1]


def embed_pieces(waveform: Waveform, pieces: Sequence[Segment], embedder: Embedder) -> Vectors:
    """Return the (n, D) unit vectors of pieces, in their order; none for none."""
    if not pieces:
        return np.empty((0, embedder.dimension), np.float32)
    return embedder.embed(waveform, pieces)
