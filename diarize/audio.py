"""A recording in memory: any file to mono 16 kHz, decoded, mixed and resampled in one pass.

The samples stay 16-bit integers (115 MB an hour); floats are made block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from diarize import decode
from diarize.arrays import SAMPLE_RATE, Progress
from diarize.decode import Samples
from diarize.display import clock
from diarize.errors import AudioError, UsageError

FULL_SCALE = np.float32(32768.0)
# Ninefold below what unrelated channels give: only opposite polarity cancels as much as that.
CANCELLED = 0.1
# Decoders overshoot full scale a little; a float file beyond this was never scaled to ±1.
UNSCALED_PEAK = 4.0
# Beyond this a "sample" is garbage, not sound in any scale.
GARBAGE = np.float32(1e10)


@dataclass(frozen=True, eq=False)
class Waveform:
    """Mono sound at 16 kHz.

    Parameters
    ----------
    samples : (n,) int16 array
        Not to be written to.
    path : str
        Where it came from: a path, ``"-"`` for standard input, ``"array"``.
    warnings : tuple of str
        What the user should know, such as a truncated file.

    Examples
    --------
    >>> wave = Waveform(np.full(8000, 16384, dtype=np.int16))
    >>> wave.duration
    0.5
    >>> wave.block(0, 2).tolist()
    [0.5, 0.5]
    """

    samples: NDArray[np.int16]
    path: str = "array"
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Waveform {self.path!r}: {self.duration:.1f} s>"

    def __len__(self) -> int:
        return int(self.samples.size)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples.size / SAMPLE_RATE

    def block(self, start: int, stop: int) -> Samples:
        """Return samples ``start`` to ``stop`` (indices, clamped) as float32 in [-1, 1]."""
        part = self.samples[max(0, start) : max(0, stop)]
        floats: Samples = np.multiply(part, 1 / FULL_SCALE, dtype=np.float32)
        return floats

    def power(self, start: int, stop: int) -> float:
        """Return the mean square of samples ``start`` to ``stop``, full scale 1; 0 for none.

        Examples
        --------
        >>> Waveform(np.full(8000, 16384, dtype=np.int16)).power(100, 9000)
        0.25
        """
        start, stop = max(0, start), min(stop, len(self))
        total = 0.0
        for first in range(start, stop, 1 << 20):
            block = self.block(first, min(first + (1 << 20), stop))
            total += float(np.sum(np.square(block, dtype=np.float64)))
        return total / max(1, stop - start)

    def blocks(self, seconds: float = 60.0) -> Iterator[Samples]:
        """Yield the whole as float32 blocks of ``seconds`` each, the last one shorter."""
        step = max(1, round(seconds * SAMPLE_RATE))
        for start in range(0, self.samples.size, step):
            yield self.block(start, start + step)


def load(
    source: str | Path | IO[bytes] | NDArray[Any],
    *,
    channels: str | int = "mix",
    sample_rate: int | None = None,
    on_progress: Progress | None = None,
) -> Waveform:
    """Decode a recording to mono 16 kHz.

    Parameters
    ----------
    source : path, ``"-"`` (standard input), binary file object, or array
        Arrays are (n,), (n, channels) or (channels, n), float with full scale at ±1 or integer.
    channels : "mix" or int
        The mean of all channels, or one channel by its number from 0. :func:`load_channels` gives
        each on its own.
    sample_rate : int
        Of an array, in Hz; needed with arrays only.
    on_progress : callable, optional
        Called as ``(stage, done, total)``: stage ``"audio"``, seconds; ``total`` may be None.

    Returns
    -------
    Waveform
        Truncated and damaged files give what could be decoded, and a warning.

    Raises
    ------
    AudioError
        The file is missing, a folder, unreadable, empty, no media file, without sound, protected.
    UsageError
        ``channels`` or ``sample_rate`` make no sense.
    """
    if isinstance(channels, str) and channels != "mix":
        raise UsageError(
            f"channels={channels!r}: use 'mix' or a channel number, or load_channels()."
        )
    pick = channels if isinstance(channels, int) else None
    if isinstance(source, np.ndarray):
        whole = _planes(source, sample_rate)
        return _load_mono(lambda: _slices(whole, int(sample_rate or 0)), "array", pick, None)
    if sample_rate is not None:
        raise UsageError("sample_rate is for arrays only: files say their own.")
    with decode.opened(source) as ready:
        report = ready.report
        tick = _ticker(report, on_progress)
        path = str(source) if isinstance(source, str | Path) else ready.name
        wave = _load_mono(lambda: tick(decode.blocks(ready)), ready.name, pick, report)
    return Waveform(wave.samples, path, wave.warnings)


def load_channels(
    source: str | Path | IO[bytes], *, on_progress: Progress | None = None
) -> list[Waveform]:
    """Decode each channel to a :class:`Waveform` of its own (call recordings: one a speaker).

    Raises
    ------
    AudioError
        As :func:`load`.
    """
    with decode.opened(source) as ready:
        tracks: list[_Track] = []
        for rate, planes in _ticker(ready.report, on_progress)(decode.blocks(ready)):
            while len(tracks) < len(planes):  # channels that join late are silent until then
                tracks.append(_Track(pad=tracks[0].received if tracks else 0.0))
            for track, plane in zip(tracks, planes, strict=False):
                track.add(plane, rate)
        waves = [track.finish() for track in tracks]
        if not waves or not waves[0].size:
            raise _nothing_decoded(ready.name, ready.report)
        warnings = tuple(_damage(ready.name, ready.report))
        path = str(source) if isinstance(source, str | Path) else ready.name
        return [Waveform(samples, path, warnings) for samples in waves]


def _load_mono(
    blocks: Callable[[], Iterable[tuple[int, Samples]]],
    name: str,
    pick: int | None,
    report: decode.Report | None,
) -> Waveform:
    """Mix and resample; decode once more where the first pass shows that its plan was wrong."""
    mixer = _Mixer(pick)
    samples = mixer.run(blocks(), name)
    warnings = list(_damage(name, report)) if report else []
    loudest = mixer.cancelled()
    if loudest is not None:
        warnings.append(
            f"{name}: its channels cancel each other out (opposite polarity); "
            f"channel {loudest} alone is used."
        )
    gain = 1.0
    if mixer.peak > UNSCALED_PEAK:
        gain = 1.0 / mixer.peak
        warnings.append(
            f"{name}: its samples reach {mixer.peak:.0f} times full scale; scaled down."
        )
    if loudest is not None or gain != 1.0:
        mixer = _Mixer(pick if loudest is None else loudest, gain)
        samples = mixer.run(blocks(), name)
    if mixer.invalid:
        warnings.append(f"{name}: {mixer.invalid} samples were not numbers and became silence.")
    if not samples.size:
        raise _nothing_decoded(name, report)
    return Waveform(samples, name, tuple(warnings))


class _Mixer:
    """Channels to one, with an eye on what the mix loses."""

    def __init__(self, pick: int | None, gain: float = 1.0) -> None:
        self.pick = pick
        self.gain = np.float32(gain)
        self.invalid = 0
        self.peak = 0.0
        self._energies: NDArray[np.float64] = np.zeros(0)
        self._mixed = 0.0

    def run(self, blocks: Iterable[tuple[int, Samples]], name: str) -> NDArray[np.int16]:
        track = _Track()
        for rate, planes in blocks:
            track.add(self._mix(planes, name), rate)
        samples = track.finish()
        self.peak = track.peak
        return samples

    def cancelled(self) -> int | None:
        """Return the loudest channel where the mix has lost nearly everything, else None."""
        count = self._energies.size
        total = float(self._energies.sum())
        if self.pick is not None or count < 2 or not total:
            return None
        # Unrelated channels leave mean energy / count; equal ones count times that.
        if self._mixed >= CANCELLED * total / count**2:
            return None
        return int(self._energies.argmax())

    def _mix(self, planes: Samples, name: str) -> Samples:
        energies = _energies(planes)
        if not np.isfinite(energies.sum()):
            planes = self._repair(planes)
            energies = _energies(planes)
        if self.pick is not None:
            if not 0 <= self.pick < len(planes):
                raise UsageError(
                    f"{name}: has {len(planes)} channels, numbered from 0; there is no {self.pick}."
                )
            mixed = planes[self.pick]
        elif len(planes) == 1:
            mixed = planes[0]
        else:
            # Adding two rows takes half as long as numpy's mean over the first axis.
            mixed = planes[0] + planes[1] if len(planes) == 2 else planes.sum(axis=0)
            mixed *= np.float32(1 / len(planes))
            self._weigh(energies, mixed)
        louder: Samples = mixed * self.gain if self.gain != 1 else mixed
        return louder

    def _repair(self, planes: Samples) -> Samples:
        good = np.abs(planes) < GARBAGE  # false for NaN as well
        self.invalid += good.size - int(np.count_nonzero(good))
        repaired: Samples = np.where(good, planes, np.float32(0))
        return repaired

    def _weigh(self, energies: NDArray[np.float64], mixed: Samples) -> None:
        if self._energies.size < energies.size:
            self._energies = np.pad(self._energies, (0, energies.size - self._energies.size))
        self._energies[: energies.size] += energies
        self._mixed += float(np.vdot(mixed, mixed))


def _energies(planes: Samples) -> NDArray[np.float64]:
    """Return the sum of squares of each channel; not finite where a sample is not."""
    return np.array([np.vdot(plane, plane) for plane in planes], dtype=np.float64)


@dataclass
class _Track:
    """One channel on its way: resampled to 16 kHz into a buffer that grows in place."""

    pad: float = 0.0
    peak: float = 0.0
    received: float = 0.0
    _buffer: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    _size: int = 0
    _rate: int = 0
    _resampler: Any = None

    def __post_init__(self) -> None:
        self._write(np.zeros(round(self.pad * SAMPLE_RATE), np.float32))

    def add(self, samples: Samples, rate: int) -> None:
        if rate != self._rate:
            self._flush()
            self._start(rate)
        self.received += samples.size / rate
        contiguous = np.ascontiguousarray(samples)
        self._write(self._resampler.resample_chunk(contiguous) if self._resampler else contiguous)

    def finish(self) -> NDArray[np.int16]:
        self._flush()
        self._buffer.resize(self._size, refcheck=False)
        return self._buffer

    def _start(self, rate: int) -> None:
        import soxr

        self._rate = rate
        same = rate == SAMPLE_RATE
        # "MQ" is flat within 0.1 dB to 7.3 kHz, aliases lie below -110 dB: enough for 16 bits.
        self._resampler = (
            None if same else soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", "MQ")
        )

    def _flush(self) -> None:
        if self._resampler is not None:
            self._write(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
            self._resampler = None

    def _write(self, samples: Samples) -> None:
        if not samples.size:
            return
        end = self._size + samples.size
        if end > self._buffer.size:
            # realloc moves pages, not bytes, on the usual systems: no second copy at the end.
            room = max(end, self._buffer.size + max(1 << 23, self._buffer.size // 8))
            self._buffer.resize(room, refcheck=False)
        scaled = np.rint(samples * FULL_SCALE)
        self.peak = max(self.peak, float(scaled.max()) / 32768, -float(scaled.min()) / 32768)
        if self.peak > 32767 / 32768:
            np.clip(scaled, -32768, 32767, out=scaled)
        self._buffer[self._size : end] = scaled
        self._size = end


def _planes(array: NDArray[Any], sample_rate: int | None) -> Samples:
    """Return an array of the user's as (channels, n) float32."""
    if sample_rate is None or sample_rate <= 0:
        raise UsageError("an array needs its sample_rate in Hz, such as sample_rate=16000.")
    if array.dtype.kind not in "fi" and array.dtype != np.uint8:
        raise UsageError(f"audio arrays are float or integer, not {array.dtype}.")
    if array.ndim == 1:
        return decode.scaled(array[None])
    if array.ndim != 2:
        raise UsageError(f"audio arrays have one or two axes, not {array.ndim}.")
    return decode.scaled(array if array.shape[0] < array.shape[1] else array.T)


