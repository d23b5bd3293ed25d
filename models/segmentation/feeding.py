"""From simulated windows to batches: a pool of the newest windows, crops and masks.

Drawing a window costs longer than learning from it, so each window is used several times: the
newest ones lie in a pool, from which each batch is drawn, cropped and masked anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.segmentation.data import Conversations, Window
from models.segmentation.recipe import BatchSettings


class Message(NamedTuple):
    """Some windows: log-mel (k, T, 64) float16, activity (k, T / 2, 3) bool, voices (k, 3) int64.

    A voice is −1 where a window has no such local speaker.
    """

    mels: NDArray[np.float16]
    activity: NDArray[np.bool_]
    voices: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Log-mel (N, T, 64) float32, activity (N, T / 2, 3) bool and voices (N, 3) int64."""

    mels: Tensor
    activity: Tensor
    voices: Tensor


def to_message(windows: list[Window]) -> Message:
    """Stack windows."""
    return Message(
        np.stack([w.mels for w in windows]),
        np.stack([w.activity for w in windows]),
        np.stack([w.voices for w in windows]),
    )


# --- new windows ------------------------------------------------------------------------------


class FreshWindows(Dataset[Message]):
    """Message `i`: windows `size * i` to `size * (i + 1)` of the endless series.

    Parameters
    ----------
    source : Conversations
    size : int
    count : int
        How many messages there are.
    """

    def __init__(self, source: Conversations, size: int, count: int) -> None:
        self.source, self.size, self.count = source, size, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Message:
        torch.set_num_threads(1)
        first = index * self.size
        return to_message([self.source.window(i) for i in range(first, first + self.size)])


def batches(
    source: Conversations, settings: BatchSettings, first: int, steps: int, workers: int = 1
) -> Iterator[Batch]:
    """Yield the batches of steps `first` to `steps`.

    Each has one message of new windows, the rest is drawn from the pool. The pool of a run that
    goes on is filled with the windows that it held.
    """
    begin = max(0, first - -(-settings.pool // settings.fresh))
    loader = DataLoader(
        FreshWindows(source, settings.fresh, steps),
        batch_size=None,
        sampler=range(begin, steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    pool = Pool(settings.pool)
    for step, message in zip(range(begin, steps), loader, strict=True):
        pool.add(message)
        if step >= first:
            generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
            yield pool.draw(settings.size, settings.fresh, generator)


# --- the pool ---------------------------------------------------------------------------------


class Pool:
    """The newest windows, float16.

    Parameters
    ----------
    size : int
        Windows to keep.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0  # windows ever added
        self.mels = torch.empty(0)
        self.activity = torch.empty(0)
        self.voices = torch.empty(0)

    def __len__(self) -> int:
        return min(self.count, self.size)

    def add(self, message: Message) -> None:
        """Put a message in the place of the oldest windows."""
        arrays = [torch.as_tensor(array) for array in message]
        if not self.count:
            self.mels, self.activity, self.voices = (
                array.new_zeros((self.size, *array.shape[1:])) for array in arrays
            )
        first = self.count % self.size
        fitting = min(len(message.mels), self.size - first)
        kept = (self.mels, self.activity, self.voices)
        for target, source in zip(kept, arrays, strict=True):
            target[first : first + fitting] = source[:fitting]
            target[: len(source) - fitting] = source[fitting:]
        self.count += len(message.mels)

    def draw(self, number: int, newest: int, generator: torch.Generator) -> Batch:
        """Return `number` windows, the `newest` ones among them, the others at random."""
        newest = min(newest, number)
        chance = torch.rand(number - newest, generator=generator)
        # By age, not by place: the pool of a run that goes on begins elsewhere.
        age = torch.cat([torch.arange(newest), (chance * len(self)).long()])
        index = (self.count - 1 - age) % self.size
        return Batch(self.mels[index].float(), self.activity[index], self.voices[index])


# --- augmentation -----------------------------------------------------------------------------


def crop(batch: Batch, generator: torch.Generator) -> Batch:
    """Two crops of half the length from each window, anywhere in its first and second half."""
    number, frames, _ = batch.activity.shape
    device = batch.mels.device
    half = frames // 2 - frames // 2 % 2
    parts = []
    for low, high in ((0, half // 2), (half // 2, frames - half)):
        chance = torch.rand(number, 1, generator=generator, device=device)
        start = (low + (chance * (high + 1 - low)).long()) // 2 * 2
        row = torch.arange(number, device=device)[:, None]
        fine = 2 * start + torch.arange(2 * half, device=device)
        coarse = start + torch.arange(half, device=device)
        parts.append((batch.mels[row, fine], batch.activity[row, coarse]))
    mels, activity = (torch.cat(piece) for piece in zip(*parts, strict=True))
    return Batch(mels, activity, batch.voices.repeat(2, 1))


def mask_bands(batch: Batch, generator: torch.Generator) -> Batch:
    """Hide a band of frequencies in some windows (SpecAugment, Park et al. 2019)."""
    mels = batch.mels
    chance = torch.rand(3, len(mels), 1, generator=generator, device=mels.device)
    width = (2 + chance[1] * 8).floor()
    first = (chance[2] * (mels.shape[2] - width)).floor()
    band = torch.arange(mels.shape[2], device=mels.device)
    hidden = (chance[0] < 0.3) & (band >= first) & (band < first + width)
    mean = mels.mean(dim=(1, 2), keepdim=True)
    return replace(batch, mels=torch.where(hidden[:, None], mean, mels))
