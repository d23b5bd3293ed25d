"""One label for a stranger in all recordings of a folder, by clustering the speakers' centroids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.annotation import Diarization, Speaker, speaker_label
from diarize.clustering.archive import link_vectors
from diarize.embedding.base import Embedder
from diarize.settings import DEFAULTS, LinkingSettings


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
    groups = _groups(voices, diarizations, threshold, settings.neighbors)
    numbers: dict[int, str] = {}
    renamed: list[dict[str, str]] = [{} for _ in diarizations]
    for (at, speaker), group in zip(voices, groups, strict=True):
        renamed[at][speaker.label] = numbers.setdefault(group, speaker_label(len(numbers)))
    return [talk.rename(names) for talk, names in zip(diarizations, renamed, strict=True)]


def _groups(
    voices: Sequence[tuple[int, Speaker]],
    diarizations: Sequence[Diarization],
    threshold: float,
    neighbors: int,
) -> list[int]:
    """Return which group each voice is in: by its name, else by its sound."""
    groups = list(range(len(voices)))
    named: dict[str, int] = {}
    strangers = []
    for number, (at, speaker) in enumerate(voices):
        vector = diarizations[at].embeddings.get(speaker.label)
        if speaker.name is not None:
            groups[number] = named.setdefault(speaker.name, number)
        elif vector is not None and np.any(vector):
            strangers.append((number, at, vector))
    if strangers:
        numbers, places, vectors = zip(*strangers, strict=True)
        recordings = [frozenset([at]) for at in places]
        stacked = np.array(vectors, np.float32)
        found = link_vectors(stacked, recordings, threshold, neighbors=neighbors)
        for number, group in zip(numbers, found.tolist(), strict=True):
            groups[number] = numbers[group]
    return groups
