"""Neural segmentation: where is speech, where do two talk at once, where does the speaker change.

A segmenter reads a recording through overlapping windows. Inside each window it tells up to three
local speakers apart; what they do frame by frame is all that the rest of the pipeline needs: speech
regions, overlaps, change points, and the frames in which one voice is alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from diarize.settings import DEFAULTS, EnergyGateSettings, SegmentationSettings, Settings
from diarize.timeline import Segment, intersection, union

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from diarize.arrays import Progress
    from diarize.audio.waveform import Waveform
    from diarize.segmentation.networks import FrameTrack, PowersetNetwork, SileroNetwork

LOCAL_SPEAKERS = 3


@dataclass(frozen=True, repr=False)
class LocalSpeakers:
    """What up to three speakers do in each of the overlapping windows of a recording.

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

    starts: npt.NDArray[np.float64]
    step: float
    activity: npt.NDArray[np.bool_]

    def __repr__(self) -> str:
        return f"<LocalSpeakers: {self.activity.shape[1]} frames in each of {len(self)} windows>"

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def alone(self) -> npt.NDArray[np.bool_]:
        """(W, F, 3) bool: a local speaker talks and nobody else of the window does."""
        one = self.activity.sum(axis=2, keepdims=True) == 1
        mask: npt.NDArray[np.bool_] = self.activity & one
        return mask

    def segments(self, window: int, speaker: int, *, alone: bool = False) -> list[Segment]:
        """Return when a local speaker of a window talks (with ``alone``, without overlaps)."""
        frames = self.activity[window]
        mask = frames[:, speaker]
        if alone:
            mask = mask & (frames.sum(axis=1) == 1)
        return runs(mask, self.step, float(self.starts[window]))


@dataclass(frozen=True, repr=False)
class SpeechActivity:
    """What is known about a recording's speech before anybody is told apart for good.

    Parameters
    ----------
    speech : tuple of Segment
        Where anybody talks; in order, disjoint.
    overlaps : tuple of Segment
        Where at least two talk at once; inside ``speech``, in order, disjoint.
    changes : tuple of float
        Instants inside ``speech``, in seconds and ascending, at which another voice takes over,
        joins in or drops out. (Where a region of speech begins or ends is no change.)
    local : LocalSpeakers or None
        Who of a window's speakers talks in which frame; None where the source is a plain VAD.
    sure : tuple of Segment or None
        Where two voices at once are so likely that a second turn is worth the risk; in order,
        disjoint. None where the source makes no such difference: wherever there is overlap.
    """

    speech: tuple[Segment, ...]
    overlaps: tuple[Segment, ...] = ()
    changes: tuple[float, ...] = ()
    local: LocalSpeakers | None = None
    sure: tuple[Segment, ...] | None = None

    def __repr__(self) -> str:
        talk = sum(part.duration for part in self.speech)
        both = sum(part.duration for part in self.overlaps)
        return (
            f"<SpeechActivity: {talk:.1f} s in {len(self.speech)} regions, "
            f"{both:.1f} s of overlap, {len(self.changes)} changes>"
        )

    @classmethod
    def of(cls, speech: Iterable[Segment]) -> SpeechActivity:
        """Wrap what a plain voice activity detector found.

        Examples
        --------
        >>> SpeechActivity.of([Segment(2, 3), Segment(0, 1)]).speech
        (Segment(start=0, end=1), Segment(start=2, end=3))
        """
        return cls(tuple(union(speech)))


class Segmenter(Protocol):
    """Anything that finds speech, overlaps and changes in a recording.

    A plain voice activity detector, which returns a list of :class:`Segment`, is wrapped with
    :meth:`SpeechActivity.of`.
    """

    def __call__(self, waveform: Waveform) -> SpeechActivity:
        """Return the speech activity of a recording (16 kHz mono)."""
        ...


