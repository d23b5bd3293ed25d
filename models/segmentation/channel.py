"""From tracks to a recording's features: rooms, lines, level, codecs, log-mel frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from models.segmentation import material
from models.segmentation.network import LOG_FLOOR, mel_filters
from models.simulation import acoustics

Samples = NDArray[np.float32]
RATE = 16_000
HOP = 160
# Samples of a transform in the convolution with rooms.
BLOCK = 32_768

_FILTERS = mel_filters()
_WINDOW = np.zeros(512, dtype=np.float32)
_WINDOW[:400] = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(400) / 400)


def log_mel(
    samples: Samples, response: Samples | None = None, hidden: float | None = None
) -> Samples:
    """Log-mel (n / 160, 64) of n samples; frame i is centred on samples 160 i to 160 (i + 1).

    `response` (257,) is a gain for each frequency: a telephone line, for instance. What is `hidden`
    dB below the loudest of the 16 nearest frequencies is left out, as by lossy codecs.
    """
    padded = np.pad(samples, (120, 120 + 112))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::HOP]
    magnitude = np.abs(fft.rfft(frames * _WINDOW, axis=1))
    if response is not None:
        magnitude *= response
    if hidden is not None:
        loud = ndimage.maximum_filter1d(magnitude, 17, axis=1)
        magnitude *= magnitude > loud * np.float32(10.0 ** (-hidden / 20.0))
    mels: Samples = np.log(magnitude @ _FILTERS + LOG_FLOOR)
    return mels


def convolved_sum(
    tracks: Samples, responses: Sequence[Samples], gains: Sequence[Samples | None]
) -> Samples:
    """Sum (n,) of tracks (k, n), each convolved with its response and weighted by frequency.

    By overlap-add; blocks in which a track is silent cost nothing.

    Parameters
    ----------
    tracks : (k, n) float32 array
    responses : sequence of (m,) float32 arrays
        At most :data:`models.segmentation.material.LONGEST_ROOM` long.
    gains : sequence of (BLOCK / 2 + 1,) float32 arrays or None
    """
    step = BLOCK - material.LONGEST_ROOM
    n = tracks.shape[1]
    count = -(-n // step)
    spectrum = np.zeros((count, BLOCK // 2 + 1), dtype=np.complex64)
    blocks = np.pad(tracks, ((0, 0), (0, count * step - n))).reshape(len(tracks), count, step)
    for track, response, gain in zip(blocks, responses, gains, strict=True):
        heard = track.any(axis=1)
        if not heard.any():
            continue
        way = fft.rfft(response, BLOCK)
        if gain is not None:
            way *= gain
        spectrum[heard] += fft.rfft(track[heard], BLOCK, axis=1) * way
    pieces = fft.irfft(spectrum, BLOCK, axis=1)
    out = np.zeros(count * step + material.LONGEST_ROOM, dtype=np.float32)
    for index, piece in enumerate(pieces):
        out[index * step : index * step + BLOCK] += piece
    return out[:n]


def telephone_band(rng: np.random.Generator, hertz: NDArray[np.floating]) -> Samples:
    """Gain of a telephone line at frequencies, its band drawn at random."""
    low, high = rng.uniform(100.0, 350.0), rng.uniform(3200.0, 3900.0)
    outside = np.maximum(low / np.maximum(hertz, 1.0), hertz / high)
    gains = np.maximum(1e-3, np.minimum(1.0, outside**-8.0))
    return np.asarray(gains, dtype=np.float32)


def _response(rng: np.random.Generator) -> Samples | None:
    """Gains (257,) of the whole recording: a telephone line, a codec's low-pass, mostly nothing."""
    kind = float(rng.random())
    hertz = np.linspace(0.0, RATE / 2, _FILTERS.shape[0])
    if kind < 0.12:
        return telephone_band(rng, hertz)
    if kind < 0.24:
        edge = float(rng.uniform(3400.0, 7600.0))
        return np.maximum(1e-4, np.minimum(1.0, (hertz / edge + 1e-6) ** -40.0)).astype(np.float32)
    return None


def recorded(rng: np.random.Generator, samples: Samples) -> Samples:
    """Level, quantisation, clipping, µ-law, band and codec; then the log-mel frames."""
    level = float(rng.uniform(-50.0, -5.0))
    samples = acoustics.set_level(samples, level)
    if rng.random() < 0.05:
        samples = acoustics.clip(samples, float(rng.uniform(0.001, 0.02)))
    if rng.random() < 0.05:
        samples = acoustics.mu_law(samples)
    samples = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.float32) / 32768.0
    # Lossy codecs leave out what louder sounds nearby hide.
    hidden = float(rng.uniform(18.0, 45.0)) if rng.random() < 0.12 else None
    return log_mel(samples, _response(rng), hidden)
