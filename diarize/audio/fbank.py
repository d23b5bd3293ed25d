"""Kaldi's log-mel filter bank, which the free speaker embedders were trained on.

Window, pre-emphasis, mel scale and edges follow the description of Kaldi's ``compute-fbank-feats``
with ``--dither=0 --snip-edges=true --use-energy=false`` and the povey window.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE, Float32
from diarize.audio.spectrogram import HOP, N_FFT, WINDOW

PREEMPHASIS = np.float32(0.97)
LOW_FREQUENCY = 20.0
FLOOR = np.float32(np.finfo(np.float32).eps)
# Frames worked on at once: two minutes, 25 MB of spectra.
BLOCK = 12_000


def fbank(samples: Float32, num_mel_bins: int = 80) -> Float32:
    """Return log-mel energies, one frame every 10 ms, without mean subtraction.

    Parameters
    ----------
    samples : (n,) float32 array
        16 kHz, in the scale that the model was trained on: WeSpeaker's take 16-bit scale (±32768).
        Another scale shifts every value by one constant, which subtracting the mean removes.
    num_mel_bins : int
        Bands between 20 Hz and 8 kHz.

    Returns
    -------
    (T, num_mel_bins) float32 array
        ``T = 1 + (n - 400) // 160``, none for fewer than 400 samples.

    Examples
    --------
    >>> fbank(np.zeros(16000, dtype=np.float32)).shape
    (98, 80)
    """
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    count = 1 + (samples.size - WINDOW) // HOP if samples.size >= WINDOW else 0
    features = np.empty((count, num_mel_bins), np.float32)
    filters = mel_filters(num_mel_bins)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] if count else None
    for start in range(0, count, BLOCK):
        assert frames is not None
        power = _power(frames[start : start + BLOCK])
        energies = power @ filters
        features[start : start + BLOCK] = np.log(np.maximum(energies, FLOOR, out=energies))
    return features


def _power(frames: Float32) -> Float32:
    """Return each frame's power spectrum, (T, 257)."""
    centred = frames - frames.mean(axis=1, dtype=np.float32, keepdims=True)
    emphasized = np.empty_like(centred)
    np.multiply(centred[:, :-1], -PREEMPHASIS, out=emphasized[:, 1:])
    emphasized[:, 1:] += centred[:, 1:]
    emphasized[:, 0] = centred[:, 0] * (1 - PREEMPHASIS)  # Kaldi repeats the first sample
    emphasized *= povey_window()
    spectrum = np.fft.rfft(emphasized, N_FFT, axis=1)
    power: Float32 = np.square(spectrum.real) + np.square(spectrum.imag)
    return power.astype(np.float32, copy=False)


@cache
def povey_window() -> Float32:
    """Return Kaldi's own window, a symmetric Hann window to the power of 0.85, (400,)."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))
    window: Float32 = (hann**0.85).astype(np.float32)
    return window


@cache
def mel_filters(num_mel_bins: int) -> Float32:
    """Return triangular filters, evenly spaced and straight on the mel scale, (257, bins)."""

    def mel(frequency: NDArray[np.floating]) -> NDArray[np.floating]:
        scale: NDArray[np.floating] = 1127.0 * np.log1p(frequency / 700.0)
        return scale

    low, high = mel(np.array([LOW_FREQUENCY, SAMPLE_RATE / 2]))
    corners = np.linspace(low, high, num_mel_bins + 2)
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    bins = mel(np.arange(N_FFT // 2 + 1) * (SAMPLE_RATE / N_FFT))[:, None]
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    filters: Float32 = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    filters[-1] = 0.0  # Kaldi leaves the Nyquist bin out
    return filters
