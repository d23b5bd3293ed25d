"""The degradations of ``augmentation.py`` for whole batches at once, on an accelerator.

Everything is a function of the :class:`torch.Generator` passed in. A degradation meets a fixed
share of a batch, so that no step waits for the device to say how many windows were drawn. Lossy
codecs need a processor and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import fft
from torch import Tensor

from models.autospeech.augmentation import (
    BABBLE,
    CLIPPING,
    EQUALISER,
    LONGEST_ROOM,
    NOISE,
    ROOM,
    SECOND_ROOM,
    TELEPHONE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

RATE = 16_000


@dataclass(frozen=True)
class Draw:
    """Random numbers on one device."""

    generator: torch.Generator

    @property
    def device(self) -> torch.device:
        """Where the numbers lie."""
        return self.generator.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Evenly from [low, high)."""
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=self.device)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Evenly from 0 .. high − 1."""
        return torch.randint(high, shape, generator=self.generator, device=self.device)

    def some(self, n: int, share: float) -> Tensor:
        """Indices of ``round(share * n)`` of n, drawn without repetition."""
        order = torch.randperm(n, generator=self.generator, device=self.device)
        return order[: round(share * n)]


def power(x: Tensor) -> Tensor:
    """Mean power (n, 1) of (n, samples)."""
    return x.square().mean(dim=1, keepdim=True)


def like(x: Tensor, original: Tensor) -> Tensor:
    """`x` at the mean power of `original`."""
    return x * (power(original) / power(x).clamp_min(1e-12)).sqrt()


def add_noise(x: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """(n, samples) plus noise at (n, 1) decibels below it."""
    wanted = power(x) * 10.0 ** (-snr_db / 10.0)
    return x + noise * (wanted / power(noise).clamp_min(1e-10)).sqrt()


def convolve(x: Tensor, responses: Tensor) -> Tensor:
    """(n, samples) with (n, m) impulse responses; as long and as loud as before."""
    size = fft.next_fast_len(x.shape[1] + responses.shape[1], real=True)
    product = torch.fft.rfft(x, size) * torch.fft.rfft(responses, size)
    return like(torch.fft.irfft(product, size)[:, : x.shape[1]], x)


def shape_spectrum(x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
    """Multiply the spectrum of (n, samples) by ``gain(frequency in Hz)``, (n or 1, bins)."""
    size = fft.next_fast_len(x.shape[1] + 512, real=True)
    hertz = torch.linspace(0.0, RATE / 2, size // 2 + 1, device=x.device)
    return torch.fft.irfft(torch.fft.rfft(x, size) * gain(hertz), size)[:, : x.shape[1]]


def equalise(draw: Draw, x: Tensor) -> Tensor:
    """Random smooth equaliser of up to ±3 to ±12 dB at eight points of a log frequency axis."""
    points, depth = 8, draw.uniform(3.0, 12.0, x.shape[0], 1)
    gains = depth * draw.uniform(-1.0, 1.0, x.shape[0], points)

    def gain(hertz: Tensor) -> Tensor:
        ratio = float(np.log(8000.0 / 60.0))
        at = (hertz.clamp_min(60.0) / 60.0).log() / ratio * (points - 1)
        low = at.floor().long().clamp(0, points - 2)
        part = (at - low).clamp(0.0, 1.0)
        return 10.0 ** ((gains[:, low] * (1.0 - part) + gains[:, low + 1] * part) / 20.0)

    return like(shape_spectrum(x, gain), x)


def clip(draw: Draw, x: Tensor) -> Tensor:
    """Clip at 1.5 to 4 times the effective value."""
    limit = draw.uniform(1.5, 4.0, x.shape[0], 1) * power(x).sqrt()
    return torch.maximum(torch.minimum(x, limit), -limit)


def telephone(draw: Draw, x: Tensor) -> Tensor:
    """Band of a telephone line (second-order Butterworth, there and back); mu-law on every other.

    Mu-law comes at a level of −35 to −15 dBFS.
    """
    low, high = draw.uniform(150, 400, x.shape[0], 1), draw.uniform(3000, 3800, x.shape[0], 1)

    def gain(hertz: Tensor) -> Tensor:
        away = (hertz.square() - low * high) / (hertz.clamp_min(1.0) * (high - low))
        return 1.0 / (1.0 + away**4)

    level = 10.0 ** (draw.uniform(-35, -15, x.shape[0], 1) / 20.0)
    x = shape_spectrum(x, gain)
    x = x * level / power(x).clamp_min(1e-12).sqrt()
    x[::2] = mu_law(x[::2])
    return x


def mu_law(x: Tensor, mu: float = 255.0) -> Tensor:
    """Through 8-bit mu-law and back."""
    scale = float(np.log1p(mu))
    x = x.clamp(-1.0, 1.0)
    steps = torch.round(x.sign() * torch.log1p(mu * x.abs()) / scale * 127.0) / 127.0
    return steps.sign() * torch.expm1(steps.abs() * scale) / mu


def coloured_noise(draw: Draw, n: int, samples: int) -> Tensor:
    """Noise whose power falls as 1/f**e, e from 0 (white) to 2 (brown)."""
    white = torch.randn(n, samples, generator=draw.generator, device=draw.device)
    exponent = draw.uniform(0.0, 2.0, n, 1)
    return shape_spectrum(white, lambda hertz: hertz.clamp_min(20.0) ** (-exponent / 2.0))


class BatchAugmenter:
    """Degrades (n, samples) in the order in which the world does it.

    Parameters
    ----------
    rooms : sequence of ndarray
        Impulse responses, see :func:`models.autospeech.augmentation.room_bank`.
    noises : sequence of ndarray
        Background recordings.
    device : torch.device
        Where everything lies.
    """

    def __init__(
        self,
        rooms: Sequence[NDArray[np.float32]],
        noises: Sequence[NDArray[np.float32]],
        device: torch.device,
    ) -> None:
        bank = np.zeros((len(rooms), LONGEST_ROOM), dtype=np.float32)
        for row, response in zip(bank, rooms, strict=True):
            row[: min(response.size, LONGEST_ROOM)] = response[:LONGEST_ROOM]
        self.rooms = torch.from_numpy(bank).to(device)
        self.noise = torch.from_numpy(np.concatenate(noises)).to(device)
        sizes = np.array([noise.size for noise in noises])
        self.noise_size = torch.from_numpy(sizes).to(device)
        self.noise_start = torch.from_numpy(np.cumsum(sizes) - sizes).to(device)

    def __call__(self, draw: Draw, x: Tensor, strength: float) -> Tensor:
        """`strength` from 0 (nothing) to 1 (everything)."""
        n, clean, x = x.shape[0], x, x.clone()

        def meet(share: float, degrade: Callable[[Tensor, Tensor], Tensor]) -> None:
            at = draw.some(n, share * strength)
            if len(at):
                x[at] = degrade(x[at], at)

        def room(part: Tensor, at: Tensor) -> Tensor:
            return convolve(part, self.rooms[draw.integers(len(self.rooms), len(at))])

        def babble(part: Tensor, at: Tensor) -> Tensor:
            ratio = draw.uniform(20 - 14 * strength, 24, len(at), 1)
            return add_noise(part, self._babble(draw, clean, at), ratio)

        def recorded(part: Tensor, at: Tensor) -> Tensor:
            ratio = draw.uniform(20 - 16 * strength, 30, len(at), 1)
            return add_noise(part, self._recorded(draw, *part.shape), ratio)

        def coloured(part: Tensor, at: Tensor) -> Tensor:
            ratio = draw.uniform(20 - 16 * strength, 30, len(at), 1)
            return add_noise(part, coloured_noise(draw, *part.shape), ratio)

        meet(ROOM, room)
        meet(ROOM * SECOND_ROOM, room)
        meet(BABBLE, babble)
        meet(NOISE * 0.7, recorded)
        meet(NOISE * 0.3, coloured)
        meet(EQUALISER, lambda part, _: equalise(draw, part))
        meet(CLIPPING, lambda part, _: clip(draw, part))
        meet(TELEPHONE, lambda part, _: telephone(draw, part))
        return x

    def _babble(self, draw: Draw, clean: Tensor, at: Tensor) -> Tensor:
        """One to four other windows of the batch, equally loud."""
        voices = like(clean, torch.ones_like(clean))
        total = torch.zeros_like(clean[at])
        for extra in range(4):
            shift = 1 + draw.integers(clean.shape[0] - 1, len(at))
            heard = (draw.uniform(0, 1, len(at), 1) < 1.0 - extra / 4).float()
            total += heard * voices[(at + shift) % clean.shape[0]]
        return total

    def _recorded(self, draw: Draw, n: int, samples: int) -> Tensor:
        which = draw.integers(len(self.noise_size), n)
        size = self.noise_size[which][:, None]
        start = (draw.uniform(0.0, 1.0, n, 1).double() * size).long()
        inside = (start + torch.arange(samples, device=draw.device)) % size
        return self.noise[self.noise_start[which][:, None] + inside]
