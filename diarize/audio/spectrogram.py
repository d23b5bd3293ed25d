"""The AutoSpeech front end: short-time Fourier magnitudes of 16 kHz audio.

Frames lie on one grid for a recording: frame ``i`` looks at the samples from ``160 i`` to
``160 i + 512``, whichever block it is computed in. A window of a recording is therefore a slice of
frames, and the same frame is never computed twice.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from diarize.arrays import Float32

N_FFT = 512
WINDOW = 400
HOP = 160
BINS = N_FFT // 2 + 1
FRAME_RATE = 100.0
"""Frames a second."""

# The Hann window sits in the middle of the 512 samples of a frame.
_OFFSET = (N_FFT - WINDOW) // 2
# Frames that are transformed at once: small enough to stay in the processor's cache.
_BLOCK = 512


def frame_count(samples: int) -> int:
    """Return how many complete frames fit into so many samples.

    Examples
    --------
    >>> frame_count(16000), frame_count(511)
    (97, 0)
    """
    return max(0, 1 + (samples - N_FFT) // HOP)


@cache
def _hann() -> Float32:
    angle = 2 * np.pi * np.arange(WINDOW) / WINDOW
    return np.asarray(0.5 - 0.5 * np.cos(angle), dtype=np.float32)


def magnitude(samples: Float32) -> Float32:
    """Return the short-time Fourier magnitudes |STFT|.

    512-point transforms of 25 ms periodic Hann windows every 10 ms, nothing padded at the edges;
    equal to ``abs(librosa.stft(x, n_fft=512, hop_length=160, win_length=400, center=False)).T``.

    Parameters
    ----------
    samples : (n,) float array
        16 kHz, full scale ±1.

    Returns
    -------
    (frame_count(n), 257) float32 array
    """
    from scipy.fft import rfft

    frames = frame_count(len(samples))
    out = np.empty((frames, BINS), dtype=np.float32)
    if not frames:
        return out
    centred = np.asarray(samples, dtype=np.float32)[_OFFSET:]
    views = np.lib.stride_tricks.sliding_window_view(centred, WINDOW)[::HOP][:frames]
    # The window at the frame's beginning instead of its middle moves the phase alone.
    padded = np.zeros((min(_BLOCK, frames), N_FFT), dtype=np.float32)
    hann = _hann()
    for start in range(0, frames, _BLOCK):
        count = min(_BLOCK, frames - start)
        np.multiply(views[start : start + count], hann, out=padded[:count, :WINDOW])
        np.abs(rfft(padded[:count], axis=1), out=out[start : start + count])
    return out


def raise_level(decibels: float, target: float) -> float:
    """Return the factor that brings a level up to ``target`` dBFS; 1 where it is there already.

    Examples
    --------
    >>> raise_level(-50.0, -30.0), raise_level(-10.0, -30.0), raise_level(float("-inf"), -30.0)
    (10.0, 1.0, 1.0)
    """
    if decibels >= target or decibels == float("-inf"):
        return 1.0
    return float(10.0 ** ((target - decibels) / 20.0))
