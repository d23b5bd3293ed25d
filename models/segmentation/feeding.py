"""From simulated windows to batches: workers, a pool of windows on the device, augmentation.

Drawing a window costs a core longer than learning from it costs a device, so each window is used
several times: the newest ones lie in a pool, from which each batch is drawn, cropped and masked
anew.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.segmentation.data import Conversations, Window


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


def to_batch(message: Message, device: torch.device | str = "cpu") -> Batch:
    """Put whole windows on a device."""
    mels, activity, voices = (torch.from_numpy(array).to(device) for array in message)
    return Batch(mels.float(), activity, voices)


# --- workers ----------------------------------------------------------------------------------


class Messages(IterableDataset[Message]):
    """The endless series of windows from the `first`-th on, `size` of them a message, in order."""

    def __init__(self, source: Conversations, first: int, size: int) -> None:
        self.source, self.first, self.size = source, first, size

    def __iter__(self) -> Iterator[Message]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        torch.set_num_threads(1)
        start = self.first + worker * self.size
        while True:
            indices = range(start, start + self.size)
            yield to_message([self.source.window(index) for index in indices])
            start += workers * self.size


def unchanged(message: Message) -> Message:
    """Collate nothing: arrays travel as they are."""
    return message


def drawn_by(source: Conversations, first: int, size: int, workers: int) -> Iterator[Message]:
    """Return messages drawn by worker processes, which begin at once (0: by this one)."""
    loader = DataLoader(
        Messages(source, first, size),
        batch_size=None,
        num_workers=workers,
        collate_fn=unchanged,
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)


class Ahead:
    """Takes messages in a thread, so that a step need not wait for one.

    Parameters
    ----------
    messages : iterable of Message
    waiting : int
        Messages to hold at most; more of them wait with the workers.
    """

    def __init__(self, messages: Iterable[Message], waiting: int = 64) -> None:
        self._queue: queue.Queue[Message | BaseException] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._take, args=(iter(messages),), daemon=True)
        self._thread.start()

    def _take(self, messages: Iterator[Message]) -> None:
        try:
            for message in messages:
                self._queue.put(message)
            self._queue.put(EOFError("no more windows"))
        except Exception as error:  # goes to whoever waits
            self._queue.put(error)

    def wait(self) -> Message:
        """Return the next message, as soon as there is one."""
        return self._checked(self._queue.get())

    def ready(self, most: int) -> list[Message]:
        """Return what is there, at most so many messages, without waiting."""
        found: list[Message] = []
        while len(found) < most:
            try:
                found.append(self._checked(self._queue.get_nowait()))
            except queue.Empty:
                break
        return found

    @staticmethod
    def _checked(item: Message | BaseException) -> Message:
        if isinstance(item, BaseException):
            raise item
        return item


# --- the pool ---------------------------------------------------------------------------------


class Pool:
    """The newest windows, on the device, float16.

    Parameters
    ----------
    size : int
        Windows to keep.
    device : torch.device
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.size, self.device = size, device
        self.count = 0  # windows ever added
        self.mels = torch.empty(0)
        self.activity = torch.empty(0)
        self.voices = torch.empty(0)

    def __len__(self) -> int:
        return min(self.count, self.size)

    def add(self, message: Message) -> None:
        """Put a message in the place of the oldest windows."""
        arrays = [self._moved(torch.from_numpy(array)) for array in message]
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

    def _moved(self, tensor: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor

    def draw(self, number: int, newest: int, generator: torch.Generator) -> Batch:
        """Return `number` windows, the `newest` ones among them, the others at random."""
        chance = torch.rand(number - newest, generator=generator, device=self.device)
        # By age, not by place: a resumed run's pool begins elsewhere.
        age = torch.cat([torch.arange(newest, device=self.device), (chance * len(self)).long()])
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
