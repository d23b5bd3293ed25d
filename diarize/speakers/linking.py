"""One label for a stranger in all recordings of a folder, by clustering the speakers' centroids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diarize.annotation import Diarization, Speaker, speaker_label
from diarize.arrays import Float64
from diarize.settings import DEFAULTS, LinkingSettings

if TYPE_CHECKING:
    from diarize.embedding.base import Embedder

#: Stands for "cannot be one person": no average over pairs that contains it is ever small.
_NEVER = 1e9


def link(
    diarizations: Sequence[Diarization],
    embedder: Embedder | None = None,
    *,
    threshold: float | None = None,
    settings: LinkingSettings = DEFAULTS.linking,
) -> list[Diarization]:
    """Give a voice that several recordings share one label in all of them.

    Average linkage of the speakers' centroids; two speakers of one recording are never joined,
    and people with names are joined by their names alone. Labels are numbered through all
    recordings, in the order of their names (``uri``) and then by first appearance, so that the
    order in which the recordings are given does not matter.

    Parameters
    ----------
    diarizations : sequence of Diarization
        Of different recordings, with centroids in ``embeddings``.
    embedder : Embedder, optional
        What made the centroids; the threshold follows from its verification threshold.
    threshold : float, optional
        Least average cosine between a voice's centroids; overrides the model's.
    settings : LinkingSettings
        How far that is from the model's verification threshold.

    Returns
    -------
    list of Diarization
        In the order given.

    Examples
    --------
    >>> from diarize.annotation import Turn
    >>> voice = {"SPEAKER_00": np.float32([1, 0])}
    >>> other = {"SPEAKER_00": np.float32([0, 1]), "SPEAKER_01": np.float32([1, 0])}
    >>> monday = Diarization([Turn(0, 9, "SPEAKER_00")], 9, "monday", embeddings=voice)
    >>> tuesday = Diarization(
    ...     [Turn(0, 4, "SPEAKER_00"), Turn(4, 9, "SPEAKER_01")], 9, "tuesday", embeddings=other
    ... )
    >>> [talk.labels for talk in link([monday, tuesday], threshold=0.5)]
    [('SPEAKER_00',), ('SPEAKER_01', 'SPEAKER_00')]
    """
    if threshold is None:
        if embedder is None:
            raise ValueError("either an embedder or a threshold is needed")
        threshold = embedder.thresholds.verification + settings.score_offset
    order = sorted(range(len(diarizations)), key=lambda index: (diarizations[index].uri, index))
    voices = [(at, speaker) for at in order for speaker in diarizations[at].speakers]
    groups = _groups(voices, diarizations, threshold)
    numbers: dict[int, str] = {}
    renamed: list[dict[str, str]] = [{} for _ in diarizations]
    for (at, speaker), group in zip(voices, groups, strict=True):
        renamed[at][speaker.label] = numbers.setdefault(group, speaker_label(len(numbers)))
    return [_relabelled(talk, names) for talk, names in zip(diarizations, renamed, strict=True)]


def _groups(
    voices: Sequence[tuple[int, Speaker]], diarizations: Sequence[Diarization], threshold: float
) -> list[int]:
    """Return which group each voice is in."""
    if len(voices) < 2:
        return [0] * len(voices)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(_distances(voices, diarizations), checks=False), method="average")
    found: list[int] = fcluster(tree, t=1.0 - threshold, criterion="distance").tolist()
    return found


def _distances(
    voices: Sequence[tuple[int, Speaker]], diarizations: Sequence[Diarization]
) -> Float64:
    """Return cosine distances, with what is certain put in: the same name, the same recording."""
    vectors = [diarizations[at].embeddings.get(speaker.label) for at, speaker in voices]
    size = max((len(vector) for vector in vectors if vector is not None), default=1)
    known = np.array([vector is not None and bool(np.any(vector)) for vector in vectors])
    stacked = np.array([np.zeros(size) if v is None else v for v in vectors], np.float64)
    distances = 1.0 - stacked @ stacked.T
    distances[~known, :] = distances[:, ~known] = _NEVER
    recordings = np.array([at for at, _ in voices])
    distances[recordings[:, None] == recordings[None, :]] = _NEVER
    names = np.array([speaker.name or "" for _, speaker in voices], object)
    named = names != ""
    distances[named[:, None] | named[None, :]] = _NEVER
    distances[named[:, None] & (names[:, None] == names[None, :])] = 0.0
    np.fill_diagonal(distances, 0.0)
    bounded: Float64 = np.maximum(distances, 0.0)
    return bounded


def _relabelled(talk: Diarization, names: dict[str, str]) -> Diarization:
    """Return the recording under new labels, which may be each other's old ones."""
    return replace(
        talk,
        turns=[replace(turn, speaker=names[turn.speaker]) for turn in talk.turns],
        speakers=[replace(speaker, label=names[speaker.label]) for speaker in talk.speakers],
        embeddings={names[label]: vector for label, vector in talk.embeddings.items()},
    )
