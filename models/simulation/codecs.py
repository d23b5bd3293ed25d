"""Lossy codecs and sound files held in memory, through PyAV; mono float32 at 16 kHz."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from diarize.arrays import SAMPLE_RATE, Float32
from diarize.errors import DiarizeError

CODECS = {
    "opus": ("ogg", "libopus"),
    "mp3": ("mp3", "libmp3lame"),
    "aac": ("adts", "aac"),
    "gsm-like": ("ogg", "libopus"),
}
CODEC_BITRATES = {
    "opus": (8_000, 12_000, 16_000, 24_000, 32_000),
    "mp3": (16_000, 24_000, 32_000, 64_000),
    "aac": (16_000, 24_000, 32_000, 48_000),
    "gsm-like": (6_000, 8_000),
}


def codec(samples: Float32, name: str = "opus", bitrate: int | None = None) -> Float32:
    """Encode and decode with a lossy codec by PyAV; as long as the input and aligned with it.

    Parameters
    ----------
    samples : ndarray (n,), float32
    name : {"opus", "mp3", "aac", "gsm-like"}
        ``gsm-like`` is narrow-band Opus at the bit rate of a mobile call.
    bitrate : int, optional
        Bits per second; the lowest one of :data:`CODEC_BITRATES` if not given.

    Raises
    ------
    DiarizeError
        For an unknown codec name.
    """
    if name not in CODECS:
        raise DiarizeError(f"unknown codec {name!r}; choose one of {', '.join(CODECS)}")
    if samples.size < SAMPLE_RATE // 50:
        return samples.astype(np.float32)
    coded = decode(_encode(samples, name, bitrate or CODEC_BITRATES[name][0]))
    return _align(coded, samples)


def _encode(samples: Float32, name: str, bitrate: int) -> bytes:
    """One in-memory file."""
    import av

    container, encoder = CODECS[name]
    options = {"cutoff": "4000"} if name == "gsm-like" else {}
    pcm = np.clip(np.round(samples * 32767.0), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(encoder, rate=SAMPLE_RATE, layout="mono", options=options)
        stream.bit_rate = bitrate
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return buffer.getvalue()


def decode(data: bytes) -> Float32:
    """Decode a sound file held in memory to mono float32 at 16 kHz."""
    import av

    pieces: list[NDArray[Any]] = []
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        for frame in container.decode(audio=0):
            pieces += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        pieces += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(pieces).astype(np.float32) if pieces else np.zeros(0, dtype=np.float32)


def _align(coded: Float32, original: Float32) -> Float32:
    """Undo an encoder's delay (up to 0.15 s), found as the peak of the cross-correlation."""
    head = min(original.size, 2 * SAMPLE_RATE)
    correlation = signal.fftconvolve(coded[: head + 2400], original[:head][::-1])
    start = head - 1
    window = correlation[start : start + 2400]
    lag = int(np.argmax(window)) if window.size else 0
    out = np.zeros(original.size, dtype=np.float32)
    piece = coded[lag : lag + original.size]
    out[: piece.size] = piece
    return out
