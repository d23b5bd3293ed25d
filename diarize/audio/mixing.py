"""Channels to one: mixed, repaired, resampled to 16 kHz and rounded to 16 bits, block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE, Float32, Float64
from diarize.audio.channels import LevelMeter
from diarize.audio.waveform import FULL_SCALE
from diarize.errors import UsageError
from diarize.settings import DEFAULTS, ChannelSettings
from diarize.text import counted

# Ninefold below what unrelated channels give: only opposite polarity cancels as much as that.
CANCELLED = 0.1
# Beyond this a "sample" is garbage, not sound in any scale.
GARBAGE = np.float32(1e10)


class Mixer:
    """Mixes channels to one at 16 kHz and 16 bits, and measures what the mix loses.

    Parameters
    ----------
    name : str
        The recording's, for messages.
    pick : int or None
        The channel to take; None for the mean of all.
    gain : float
        Factor on every sample.
    pad : float
        Seconds of silence in front.
    settings : ChannelSettings
        How levels are measured.

    Attributes
    ----------
    samples : (n,) int16 array
        After :meth:`finish`.
    invalid : int
        Samples that were not numbers and became silence.
    meter : LevelMeter
        Levels of the channels that were mixed.
    track
        With ``peak``, full scale 1, and the seconds ``received``.
    """

    def __init__(
        self,
        name: str,
        pick: int | None,
        gain: float = 1.0,
        pad: float = 0.0,
        settings: ChannelSettings = DEFAULTS.channels,
    ) -> None:
        self.pick = pick
        self.gain = np.float32(gain)
        self.invalid = 0
        self.meter = LevelMeter(settings)
        self._name = name
        self.track = _ResampledChannel(pad)
        self._energies: Float64 = np.zeros(0)
        self._mixed = 0.0

    def add(self, samples: Float32, rate: int) -> None:
        """Take in the next samples, (channels, n) float32 with full scale at ±1, at ``rate`` Hz."""
        self.track.add(self._mix(samples, rate), rate)

    def finish(self) -> None:
        """Make :attr:`samples` of what was added."""
        self.samples: NDArray[np.int16] = self.track.finish()

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

    def _mix(self, samples: Float32, rate: int) -> Float32:
        """Return one channel, (n,), of (channels, n)."""
        energies = _energies(samples)
        if not energies.sum() < GARBAGE**2:  # true for NaN as well
            samples = self._repair(samples)
            energies = _energies(samples)
        if self.pick is not None:
            if not 0 <= self.pick < len(samples):
                raise UsageError(
                    f"{self._name}: has {counted(len(samples), 'channel')}, numbered from 0; "
                    f"there is no {self.pick}."
                )
            mixed = samples[self.pick]
        elif len(samples) == 1:
            mixed = samples[0]
        else:
            # Adding two rows takes half as long as numpy's mean over the first axis.
            mixed = samples[0] + samples[1] if len(samples) == 2 else samples.sum(axis=0)
            mixed *= np.float32(1 / len(samples))
            self._weigh(energies, mixed)
            self.meter.add(samples, rate)
        louder: Float32 = mixed * self.gain if self.gain != 1 else mixed
        return louder

    def _repair(self, samples: Float32) -> Float32:
        """Return the samples with silence where there is no number, or one beyond all scales."""
        good = np.abs(samples) < GARBAGE  # false for NaN as well
        self.invalid += good.size - int(np.count_nonzero(good))
        repaired: Float32 = np.where(good, samples, np.float32(0))
        return repaired

    def _weigh(self, energies: Float64, mixed: Float32) -> None:
        """Add up the energy of each channel and of their mix."""
        if self._energies.size < energies.size:
            self._energies = np.pad(self._energies, (0, energies.size - self._energies.size))
        self._energies[: energies.size] += energies
        self._mixed += float(np.vdot(mixed, mixed))


def _energies(samples: Float32) -> Float64:
    """Return the sum of squares of each channel; not finite where a sample is not."""
    return np.array([np.vdot(plane, plane) for plane in samples], dtype=np.float64)


@dataclass
class _ResampledChannel:
    """One channel at 16 kHz in a buffer that grows in place, behind ``pad`` seconds of silence."""

    pad: float = 0.0
    peak: float = 0.0
    received: float = 0.0
    _buffer: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    _size: int = 0
    _rate: int = 0
    _resampler: Any = None

    def __post_init__(self) -> None:
        self._write(np.zeros(round(self.pad * SAMPLE_RATE), np.float32))

    def add(self, samples: Float32, rate: int) -> None:
        """Take in the next (n,) samples; their rate may differ from that of those before."""
        if rate != self._rate:
            self._flush()
            self._start(rate)
        self.received += samples.size / rate
        contiguous = np.ascontiguousarray(samples)
        self._write(self._resampler.resample_chunk(contiguous) if self._resampler else contiguous)

    def finish(self) -> NDArray[np.int16]:
        """Return all samples, (n,) int16."""
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

    def _write(self, samples: Float32) -> None:
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