#: Of networks that bring no thresholds of their own, such as pyannote's.
PLAIN_OPTIONS = SegmentationSettings()
# Silero's own defaults (get_speech_timestamps of github.com/snakers4/silero-vad); only the silence
# is longer than its 0.1 s, so that pauses between words do not cut turns.
SILERO_OPTIONS = SegmentationSettings(min_speech=0.25, min_silence=0.3, pad=0.03)


class NeuralSegmenter:
    """Segmentation by a powerset network that reads overlapping windows.

    Probabilities of overlapping windows are averaged after the local speakers of each window were
    matched with those of the one before, middle frames counting most.

    Parameters
    ----------
    network : PowersetNetwork
        See :mod:`diarize.segmentation.networks`.
    options : SegmentationSettings
    batch : int
        Windows a run of the network: bounds the memory whatever the recording's length.
    energy_gate : EnergyGateSettings
        Which regions are too faint to count.
    """

    def __init__(
        self,
        network: PowersetNetwork,
        options: SegmentationSettings = PLAIN_OPTIONS,
        batch: int = 4,
        energy_gate: EnergyGateSettings = DEFAULTS.energy_gate,
    ) -> None:
        self.network = network
        self.options = options
        self.batch = batch
        self.energy_gate = energy_gate

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> SpeechActivity:
        """Return the speech activity of a recording.

        Parameters
        ----------
        waveform : Waveform
            16 kHz mono.
        on_progress : callable, optional
            Called as ``("speech", windows done, windows)``.
        """
        from diarize.segmentation import networks
        from diarize.segmentation.energy_gate import without_faint

        if not len(waveform):
            return SpeechActivity(())
        track = networks.run(self.network, waveform, self.batch, on_progress, hop=self.options.hop)
        found = decide(track, self.options, waveform.duration)
        return without_faint(found, waveform, self.energy_gate)


class SileroSegmenter:
    """Speech regions by a user's ``silero_vad.onnx``; knows nothing of overlaps and changes."""

    def __init__(
        self, network: SileroNetwork, options: SegmentationSettings = SILERO_OPTIONS
    ) -> None:
        self.network = network
        self.options = options

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> SpeechActivity:
        """Return the speech regions of a recording."""
        probability = self.network(waveform, on_progress)
        o = self.options
        found = regions(probability, self.network.step, o.onset, o.offset)
        return SpeechActivity(tuple(_tidy(found, o, waveform.duration)))


def load_segmentation(
    path: str | Path | None = None, threads: int | None = None, settings: Settings = DEFAULTS
) -> Segmenter:
    """Open a segmentation or voice activity model; its inputs and outputs tell which kind it is.

    Known are the bundled model, pyannote's segmentation networks as exported for sherpa-onnx, and
    Silero's VAD (versions 4 and 5).

    Parameters
    ----------
    path : str or Path, optional
        An ONNX file; the bundled model if not given.
    threads : int, optional
        Threads of the runtime; as many as there are cores if not given.
    settings : Settings
        Its ``segmentation`` takes the place of the thresholds that the model brings.

    Raises
    ------
    ModelError
        When the file is missing, damaged, or of no known kind.
    """
    from diarize.segmentation import networks

    return networks.open_segmenter(path, threads, settings)


def decide(track: FrameTrack, options: SegmentationSettings, duration: float) -> SpeechActivity:
    """Turn averaged probabilities into regions.

    Parameters
    ----------
    track : FrameTrack
        What the network found, frame by frame.
    options : SegmentationSettings
    duration : float
        Seconds; nothing lies beyond.
    """
    found = regions(track.speech, track.step, options.onset, options.offset, track.offset)
    speech = _tidy(found, options, duration)
    pairs = regions(
        track.pair, track.step, options.overlap_onset, options.overlap_offset, track.offset
    )
    overlaps = [p for p in intersection(speech, pairs) if p.duration >= options.min_overlap]
    changes = _changes(track, options, speech, overlaps)
    sure = None
    if options.sure:
        likely = regions(track.pair, track.step, options.sure, options.sure, track.offset)
        sure = tuple(intersection(overlaps, likely))
    return SpeechActivity(tuple(speech), tuple(overlaps), tuple(changes), track.local, sure)


