"""From vectors of windows to labelled turns: the cheap half of the pipeline, no network in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from diarize.annotation import speaker_label
from diarize.arrays import Float32, Float64, Int64
from diarize.clustering.speakers import cluster
from diarize.clustering.spread import within_speaker_distance
from diarize.pipeline import overlap, resegmentation
from diarize.pipeline.intermediate import WindowEmbeddings
from diarize.settings import DEFAULTS, Settings, VbxSettings
from diarize.timeline import Turn


@dataclass(frozen=True)
class SpeakerAssignment:
    """The speakers of windows, and their turns.

    Parameters
    ----------
    turns : tuple of Turn
        In order of time, labelled by first appearance.
    embeddings : dict of str to (D,) float32 array
        Each speaker's unit centroid.
    labels : tuple of str
        The speaker of each window.
    confidences : dict of str to float
        Probability that each speaker is a person of their own; empty where that is not known.
    counts : dict of int to float
        Probability of each number of speakers; empty where that is not known.
    """

    turns: tuple[Turn, ...]
    embeddings: dict[str, Float32]
    labels: tuple[str, ...]
    confidences: dict[str, float] = field(default_factory=dict)
    counts: dict[int, float] = field(default_factory=dict)


def assign_speakers(
    extracted: WindowEmbeddings,
    *,
    threshold: float,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    settings: Settings = DEFAULTS,
    quietest: resegmentation.Quietest | None = None,
) -> SpeakerAssignment:
    """Tell the speakers of windows apart, and lay out their turns.

    Parameters
    ----------
    extracted : WindowEmbeddings
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
    if extracted.activity.local is None:
        settings = replace(settings, vbx=_vad_only(settings.vbx))
    result = cluster(
        extracted.embeddings,
        threshold=threshold,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
        **known_of_windows(extracted, settings),
        settings=settings,
    )
    turns, scores = turns_from_centroids(extracted, result.centroids, settings, quietest)
    found = _by_first_appearance(turns, result.centroids, result.labels, scores)
    if extracted.activity.local is None:
        return found  # VBx alone has decided: its probabilities are not to be relied on
    names = _names(turns)
    own = {
        names[label]: round(float(result.own[index]), 3)
        for index in range(result.count)
        if (label := speaker_label(index)) in names
    }
    counts = count_probabilities(len(own), result.fewer, result.more, settings.pairs.count_doubt)
    return replace(found, confidences=dict(sorted(own.items())), counts=counts)


def turns_from_centroids(
    extracted: WindowEmbeddings,
    centroids: Float32,
    settings: Settings = DEFAULTS,
    quietest: resegmentation.Quietest | None = None,
) -> tuple[list[Turn], Float64]:
    """Lay out the turns of speakers whose voices are known, second speakers included.

    Parameters
    ----------
    centroids : (S, D) float32 array
        Unit vectors.
    quietest : callable, optional
        As for :func:`assign_speakers`.

    Returns
    -------
    list of Turn
        In order of time; the speakers' labels count from 0 in the order of `centroids`.
    (N, S) float64 array
        Cosine of each window and speaker.
    """
    activity = extracted.activity
    scores = (extracted.embeddings @ centroids.T).astype(np.float64)
    turns = resegmentation.to_turns(
        activity.speech,
        extracted.windows,
        scores,
        changes=activity.changes,
        quietest=quietest,
        settings=settings.resegmentation,
    )
    turns += overlap.overlapped_turns(
        turns,
        overlap.second_turn_regions(activity, settings.overlap),
        extracted.windows,
        scores,
        activity.local,
        settings.overlap,
    )
    return sorted(turns), scores


def known_of_windows(extracted: WindowEmbeddings, settings: Settings = DEFAULTS) -> dict[str, Any]:
    """Return what :func:`diarize.clustering.speakers.cluster` may know besides the vectors."""
    windows, activity = extracted.windows, extracted.activity
    local = activity.local
    return {
        "weights": extracted.seconds,
        "scatter": within_speaker_distance(
            extracted.embeddings, windows, activity.changes, settings.clustering
        ),
        "hop_ratio": extracted.hop_ratio,
        "segments": windows,
        "local": () if local is None else overlap.local_windows(windows, local),
    }


def doubt_of_count(
    extracted: WindowEmbeddings, found: int, asked: int, threshold: float, settings: Settings
) -> str | None:
    """Say where fewer speakers are found than asked for, or more than can be told apart.

    Parameters
    ----------
    found, asked : int
        How many speakers there are in the result, and how many there had to be at least.
    threshold : float
        As for :func:`assign_speakers`.
    """
    if asked < 2 or found > asked or not found:
        return None
    if found < asked:
        return f"{asked} speakers were asked for, but no more than {found} could be found"
    alike = assign_speakers(extracted, threshold=threshold, settings=settings)
    voices = len({turn.speaker for turn in alike.turns})
    if voices >= asked:
        return None
    return (
        f"{asked} speakers were asked for, but only {voices} "
        f"{'voice is' if voices == 1 else 'voices are'} told apart without that: the others are "
        "parts of these, and may be nobody"
    )


def _vad_only(settings: VbxSettings) -> VbxSettings:
    """Return the settings for windows of which some hold two voices."""
    return replace(
        settings,
        prior_strength=settings.vad_only_prior_scale * settings.prior_strength,
        prior_share=settings.vad_only_prior_scale * settings.prior_share,
    )


def _names(turns: Iterable[Turn]) -> dict[str, str]:
    """Return the label of each speaker by first appearance."""
    order = dict.fromkeys(turn.speaker for turn in turns)
    return {label: speaker_label(index) for index, label in enumerate(order)}


def count_probabilities(found: int, fewer: float, more: float, doubt: float) -> dict[int, float]:
    """Return how likely each number of speakers is.

    Parameters
    ----------
    fewer, more : float
        Probability that two of the speakers are one, and that one of them is two.
    doubt : float
        By how much likelier the neighbors of the number found are than these say.

    Examples
    --------
    >>> count_probabilities(3, 0.2, 0.0, 1.0)
    {2: 0.2, 3: 0.8}
    """
    weights = {
        found - 1: doubt * fewer * (1.0 - more) if found > 1 else 0.0,
        found: (1.0 - fewer) * (1.0 - more),
        found + 1: doubt * more * (1.0 - fewer) if found else 0.0,
    }
    total = sum(weights.values()) or 1.0
    shares = {count: round(weight / total, 3) for count, weight in weights.items()}
    return {count: share for count, share in shares.items() if share > 0.0}


def _by_first_appearance(
    turns: list[Turn], centres: Float32, labels: Int64, scores: Float64
) -> SpeakerAssignment:
    """Number speakers in the order of their first turns; who got no turn is left out."""
    present = {turn.speaker for turn in turns}
    used = [index for index in range(len(centres)) if speaker_label(index) in present]
    names = _names(turns)
    if len(used) < len(centres):
        nearest = np.asarray(used)[scores[:, used].argmax(axis=1)]
        labels = np.where(np.isin(labels, used), labels, nearest)
    vectors = {names[speaker_label(index)]: centres[index] for index in used}
    return SpeakerAssignment(
        tuple(replace(turn, speaker=names[turn.speaker]) for turn in turns),
        dict(sorted(vectors.items())),
        tuple(names[speaker_label(int(label))] for label in labels),
    )
