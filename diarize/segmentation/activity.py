"""Speech activity of a recording: its values, and the protocols of segmenters and detectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from diarize.arrays import Bool, Float64
from diarize.audio.waveform import Waveform
from diarize.timeline import Segment, intersection, union

#: Speakers that a segmentation network tells apart in one window.
LOCAL_SPEAKERS = 3


@dataclass(frozen=True, repr=False, eq=False)
class LocalSpeakers:
    """Frame-wise activity of up to three speakers in each of the overlapping windows.

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

    starts: Float64
    step: float
    activity: Bool

    def __repr__(self) -> str:
        return f"<LocalSpeakers: {self.activity.shape[1]} frames in each of {len(self)} windows>"

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, repr=False)
class SpeechActivity:
    """Where a recording holds speech, overlapped speech and changes of speaker.

    Parameters
    ----------
    speech : tuple of Segment
        Where anybody talks; in order, disjoint.
    overlaps : tuple of Segment
        Where at least two talk at once; inside ``speech``, in order, disjoint.
    changes : tuple of float
        Instants in seconds, ascending, at which another voice takes over, joins in or drops out.
        They lie inside regions of ``speech``; the edges of a region are no changes.
    local : LocalSpeakers or None
        Activity of the speakers of each window; None where the source is a plain VAD.
    confident_overlaps : tuple of Segment or None
        The parts of ``overlaps`` in which two voices are so likely that a second turn is worth the
        risk; in order, disjoint. None where the source makes no such difference.
    """

    speech: tuple[Segment, ...]
    overlaps: tuple[Segment, ...] = ()
    changes: tuple[float, ...] = ()
    local: LocalSpeakers | None = None
    confident_overlaps: tuple[Segment, ...] | None = None

    def __repr__(self) -> str:
        talk = sum(part.duration for part in self.speech)
        both = sum(part.duration for part in self.overlaps)
        return (
            f"<SpeechActivity: {talk:.1f} s in {len(self.speech)} regions, "
            f"{both:.1f} s of overlap, {len(self.changes)} changes>"
        )

    @classmethod
    def of(cls, speech: Iterable[Segment]) -> SpeechActivity:
        """Return the activity with these regions of speech alone, as a plain detector finds them.

        Examples
        --------
        >>> SpeechActivity.of([Segment(2, 3), Segment(0, 1)]).speech
        (Segment(start=0, end=1), Segment(start=2, end=3))
        """
        return cls(tuple(union(speech)))

    def within(self, duration: float) -> SpeechActivity:
        """Return the same without what lies outside of a recording, ``duration`` in seconds.

        Examples
        --------
        >>> SpeechActivity.of([Segment(-2, 3), Segment(8, 50)]).within(10.0).speech
        (Segment(start=0.0, end=3), Segment(start=8, end=10.0))
        """
        whole, sure = [Segment(0.0, duration)], self.confident_overlaps
        return replace(
            self,
            speech=tuple(intersection(self.speech, whole)),
            overlaps=tuple(intersection(self.overlaps, whole)),
            changes=tuple(change for change in self.changes if 0.0 < change < duration),
            confident_overlaps=None if sure is None else tuple(intersection(sure, whole)),
        )


@runtime_checkable
class VoiceActivityDetector(Protocol):
    """Anything that finds speech: bring your own function or object."""

    def __call__(self, waveform: Waveform) -> list[Segment]:
        """Return the stretches of speech in a recording (16 kHz mono), in order and disjoint."""
