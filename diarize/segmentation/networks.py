"""Segmentation networks in ONNX files: windows of a recording to probabilities.

Three kinds are known by their inputs and outputs:

* the bundled model: |STFT| (n, t, 257) in, log probabilities (n, t / 2, 7) out, each 20 ms;
* pyannote's segmentation networks as exported for sherpa-onnx: samples (n, 1, t) in, (n, f, 7) out,
  with ``window_size``, ``receptive_field_size`` and ``receptive_field_shift`` in the metadata;
* Silero's VAD: 512 samples and a state in, one probability and the next state out.

The seven classes are those of Plaquet and Bredin, "Powerset multi-class cross entropy loss for
neural speaker diarization" (Interspeech 2023): nobody, one of three, or two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from diarize.arrays import SAMPLE_RATE, Float32, Progress
from diarize.audio import spectrogram
from diarize.audio.waveform import Waveform
from diarize.onnx.session import Session

#: (7, 3): which local speakers talk in each of the seven classes.
POWERSET = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.float32
)


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
        """Return the samples of a window, for a recording of so many samples."""

    def __call__(self, waveform: Waveform, starts: Sequence[int], window: int) -> Float32:
        """Return the probabilities (len(starts), F, 7) of windows; beyond the end is silence."""


class BundledNetwork:
    """The bundled model: reads magnitudes of any level.

    Parameters
    ----------
    seconds : float
        Length of a window.
    """

    shift = 2 * spectrogram.HOP
    offset = 0
    # The network halves time twice: windows are whole multiples of 40 ms.
    _unit = 4 * spectrogram.HOP
    # Puts the middle of the first frame's 512 samples on the middle of the first 10 ms.
    _margin = (spectrogram.N_FFT - spectrogram.HOP) // 2

    def __init__(self, session: Session, seconds: float) -> None:
        self.session = session
        self.max_window = round(seconds * SAMPLE_RATE) // self._unit * self._unit
        self.input = session.inputs[0].name

    def window(self, samples: int) -> int:
        """Return the model's window, or less for a shorter recording (at least a second)."""
        whole = -(-samples // self._unit) * self._unit
        return min(self.max_window, max(whole, SAMPLE_RATE // self._unit * self._unit))

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


class PyannoteNetwork:
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
        """Return the probability of speech in each of the ceil(n / 512) chunks, (chunks,)."""
        count = -(-len(waveform) // self.chunk)
        out = np.zeros(count, dtype=np.float32)
        rate = np.array(SAMPLE_RATE, dtype=np.int64)
        states = self._initial_states()
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

    def _initial_states(self) -> dict[str, Float32]:
        """Return the states before the first chunk, by the names of the inputs."""
        if self.fifth:
            return {"state": np.zeros((2, 1, 128), dtype=np.float32)}
        return {name: np.zeros((2, 1, 64), dtype=np.float32) for name in ("h", "c")}


def _block(waveform: Waveform, start: int, stop: int) -> Float32:
    """Return samples ``start`` to ``stop``, (stop − start,), zeros outside the recording."""
    inside = waveform.block(start, min(stop, len(waveform)))
    front = max(0, -start)
    back = max(0, stop - start - front - len(inside))
    return np.pad(np.asarray(inside, dtype=np.float32), (front, back))


def _softmax(scores: npt.NDArray[Any]) -> Float32:
    """Return probabilities along the last axis, of scores or of log probabilities."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float32)
