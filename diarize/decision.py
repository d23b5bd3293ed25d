"""From vectors of windows to labelled turns: the cheap half of the pipeline, no network in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from diarize import overlap, resegmentation
from diarize.annotation import Segment, Turn, speaker_label
from diarize.clustering import Labels, centroids, cluster, neighbour_scatter
from diarize.details import Listening
from diarize.embedding import unit
from diarize.settings import ResegmentationSettings, Settings

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Decision:
    """Who spoke when.

    Parameters
    ----------
    turns : tuple of Turn
        In order of time, labelled by first appearance.
    embeddings : dict of str to (D,) float32 array
        Each speaker's unit centroid.
    labels : tuple of str
        The speaker of each window.
    """

    turns: tuple[Turn, ...]
    embeddings: dict[str, Float]
    labels: tuple[str, ...]


def decide(
    heard: Listening,
    *,
    threshold: float,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    settings: Settings | None = None,
    quietest: resegmentation.Quietest | None = None,
) -> Decision:
    """Tell the speakers of windows apart, and lay out their turns.

    Parameters
    ----------
    heard : Listening
        Speech, windows and their vectors.
    threshold : float
        Cosine distance at which voices are different people.
    num_speakers, min_speakers, max_speakers : int, optional
        What is known of the number of speakers.
    quietest : callable, optional
        Returns the quietest instant of a stretch; changes of speaker move there.

    Raises
    ------
    UsageError
        Where the numbers of speakers contradict each other.
    """
    settings = settings or Settings()
    local = heard.activity.local
    vectors = in_context(
        heard.vectors, heard.windows, heard.activity.changes, settings.resegmentation
    )
    result = cluster(
        vectors,
        heard.seconds,
        threshold=threshold,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
        constraints=overlap.constraints(heard.windows, local, settings.overlap) if local else None,
        scatter=neighbour_scatter(
            vectors, heard.windows, heard.activity.changes, settings.clustering
        ),
        settings=settings.clustering,
    )
    labels, centres = resegmentation.refine(
        vectors, heard.seconds, result.labels, settings.resegmentation.rounds
    )
    scores = (vectors @ centres.T).astype(np.float64)
    turns = resegmentation.to_turns(
        heard.activity.speech,
        heard.windows,
        scores,
        changes=heard.activity.changes,
        quietest=quietest,
        settings=settings.resegmentation,
    )
    turns += overlap.second_turns(
        turns, heard.activity.overlaps, heard.windows, scores, local, settings.overlap
    )
    # What is told of a speaker to others is the mean of plain vectors.
    plain = centroids(heard.vectors, heard.seconds, labels)
    return _by_first_appearance(sorted(turns), plain, labels, scores)


def in_context(
    vectors: Float,
    windows: Sequence[Segment],
    changes: Sequence[float] = (),
    settings: ResegmentationSettings | None = None,
) -> Float:
    """Return vectors that lean towards those of the windows before and after.

    Most windows are followed by one of the same voice: their mean tells more than either. The more
    alike two of them are, the more they lean on each other, as in an edge-preserving filter;
    nothing leans across a known change of speaker.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors.
    windows : sequence of Segment
        In order of their beginning.
    changes : sequence of float
        Instants at which another voice takes over, ascending.

    Returns
    -------
    (N, D) float32 array
        Unit vectors.
    """
    settings = settings or ResegmentationSettings()
    if len(windows) < 2:
        return vectors
    starts = np.array([window.start for window in windows])
    ends = np.array([window.end for window in windows])
    near = starts[1:] <= ends[:-1] + settings.context_gap
    known = np.asarray(changes, dtype=np.float64)
    last = np.searchsorted(known, starts[1:] + 1e-6) - np.searchsorted(known, ends[:-1] - 1e-6)
    alike = np.maximum(np.einsum("nd,nd->n", vectors[:-1], vectors[1:]), 0.0)
    lean = settings.context * alike**settings.context_power * (near & (last <= 0))
    leaning = vectors.astype(np.float64)
    leaning[:-1] += lean[:, None] * vectors[1:]
    leaning[1:] += lean[:, None] * vectors[:-1]
    return unit(leaning)


def _by_first_appearance(
    turns: list[Turn], centres: Float, labels: Labels, scores: npt.NDArray[np.float64]
) -> Decision:
    """Number speakers in the order of their first turns; who got no turn is left out."""
    present = {turn.speaker for turn in turns}
    kept = [index for index in range(len(centres)) if speaker_label(index) in present]
    order = dict.fromkeys(turn.speaker for turn in turns)
    names = {label: speaker_label(index) for index, label in enumerate(order)}
    if 0 < len(kept) < len(centres):
        nearest = np.asarray(kept)[scores[:, kept].argmax(axis=1)]
        labels = np.where(np.isin(labels, kept), labels, nearest)
    vectors = {names[speaker_label(index)]: centres[index] for index in kept}
    return Decision(
        tuple(replace(turn, speaker=names[turn.speaker]) for turn in turns),
        dict(sorted(vectors.items())),
        tuple(names[speaker_label(int(label))] for label in labels),
    )
