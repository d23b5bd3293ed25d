"""Segmentation networks in ONNX files, and how their overlapping windows become one track.

Three kinds are known by their inputs and outputs:

* the bundled model: |STFT| (n, t, 257) in, log probabilities (n, t / 2, 7) out, each 20 ms;
* pyannote's segmentation networks as exported for sherpa-onnx: samples (n, 1, t) in, (n, f, 7) out,
  with ``window_size``, ``receptive_field_size`` and ``receptive_field_shift`` in the metadata;
* Silero's VAD: 512 samples and a state in, one probability and the next state out.

The seven classes are those of Plaquet and Bredin, "Powerset multi-class cross entropy loss for
neural speaker diarization" (Interspeech 2023): nobody, one of three, or two of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from diarize.arrays import SAMPLE_RATE, Bool, Float32, Progress
from diarize.audio import spectrogram
from diarize.audio.waveform import Waveform
from diarize.errors import ModelError
from diarize.onnx.session import Session
from diarize.segmentation.segmenters import (
    LOCAL_SPEAKERS,
    PLAIN_OPTIONS,
    SILERO_OPTIONS,
    LocalSpeakers,
    NeuralSegmenter,
    Segmenter,
    SileroSegmenter,
)
from diarize.settings import DEFAULTS, SegmentationSettings, Settings

# Which local speakers talk in each of the seven classes.
MEMBERS = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.float32
)
ORDERS = tuple(permutations(range(LOCAL_SPEAKERS)))


class PowersetNetwork(Protocol):
    """A network that reads windows of samples and returns probabilities of the seven classes.

    Attributes
    ----------
    shift : int
        Samples from frame to frame.
    offset : int
        Samples from a window's beginning to its first frame's beginning.
    """

    shift: int
    offset: int

    def window(self, samples: int) -> int:
        """Return how many samples a window of a recording of so many samples has."""
        ...

    def __call__(self, waveform: Waveform, starts: Sequence[int], window: int) -> Float32:
        """Return the probabilities (len(starts), F, 7) of windows; beyond the end is silence."""
        ...


@dataclass(frozen=True)
class FrameTrack:
    """A whole recording, frame by frame.

    Parameters
    ----------
    step, offset : float
        Seconds a frame, and when the first one begins.
    speech, pair : (F,) float32 arrays
        Probability that anybody talks, and that two talk at once.
    speakers : (F, 3) float32 array
        Probability of each local speaker; their order is stable from window to window only.
    local : LocalSpeakers
        What was decided in each window.
    """

    step: float
    offset: float
    speech: Float32
    pair: Float32
    speakers: Float32
    local: LocalSpeakers


# --- windows to one track ---------------------------------------------------------------------


def run(
    network: PowersetNetwork,
    waveform: Waveform,
    batch: int = 4,
    on_progress: Progress | None = None,
    *,
    hop: float = 0.5,
) -> FrameTrack:
    """Run a network over overlapping windows and average what they say.

    Parameters
    ----------
    network : PowersetNetwork
    waveform : Waveform
        16 kHz mono, not empty.
    batch : int
        Windows at once.
    hop : float
        From window to window, as a share of a window.
    """
    samples, shift = len(waveform), network.shift
    window = network.window(samples)
    starts = window_starts(samples, window, int(hop * window) // shift * shift, shift)
    blender = _Blender(starts, shift, network.offset)
    for first in range(0, len(starts), batch):
        blender.add(network(waveform, starts[first : first + batch], window))
        if on_progress is not None:
            on_progress("speech", min(first + batch, len(starts)), len(starts))
    return blender.finish(samples)


def window_starts(samples: int, window: int, hop: int, shift: int) -> list[int]:
    """Return where windows begin so that they cover a recording, the last one ending with it.

    Examples
    --------
    >>> window_starts(100, 40, 20, 5)
    [0, 20, 40, 60]
    >>> window_starts(93, 40, 20, 5)
    [0, 20, 40, 55]
    >>> window_starts(30, 40, 20, 5)
    [0]
    """
    last = max(0, -(-(samples - window) // shift) * shift)
    return [*range(0, last, max(hop, shift)), last]


class _Blender:
    """Averages windows that overlap, their local speakers matched to those before."""

    def __init__(self, starts: Sequence[int], shift: int, offset: int) -> None:
        self.firsts = [start // shift for start in starts]
        self.shift, self.offset = shift, offset
        self.activity: list[Bool] = []
        self.done = 0
        self.total: Float32 = np.zeros((0, 2 + LOCAL_SPEAKERS), dtype=np.float32)
        self.weight: Float32 = np.zeros(0, dtype=np.float32)

    def add(self, probabilities: Float32) -> None:
        """Take the next windows, (W, F, 7)."""
        frames = probabilities.shape[1]
        if not self.done:
            size = self.firsts[-1] + frames
            self.total = np.zeros((size, 2 + LOCAL_SPEAKERS), dtype=np.float32)
            self.weight = np.zeros(size, dtype=np.float32)
        # Frames near a window's edge lack context on one side.
        ramp = np.sin(np.pi * (np.arange(frames, dtype=np.float32) + 0.5) / frames) ** 2 + 0.02
        for window in probabilities:
            self._add_one(window, ramp.astype(np.float32))

    def _add_one(self, window: Float32, ramp: Float32) -> None:
        first = self.firsts[self.done]
        where = slice(first, first + len(window))
        speakers = window @ MEMBERS
        weight = self.weight[where]
        known = weight > 0
        if known.any():
            before = self.total[where][known, 2:] / weight[known, None]
            speakers = speakers[:, best_order(before, speakers[known])]
        self.activity.append(_active(window, speakers))
        together = np.column_stack([1.0 - window[:, 0], window[:, 4:].sum(axis=1), speakers])
        self.total[where] += ramp[:, None] * together
        self.weight[where] += ramp
        self.done += 1

    def finish(self, samples: int) -> FrameTrack:
        """Return the track, cut to the recording's length."""
        frames = max(1, min(len(self.weight), -(-(samples - self.offset) // self.shift)))
        mean = self.total[:frames] / self.weight[:frames, None]
        step, offset = self.shift / SAMPLE_RATE, self.offset / SAMPLE_RATE
        starts = np.array(self.firsts, dtype=np.float64) * step + offset
        local = LocalSpeakers(starts, step, np.stack(self.activity))
        return FrameTrack(step, offset, mean[:, 0], mean[:, 1], mean[:, 2:], local)


def best_order(before: Float32, now: Float32) -> list[int]:
    """Return the order of ``now``'s speakers (frames, 3) in which they agree most with ``before``.

    Examples
    --------
    >>> before = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    >>> best_order(before, before[:, [2, 0, 1]])
    [1, 2, 0]
    """
    agreement = before.T @ now
    return list(max(ORDERS, key=lambda order: sum(agreement[i, k] for i, k in enumerate(order))))


def _active(window: Float32, speakers: Float32) -> Bool:
    """Say who talks in each frame: as many as the likeliest count, the likeliest ones first."""
    alone, pairs = window[:, 1:4].sum(axis=1), window[:, 4:].sum(axis=1)
    count = np.stack([window[:, 0], alone, pairs]).argmax(axis=0)
    rank = np.argsort(np.argsort(-speakers, axis=1, kind="stable"), axis=1)
    return np.asarray(rank < count[:, None])


# --- networks ---------------------------------------------------------------------------------


class MagnitudeNetwork:
    """The bundled model."""

    shift = 2 * spectrogram.HOP
    offset = 0
    # The network halves time twice: windows are whole multiples of 40 ms.
    _unit = 4 * spectrogram.HOP
    # Puts the middle of the first frame's 512 samples on the middle of the first 10 ms.
    _margin = (spectrogram.N_FFT - spectrogram.HOP) // 2

    def __init__(self, session: Session, seconds: float) -> None:
        self.session = session
        self.longest = round(seconds * SAMPLE_RATE) // self._unit * self._unit
        self.input = session.inputs[0].name

    def window(self, samples: int) -> int:
        """Return the model's window, or less for a shorter recording (at least a second)."""
        whole = -(-samples // self._unit) * self._unit
        return min(self.longest, max(whole, SAMPLE_RATE // self._unit * self._unit))

    def __call__(self, waveform: Waveform, starts: Sequence[int], window: int) -> Float32:
        """Return the probabilities of windows, whose spectrogram is computed once."""
        first, last = starts[0], starts[-1] + window
        samples = _block(waveform, first - self._margin, last + self._margin)
        magnitude = spectrogram.magnitude(samples)
        hop, frames = spectrogram.HOP, window // spectrogram.HOP
        if all(start == first + index * window for index, start in enumerate(starts)):
            # Windows one after the other lie there already as the network wants them.
            windows = magnitude[: len(starts) * frames].reshape(len(starts), frames, -1)
        else:
            windows = np.stack([magnitude[(s - first) // hop :][:frames] for s in starts])
        (scores,) = self.session.run({self.input: windows})
        return np.asarray(np.exp(scores), dtype=np.float32)


class SampleNetwork:
    """pyannote's segmentation network as exported for sherpa-onnx: reads samples."""

    def __init__(self, session: Session) -> None:
        self.session = session
        metadata = session.metadata
        self.input = session.inputs[0].name
        size = session.inputs[0].shape[2]
        fixed = size if isinstance(size, int) else 160_000
        self.size = int(metadata.get("window_size", fixed))
        self.shift = int(metadata.get("receptive_field_shift", 270))
        self.offset = (int(metadata.get("receptive_field_size", 991)) - self.shift) // 2
        one = session.inputs[0].shape[0] == 1
        self.at_once = 1 if one else 8

    def window(self, samples: int) -> int:
        """Return the window that the network was trained on, whatever the recording's length."""
        return self.size

    def __call__(self, waveform: Waveform, starts: Sequence[int], window: int) -> Float32:
        """Return the probabilities of windows."""
        out: list[Float32] = []
        for index in range(0, len(starts), self.at_once):
            chosen = starts[index : index + self.at_once]
            batch = np.stack([_block(waveform, s, s + window) for s in chosen])[:, None]
            (scores,) = self.session.run({self.input: batch})
            out.append(_softmax(scores))
        return np.concatenate(out)


class SileroNetwork:
    """Silero's VAD, versions 4 and 5: a recurrent network over chunks of 512 samples."""

    chunk = 512
    step = chunk / SAMPLE_RATE
    # Version 5 wants the last 64 samples before each chunk in front of it.
    context = 64

    def __init__(self, session: Session) -> None:
        self.session = session
        self.fifth = any(item.name == "state" for item in session.inputs)

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> Float32:
        """Return the probability of speech in each chunk, (ceil(n / 512),) float32."""
        count = -(-len(waveform) // self.chunk)
        out = np.zeros(count, dtype=np.float32)
        rate = np.array(SAMPLE_RATE, dtype=np.int64)
        states = self._begin()
        before = self.context if self.fifth else 0
        for index in range(count):
            start = index * self.chunk
            samples = _block(waveform, start - before, start + self.chunk)[None]
            feed: dict[str, npt.NDArray[Any]] = {"input": samples, "sr": rate, **states}
            result = self.session.run(feed)
            out[index] = np.ravel(result[0])[0]
            states = dict(zip(states, result[1:], strict=True))
            if on_progress is not None and index % 1000 == 999:
                on_progress("speech", index + 1, count)
        return out

    def _begin(self) -> dict[str, Float32]:
        if self.fifth:
            return {"state": np.zeros((2, 1, 128), dtype=np.float32)}
        return {name: np.zeros((2, 1, 64), dtype=np.float32) for name in ("h", "c")}


def _block(waveform: Waveform, start: int, stop: int) -> Float32:
    """Samples ``start`` to ``stop``, zeros outside the recording."""
    inside = waveform.block(start, min(stop, len(waveform)))
    front = max(0, -start)
    back = max(0, stop - start - front - len(inside))
    return np.pad(np.asarray(inside, dtype=np.float32), (front, back))


def _softmax(scores: npt.NDArray[Any]) -> Float32:
    """Probabilities of the last axis; log probabilities just lose their logarithm."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float32)


# --- files ------------------------------------------------------------------------------------


def open_segmenter(
    path: str | Path | None, threads: int | None, settings: Settings = DEFAULTS
) -> Segmenter:
    """See :func:`diarize.segmentation.segmenters.load_segmentation`."""
    if path is None:
        from diarize.onnx.bundled import bundled

        path = bundled("segmentation")
    path = Path(path)
    session = Session(path, threads)
    metadata = session.metadata
    inputs = {item.name: item.shape for item in session.inputs}
    shape = next(iter(inputs.values()))
    classes = session.outputs[0].shape[-1]
    if "input" in inputs and "sr" in inputs and ("state" in inputs or {"h", "c"} <= set(inputs)):
        return SileroSegmenter(SileroNetwork(session), settings.segmentation or SILERO_OPTIONS)
    if len(inputs) == 1 and len(shape) == 3 and classes in (len(MEMBERS), None, "num_classes"):
        if metadata.get("diarize.kind") == "segmentation":
            return NeuralSegmenter(
                MagnitudeNetwork(session, _number(path, metadata, "window")),
                settings.segmentation or _options(path, metadata),
                energy_gate=settings.energy_gate,
            )
        if shape[1] in (1, None) or isinstance(shape[1], str):
            return NeuralSegmenter(
                SampleNetwork(session),
                settings.segmentation or PLAIN_OPTIONS,
                energy_gate=settings.energy_gate,
            )
    raise ModelError(
        f"{path}: not a segmentation model of a known kind (the bundled one, pyannote segmentation "
        "exported for sherpa-onnx, Silero VAD); its inputs are "
        + ", ".join(f"{name} {size}" for name, size in inputs.items())
    )


def _options(path: Path, metadata: Mapping[str, str]) -> SegmentationSettings:
    """Read the thresholds that were tuned for a model of ours."""
    names = set(SegmentationSettings.__dataclass_fields__)
    # Older files lack them: hop before version 2, sure before version 5.
    names -= {name for name in ("hop", "sure") if f"diarize.{name}" not in metadata}
    return SegmentationSettings(**{name: _number(path, metadata, name) for name in names})


def _number(path: Path, metadata: Mapping[str, str], name: str) -> float:
    try:
        return float(metadata[f"diarize.{name}"])
    except (KeyError, ValueError):
        raise ModelError(
            f"{path}: the model's metadata lacks a number for diarize.{name}; export it again"
        ) from None
