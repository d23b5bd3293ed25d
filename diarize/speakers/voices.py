"""The voices of a recording to enroll by, and how many people they are.

A diarization may split one person in two, and a recording of two people must not be enrolled as
one. Two of its speakers are one person if they sound alike, never talk at once, and the
segmentation, which tells the speakers of each ten seconds apart by itself, takes them for one where
it hears both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from diarize.annotation import Diarization, alone
from diarize.arrays import Float32, Float64, unit
from diarize.pipeline.overlap import solo_seconds
from diarize.segmentation.activity import LocalSpeakers
from diarize.settings import DEFAULTS, EnrollmentSettings
from diarize.text import clock, table
from diarize.timeline import Segment, coverage, difference, intersection, union


@dataclass(frozen=True)
class Voice:
    """One person of a recording.

    Parameters
    ----------
    labels : tuple of str
        The speakers of the diarization that this person is, longest first.
    regions : tuple of Segment
        Where nobody else talks; in order, disjoint.
    centroid : (D,) float32 array
    overlapped : tuple of Segment
        Where somebody else talks at the same time; in order, disjoint.
    """

    labels: tuple[str, ...]
    regions: tuple[Segment, ...]
    centroid: Float32
    overlapped: tuple[Segment, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the person talks alone."""
        return sum(region.duration for region in self.regions)

    def seconds_with(self, other: Voice) -> float:
        """Return for how long the two talk at the same time."""
        return float(coverage(self.overlapped, other.overlapped).sum())


def voices_of(
    speakers: Sequence[Voice],
    local: LocalSpeakers | None,
    line: float,
    settings: EnrollmentSettings = DEFAULTS.enrollment,
) -> list[Voice]:
    """Return the people of a recording, in the order in which they first talk.

    Parameters
    ----------
    speakers : sequence of Voice
        The speakers of its diarization.
    local : LocalSpeakers or None
        The segmentation's own speakers, window by window.
    line : float
        Least cosine of two speakers who may be one person.

    Returns
    -------
    list of Voice
        A speaker who says too little to be counted as a person is left out, unless it is one
        person with another speaker.
    """
    total = sum(voice.seconds for voice in speakers)
    least = max(settings.second_voice_seconds, settings.second_voice_share * total)
    groups = _joined(speakers, local, line, settings)
    found = [voice for voice in groups if voice.seconds >= least]
    found = found or sorted(groups, key=lambda voice: -voice.seconds)[:1]
    return sorted(found, key=lambda voice: voice.regions[0])


def speakers_of(diarization: Diarization, asked: Sequence[Segment] = ()) -> list[Voice]:
    """Return each speaker of a diarization who talks alone somewhere, as a voice by itself."""
    found = []
    for label in diarization.labels:
        regions = alone(diarization, label)
        own = union(turn.segment for turn in diarization.turns if turn.speaker == label)
        overlapped = difference(own, regions)
        if asked:
            regions = intersection(regions, union(asked))
            overlapped = intersection(overlapped, union(asked))
        if regions and label in diarization.embeddings:
            vector = diarization.embeddings[label]
            found.append(Voice((label,), tuple(regions), vector, tuple(overlapped)))
    return found


def _joined(
    voices: Sequence[Voice], local: LocalSpeakers | None, line: float, settings: EnrollmentSettings
) -> list[Voice]:
    """Join the two voices most alike, again and again, while they are one person."""
    groups = sorted(voices, key=lambda voice: -voice.seconds)
    while True:
        pairs = [
            (float(one.centroid @ other.centroid), one, other)
            for one, other in combinations(groups, 2)
        ]
        same = [
            (likeness, one, other)
            for likeness, one, other in pairs
            if likeness >= line
            and one.seconds_with(other) < settings.min_overlap
            and not answer_each_other(one, other, local, settings)
        ]
        if not same:
            return groups
        _, one, other = max(same, key=lambda pair: pair[0])
        weighted = one.seconds * one.centroid + other.seconds * other.centroid
        both = Voice(
            (*one.labels, *other.labels),
            tuple(union((*one.regions, *other.regions))),
            unit(weighted),
            tuple(union((*one.overlapped, *other.overlapped))),
        )
        groups = [voice for voice in groups if voice is not one and voice is not other]
        groups = sorted((both, *groups), key=lambda voice: -voice.seconds)


def answer_each_other(
    one: Voice, other: Voice, local: LocalSpeakers | None, settings: EnrollmentSettings
) -> bool:
    """Return whether the segmentation takes two voices for two people."""
    share, seconds = answering(one.regions, other.regions, local, settings.answering_window)
    if seconds >= settings.answering_seconds:
        return share > settings.answering
    return share > settings.answering_short


def answering(
    first: Sequence[Segment],
    second: Sequence[Segment],
    local: LocalSpeakers | None,
    least: float = DEFAULTS.enrollment.answering_window,
) -> tuple[float, float]:
    """Return how much the segmentation takes two voices for two people.

    In each window that holds both, it is the chance that an instant of the one and an instant of
    the other belong to different local speakers. A window holds a voice for ``least`` seconds.

    Returns
    -------
    share : float
        The mean over the windows, weighted by the seconds of whoever says less; 0 where no window
        holds both. For one voice, given twice, it is how much that sounds like several people.
    seconds : float
        The sum: for how many seconds there are two people.
    """
    if local is None:
        return 0.0, 0.0
    total = weight = 0.0
    for index in range(len(local)):
        shares = [_local_seconds(regions, local, index) for regions in (first, second)]
        seconds = [float(share.sum()) for share in shares]
        if min(seconds) >= least:
            apart = 1.0 - float(shares[0] @ shares[1]) / (seconds[0] * seconds[1])
            total += min(seconds) * apart
            weight += min(seconds)
    return total / weight if weight else 0.0, total


def _local_seconds(regions: Sequence[Segment], local: LocalSpeakers, index: int) -> Float64:
    """Return how long each local speaker of a window talks alone in regions."""
    start = float(local.starts[index])
    window = Segment(start, start + local.activity.shape[1] * local.step)
    inside = [part for part in (region & window for region in regions) if part]
    seconds: Float64 = solo_seconds(inside, local, index).sum(axis=0)
    return seconds


def table_of(voices: Sequence[Voice]) -> str:
    """Return who talks how long and from when on, one line a person.

    Examples
    --------
    >>> import numpy as np
    >>> regions = (Segment(61.5, 64.0), Segment(70.0, 72.0))
    >>> print(table_of([Voice(("SPEAKER_01",), regions, np.float32([1, 0]))]))
    speaker     talks alone  first speaks
    SPEAKER_01        4.5 s         1:01
    """
    rows = [
        [
            " + ".join(sorted(voice.labels)),
            f"{voice.seconds:.1f} s",
            clock(int(voice.regions[0].start)),
        ]
        for voice in voices
    ]
    return table(["speaker", "talks alone", "first speaks"], rows, [1, 2])
