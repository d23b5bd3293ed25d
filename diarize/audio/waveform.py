"""A recording in memory: mono 16 kHz samples, where they came from, and how clear they are.

The samples stay 16-bit integers (115 MB an hour); floats are made block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE, Float32
from diarize.timeline import Segment, union

FULL_SCALE = np.float32(32768.0)
_FRAME = 320  # samples in 20 ms


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
    channels : tuple of Waveform
        Each channel by itself, where that was asked for.
    channel, track : int or None
        Which channel, and which audio track of its file, it is; None where none was chosen.

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
    channels: tuple[Waveform, ...] = ()
    channel: int | None = None
    track: int | None = None

    def __repr__(self) -> str:
        return f"<Waveform {self.path!r}: {self.duration:.1f} s>"

    def __len__(self) -> int:
        return int(self.samples.size)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples.size / SAMPLE_RATE

    def block(self, start: int, stop: int) -> Float32:
        """Return samples ``start`` to ``stop`` (indices, clamped) as float32 in [-1, 1]."""
        part = self.samples[max(0, start) : max(0, stop)]
        floats: Float32 = np.multiply(part, 1 / FULL_SCALE, dtype=np.float32)
        return floats

    def within(self, region: Segment) -> NDArray[np.int16]:
        """Return the samples of a region as they are."""
        return self.samples[round(region.start * SAMPLE_RATE) : round(region.end * SAMPLE_RATE)]

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

    def blocks(self, seconds: float = 60.0) -> Iterator[Float32]:
        """Yield the samples as float32 blocks of ``seconds`` each, the last one shorter."""
        step = max(1, round(seconds * SAMPLE_RATE))
        for start in range(0, self.samples.size, step):
            yield self.block(start, start + step)


def signal_to_noise(waveform: Waveform, regions: Sequence[Segment]) -> float:
    """Return how far the speech stands above its background, in dB.

    The background is what the quietest twentieth of 20 ms frames stays below: people pause
    between syllables.
    """
    powers = []
    for region in union(regions):
        samples = waveform.within(region)
        frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
        powers.append(np.square(frames.astype(np.float64)).mean(axis=1))
    power = np.concatenate(powers) if powers else np.empty(0)
    if not power.any():
        return 0.0
    # The noise of a 16-bit converter keeps digital silence from counting as no background at all.
    return float(10.0 * np.log10(power.mean() / (np.percentile(power, 5) + 1.0 / 12.0)))
