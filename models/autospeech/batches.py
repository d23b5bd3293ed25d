"""Batches of training windows: cut, degraded, and what the teachers say of each.

A batch is a function of the seed and its number alone, so a run can be stopped at any minute and
resumed with the same outcome up to floating point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr
import torch
from torch.utils.data import Dataset

from diarize.arrays import SAMPLE_RATE
from models.autospeech.recipe import BatchSettings
from models.autospeech.targets import Targets, group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from models.autospeech.augmentation import Augmenter
    from models.autospeech.data import Speech
    from models.autospeech.teachers import Listener

HOP, FRAME, FFT = 160, 400, 512
# What a batch holds: features, targets, labels, and the number of each window's corpus.
Batch = tuple["Tensor", "Tensor", "Tensor", "Tensor"]
# Label of a window that is nobody's.
NOBODY = -1


def magnitude(samples: Tensor) -> Tensor:
    """(n, samples) to (n, t, 257) magnitudes, as ``diarize.audio.spectrogram.magnitude``."""
    window = torch.nn.functional.pad(
        torch.hann_window(FRAME, device=samples.device), (0, FFT - FRAME)
    )
    frames = torch.nn.functional.pad(samples, (0, FFT - FRAME)).unfold(1, FFT, HOP)
    spectrum: Tensor = torch.fft.rfft(frames * window)
    return spectrum.abs()


class Batches(Dataset[Batch]):
    """Batch number `i`: features (n, 1, t, bands), targets (n, d), labels (n,), corpora (n,).

    Every person is drawn as often as any other. A share of the batches is of one corpus, so that
    the line tells nothing, with two windows a person, so that both who is one and who is two can
    be learnt there. A label is the number of a voice, or :data:`NOBODY` for a window whose speed
    was changed.

    Parameters
    ----------
    speech : Speech
    targets : Targets
    augmenter : Augmenter
    front : nn.Module
        The network's front end.
    settings : BatchSettings
    listener : Listener
        The teachers.
    steps : int
        How many there are.
    """

    def __init__(
        self,
        speech: Speech,
        targets: Targets,
        augmenter: Augmenter,
        front: torch.nn.Module,
        settings: BatchSettings,
        listener: Listener,
        steps: int,
    ) -> None:
        self.speech, self.targets, self.augmenter = speech, targets, augmenter
        self.front, self.settings, self.listener = front, settings, listener
        self.steps = steps
        self.groups = [group(voice) for voice in speech.voices]
        corpora = [name.split("/")[0] for name in self.groups]
        numbers = {name: i for i, name in enumerate(sorted(set(corpora)))}
        self.corpus = np.array([numbers[name] for name in corpora])

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        degraded, people, labels = self.windows(step)
        vectors = self.listener(degraded)
        targets = self.targets.answers(vectors, [self.groups[voice] for voice in people])
        return (
            self.features(degraded),
            torch.from_numpy(targets),
            torch.tensor(labels),
            torch.from_numpy(self.corpus[people]),
        )

    def windows(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.int64], list[int]]:
        """What a batch sounds like, (n, samples); whose voices (n,) they are; labels."""
        settings = self.settings
        rng = np.random.default_rng((settings.seed, step))
        strength = min(1.0, 0.2 + 0.8 * step / max(1, settings.ramp))
        frames = self.frames(step)
        length = (frames - 1) * HOP + FRAME
        people = self.draw(rng, settings.size * settings.frames // frames)
        pieces, labels = [], []
        for voice in people:
            speed = 1.0
            if rng.random() < settings.respeeded:
                speed = float(np.exp(rng.uniform(-settings.speed, settings.speed)))
            pieces.append(self.window(rng, int(voice), length, speed))
            labels.append(NOBODY if speed != 1.0 else int(voice))
        degraded = np.stack(
            [
                self.augmenter(rng, piece, strength, _others(rng, pieces, i))
                for i, piece in enumerate(pieces)
            ]
        )
        return degraded, people, labels

    @torch.no_grad()
    def features(self, windows: NDArray[np.float32]) -> Tensor:
        """Windows (n, samples) to what the convolutions see, (n, 1, t, bands)."""
        found: Tensor = self.front(magnitude(torch.from_numpy(windows)))
        return found

    def frames(self, step: int) -> int:
        """Frames of the windows of a batch: some batches have longer ones."""
        chance = np.random.default_rng([self.settings.seed, step, 1]).random()
        return self.settings.frames * (2 if chance < self.settings.long else 1)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """The voices (count,) of a batch."""
        everybody = np.arange(len(self.corpus))
        if rng.random() >= self.settings.inside:
            return rng.choice(everybody, count, replace=count > everybody.size)
        around = everybody[self.corpus == self.corpus[int(rng.choice(everybody))]]
        pairs = -(-count // 2)
        people = rng.choice(around, pairs, replace=pairs > around.size)
        return np.repeat(people, 2)[:count]

    def window(
        self, rng: np.random.Generator, number: int, length: int, speed: float
    ) -> NDArray[np.float32]:
        """`length` samples of a voice from a random place, played at `speed`."""
        voice = self.speech.voices[number]
        needed = int(np.ceil(length * speed)) + 64 if speed != 1.0 else length
        start = int(rng.integers(max(1, voice.length - needed)))
        piece = self.speech.cut(voice, start, needed)
        if speed != 1.0:
            piece = np.asarray(soxr.resample(piece, SAMPLE_RATE * speed, SAMPLE_RATE))
            piece = np.resize(piece, length)
        return piece


def _others(
    rng: np.random.Generator, clean: Sequence[NDArray[np.float32]], own: int
) -> list[NDArray[np.float32]]:
    """One to four other windows of the batch, for babble."""
    picked = rng.integers(len(clean), size=int(rng.integers(1, 5)))
    return [clean[i] for i in picked if i != own]