def regions(
    probability: npt.NDArray[np.float32],
    step: float,
    onset: float,
    offset: float,
    start: float = 0.0,
) -> list[Segment]:
    """Return where a probability stays at or above ``offset`` and somewhere reaches ``onset``.

    Examples
    --------
    >>> import numpy as np
    >>> regions(np.array([0.1, 0.4, 0.6, 0.4, 0.1, 0.4]), 1.0, onset=0.5, offset=0.3)
    [Segment(start=1.0, end=4.0)]
    """
    import numpy as np

    found = runs(probability >= min(onset, offset), step, start)
    strong = np.concatenate([[0], np.cumsum(probability >= onset)])
    index = [(round((r.start - start) / step), round((r.end - start) / step)) for r in found]
    return [r for r, (a, b) in zip(found, index, strict=True) if strong[b] > strong[a]]


def _tidy(
    found: Iterable[Segment], options: SegmentationSettings, duration: float
) -> list[Segment]:
    """Close short silences, drop short speech, pad, and stay inside the recording."""
    whole = Segment(0.0, duration)
    kept = [s for s in union(found, options.min_silence) if s.duration >= options.min_speech]
    padded = (Segment(s.start - options.pad, s.end + options.pad) & whole for s in kept)
    return union(padded)


def _changes(
    track: FrameTrack,
    options: SegmentationSettings,
    speech: list[Segment],
    overlaps: list[Segment],
) -> list[float]:
    """Return where the leading voice changes inside a region, and where overlaps begin and end."""
    import numpy as np

    leader = np.where(track.speech >= options.offset, track.speakers.argmax(axis=1), -1)
    shortest = max(1, round(options.min_turn / track.step))
    handovers: list[float] = []
    for region in speech:
        first = max(0, round((region.start - track.offset) / track.step))
        last = round((region.end - track.offset) / track.step)
        frames = _handovers(leader[first:last], shortest)
        handovers += [track.offset + (first + frame) * track.step for frame in frames]
    # A handover inside an overlap is told by the overlap's own edges.
    starts = [part.start for part in overlaps]
    before = ((t, bisect_right(starts, t) - 1) for t in handovers)
    found = [t for t, index in before if index < 0 or t > overlaps[index].end]
    edges = {edge for part in overlaps for edge in (part.start, part.end)}
    borders = {edge for region in speech for edge in (region.start, region.end)}
    found += edges - borders
    return sorted({round(t, 4) for t in found})


def _handovers(leader: npt.NDArray[np.intp], shortest: int) -> list[float]:
    """Return the frames at which one lasting leader follows another; −1 is nobody.

    Examples
    --------
    >>> import numpy as np
    >>> _handovers(np.array([0, 0, 0, 1, 0, 0, -1, -1, 1, 1, 1]), shortest=2)
    [7.0]
    """
    import numpy as np

    if not len(leader):
        return []
    edges = np.flatnonzero(np.diff(leader)) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(leader)]])
    found: list[float] = []
    previous, ended = -1, 0
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        who = int(leader[start])
        if who < 0 or stop - start < shortest:
            continue
        if previous >= 0 and who != previous:
            found.append((ended + start) / 2)
        previous, ended = who, stop
    return found


def runs(mask: npt.NDArray[np.bool_], step: float, offset: float = 0.0) -> list[Segment]:
    """Return the stretches of true frames as segments.

    Parameters
    ----------
    mask : (F,) bool array
    step, offset : float
        Seconds a frame, and the time at which the first one begins.

    Examples
    --------
    >>> import numpy as np
    >>> runs(np.array([False, True, True, False]), 0.5)
    [Segment(start=0.5, end=1.5)]
    """
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [
        Segment(offset + float(start) * step, offset + float(stop) * step)
        for start, stop in zip(edges[::2], edges[1::2], strict=True)
    ]