def _slices(planes: Samples, rate: int) -> Iterator[tuple[int, Samples]]:
    for start in range(0, planes.shape[1], decode.BLOCK):
        yield rate, planes[:, start : start + decode.BLOCK]


def _ticker(
    report: decode.Report, on_progress: Progress | None
) -> Callable[[Iterable[tuple[int, Samples]]], Iterator[tuple[int, Samples]]]:
    """Return a wrapper that reports each block's progress in whole seconds."""

    def tick(blocks: Iterable[tuple[int, Samples]]) -> Iterator[tuple[int, Samples]]:
        for block in blocks:
            yield block
            if on_progress is not None:
                total = None if report.expected is None else round(report.expected)
                on_progress("audio", round(report.decoded), total)

    return tick


def _damage(name: str, report: decode.Report) -> Iterator[str]:
    """Yield a warning for what a file should have held and did not."""
    expected, decoded = report.expected, report.decoded
    # Encoder padding and rounding make headers differ by a fraction of a second.
    short = expected is not None and decoded < expected - max(1.0, 0.002 * expected)
    if expected is not None and short:
        yield (
            f"{name}: truncated or damaged: {clock(decoded)} of {clock(expected)} could be decoded."
        )
    elif report.cut:
        yield f"{name}: damaged: reading broke off after {clock(decoded)}."
    elif report.skipped:
        yield f"{name}: damaged: {report.skipped} packets were skipped, {clock(decoded)} decoded."


def _nothing_decoded(name: str, report: decode.Report | None) -> AudioError:
    if report is not None and (report.skipped or report.cut):
        return AudioError(
            f"{name}: none of its audio could be decoded: it is damaged or protected. "
            "Try a fresh copy, or convert it to WAV with the program that plays it."
        )
    return AudioError(f"{name}: holds no audio samples. Record or export it again.")
