"""Front ends of embedding networks: samples to the frames that a network takes.

A front end computes frames (every 10 ms, on one grid for the whole recording) and then prepares
the frames of one partial utterance. :mod:`diarize.embedding.embedder` chooses the frames, runs
them in batches, and averages the network's answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diarize.arrays import Float32
from diarize.audio import spectrogram
from diarize.audio.fbank import fbank
from diarize.errors import ModelError

PORT_FRAMES = 300
PORT_SHIFT = 150
PORT_LEVEL = -30.0


class Frontend:
    """Plain magnitudes at any level: for networks with level, logarithm and scaling inside.

    Attributes
    ----------
    bins : int
        Values a frame.
    reach : int
        Samples that one frame looks at.
    level : float or None
        In dBFS, what quieter utterances are raised to; None leaves the level alone.
    """

    bins = spectrogram.BINS
    reach = spectrogram.N_FFT
    level: float | None = None

    def frames(self, samples: Float32) -> Float32:
        """Return ``(T, bins)`` frames, one every 160 samples, of 16 kHz audio in ±1."""
        return spectrogram.magnitude(samples)

    def prepare(self, partial: Float32) -> Float32:
        """Return the frames of one partial utterance, (t, bins), as the network takes them."""
        return partial

    def lengthen(self, frames: Float32, count: int) -> Float32:
        """Return at least ``count`` frames, made by repeating the (t, bins) given.

        Examples
        --------
        >>> Frontend().lengthen(np.array([[1], [2]], np.float32), 5).ravel().tolist()
        [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]
        """
        return np.tile(frames, (-(-count // len(frames)), 1)) if len(frames) < count else frames


@dataclass(frozen=True)
class AutoSpeechPortMagnitude(Frontend):
    """The public AutoSpeech port: quiet speech raised to −30 dBFS, bins scaled by mean and std.

    Too short an utterance is stretched by doubling each frame until it is longer than a partial,
    as the authors' reference implementation (arXiv 2005.03215) and its ONNX port do.
    """

    mean: Float32
    std: Float32
    level: float | None = PORT_LEVEL

    @classmethod
    def beside(cls, model: Path) -> AutoSpeechPortMagnitude:
        """Read ``mean.npy`` and ``std.npy`` from the model's folder.

        Raises
        ------
        ModelError
            Where one of them is missing or does not hold 257 finite numbers.
        """
        mean, std = (_read_bins(model.parent / name, model) for name in ("mean.npy", "std.npy"))
        return cls(mean, np.where(std > 0, std, np.float32(1)))

    def prepare(self, partial: Float32) -> Float32:
        """Return ``(x − mean) / std`` by bin."""
        scaled: Float32 = (partial - self.mean) / self.std
        return scaled

    def lengthen(self, frames: Float32, count: int) -> Float32:
        """Double each frame until there are more than ``count``."""
        while len(frames) <= count:
            frames = np.repeat(frames, 2, axis=0)
        return frames


class KaldiFbank(Frontend):
    """Kaldi's log-mel filter bank less its mean over the partial utterance.

    What WeSpeaker, 3D-Speaker (CAM++, ERes2Net) and most free ONNX embedders were trained on.
    """

    bins = 80
    reach = spectrogram.WINDOW

    def frames(self, samples: Float32) -> Float32:
        """Return log-mel energies of samples in 16-bit scale."""
        return fbank(samples * np.float32(32768.0), num_mel_bins=self.bins)

    def prepare(self, partial: Float32) -> Float32:
        """Subtract each bin's mean."""
        centred: Float32 = partial - partial.mean(axis=0, keepdims=True)
        return centred


def _read_bins(path: Path, model: Path) -> Float32:
    """Read one number a frequency bin."""
    try:
        values = np.asarray(np.load(path), dtype=np.float32).ravel()
    except FileNotFoundError:
        raise ModelError(
            f"{model}: a model of the public AutoSpeech port needs {path.name} beside it; "
            f"copy mean.npy and std.npy to {path.parent}"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as a NumPy array ({error})") from None
    if values.size != spectrogram.BINS or not np.isfinite(values).all():
        raise ModelError(
            f"{path}: {spectrogram.BINS} finite numbers are expected, one a frequency bin; "
            f"it holds {values.size}"
        )
    return values
