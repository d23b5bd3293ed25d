"""Forms in which users give a recording: a file, a stream, bytes, or samples in any array."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol, Union, cast

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import Float32, finite_number
from diarize.audio.waveform import Waveform
from diarize.errors import UsageError


class ArrayLike(Protocol):
    """Anybody's array: numpy's, PyTorch's, JAX's."""

    def __array__(self) -> Any: ...


Source = Union[
    str,
    "os.PathLike[str]",
    bytes,
    IO[bytes],
    ArrayLike,
    tuple[Any, Any],
    Mapping[str, Any],
    Waveform,
]

_SAMPLES = ("waveform", "array", "audio", "samples", "raw")
_RATES = ("sample_rate", "sampling_rate", "sr", "rate")
_WANTED = (
    "pass a path, a binary file, the bytes of one, an array or tensor with sample_rate=…, "
    "(array, rate), or {'waveform': …, 'sample_rate': …}"
)
#: Samples per second below which there is no speech: a broken header, or a rate given in kHz.
LEAST_RATE = 1000
# More rows than this are no channels: a spectrogram, or a batch.
_MOST_CHANNELS = 64


def opened_source(
    source: Source, sample_rate: int | None = None
) -> tuple[str | Path | IO[bytes] | Float32, int]:
    """Return a recording as a path, as a stream, or as float samples with their rate.

    Parameters
    ----------
    source : object
        See :func:`diarize.audio.loading.load`.
    sample_rate : int, optional
        Of an array, in Hz.

    Returns
    -------
    path, binary file, or (channels, n) float32 array with full scale at ±1
    rate : int
        Of an array, in Hz; else 0.

    Raises
    ------
    UsageError
        Where it is none of these, or an array comes without its rate.
    """
    while isinstance(source, Mapping):  # datasets have {"audio": {"array": …}}
        source, sample_rate = _unpacked(source, sample_rate)
    if isinstance(source, tuple) and len(source) == 2:
        source, sample_rate = _pair(source, sample_rate)
    if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(
        source, "read"
    ):
        if sample_rate is not None:
            raise UsageError("sample_rate is for arrays only: files say their own.")
        if isinstance(source, bytes | bytearray | memoryview):
            return io.BytesIO(source), 0
        if hasattr(source, "encoding"):  # text files, and their wrappers (tempfile's, codecs')
            raise UsageError("a file that is open for text is no recording: open it with 'rb'.")
        if isinstance(source, str | os.PathLike):
            return (source if isinstance(source, str) else Path(source)), 0
        return cast("IO[bytes]", source), 0
    if not isinstance(source, list) and not hasattr(source, "__array__"):
        raise UsageError(f"a {type(source).__name__} is no recording: {_WANTED}.")
    array = _as_array(source)
    return _as_channels(array), _rate(sample_rate)


def _unpacked(source: Mapping[str, Any], rate: Any) -> tuple[Any, Any]:
    """Return the samples (or path) and the rate of a mapping, as pyannote and datasets give it."""
    samples = next((source[key] for key in _SAMPLES if source.get(key) is not None), None)
    if samples is None:
        samples = next((source[key] for key in ("path", "bytes") if source.get(key)), None)
        if samples is None:
            raise UsageError(
                f"a mapping with {', '.join(map(repr, source)) or 'nothing'}: {_WANTED}."
            )
        return samples, rate
    own = next((source[key] for key in _RATES if source.get(key) is not None), None)
    return samples, _agreed(own, rate)


def _pair(source: tuple[Any, Any], rate: Any) -> tuple[Any, Any]:
    """Return the samples and the rate of a pair, in either order (soundfile's, SciPy's)."""
    first, second = source
    samples, own = (second, first) if np.ndim(first) == 0 else (first, second)
    return samples, _agreed(own, rate)


def _agreed(own: Any, rate: Any) -> Any:
    """Return the rate that came with the samples, which ``sample_rate`` must not contradict."""
    if own is not None and rate is not None and _rate(own) != _rate(rate):
        raise UsageError(f"the samples say {own} Hz, and sample_rate says {rate}: leave one out.")
    return rate if own is None else own


def _rate(rate: Any) -> int:
    """Return a sample rate of the user's as whole Hz."""
    if rate is None:
        raise UsageError("an array needs its sample_rate in Hz, such as sample_rate=16000.")
    number = None if isinstance(rate, bool) else finite_number(rate)
    if number is None or not LEAST_RATE <= number < 1e9:
        raise UsageError(
            f"sample_rate is {rate!r}: pass a number of Hz (not kHz), such as 16000; "
            f"at least {LEAST_RATE}."
        )
    return round(number)


def _as_array(source: Any) -> NDArray[Any]:
    """Return anybody's array or tensor, from whatever device, as numpy's."""
    with suppress(Exception):  # sparse and meta tensors fail somewhere
        for method in ("detach", "cpu"):  # torch's
            source = getattr(source, method, lambda same=source: same)()
        try:
            return np.asarray(source)
        except Exception:  # of bfloat16, say, which numpy does not have
            return np.asarray(source.float())
    raise UsageError(f"a {type(source).__name__} holds no samples: {_WANTED}.")


def _as_channels(array: NDArray[Any]) -> Float32:
    """Return an array of the user's as (channels, n) float32."""
    if array.dtype.kind not in "fiu":
        raise UsageError(f"audio arrays are float or integer, not {array.dtype}.")
    if array.ndim == 3 and len(array) == 1:  # a batch of one
        array = array[0]
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2:
        raise UsageError(f"audio arrays have one or two axes, not {array.ndim}.")
    if not array.size:
        return np.zeros((1, 0), np.float32)
    channels_first = array if array.shape[0] < array.shape[1] else array.T
    if len(channels_first) > _MOST_CHANNELS:
        raise UsageError(
            f"an array of shape {array.shape} is no recording: one axis is for channels, of which "
            f"there are {_MOST_CHANNELS} at most. Pass samples, not a spectrogram or a batch."
        )
    return scaled(channels_first, full_scale(channels_first))


def full_scale(array: NDArray[Any]) -> float:
    """Return the value of full scale: that of the narrowest usual sample type that fits.

    8 and 16 bits are what they say. Wider arrays often hold 16 or 24 bits: SciPy, the ``wave``
    module and ``astype`` leave them so.

    Examples
    --------
    >>> [full_scale(np.array([peak], dtype=np.int32)) for peak in (900, 90_000, 1 << 30)]
    [32768.0, 8388608.0, 2147483648.0]
    """
    if array.dtype.kind == "f":
        return 1.0
    bits = 8 * array.dtype.itemsize
    if bits > 16 and array.size:
        peak = max(int(array.max()), -int(array.min()))
        peak >>= array.dtype.kind == "u"  # silence lies in the middle
        bits = next(width for width in (16, 24, 32, 64) if peak <= 1 << (width - 1))
    return 2.0 ** (bits - 1)


def scaled(raw: NDArray[Any], full: float) -> Float32:
    """Return samples as float32 with full scale at ±1; of unsigned ones the middle is silence.

    Examples
    --------
    >>> scaled(np.array([-32768, 16384], dtype=np.int16), 32768).tolist()
    [-1.0, 0.5]
    >>> scaled(np.array([0, 192], dtype=np.uint8), 128).tolist()
    [-1.0, 0.5]
    """
    if raw.dtype.kind == "f":
        return raw.astype(np.float32, copy=False)
    if raw.dtype.kind == "u":
        raw = raw.astype(np.int64) - int(full)
    floats: Float32 = np.multiply(raw, np.float32(1 / full), dtype=np.float32, casting="unsafe")
    return floats
