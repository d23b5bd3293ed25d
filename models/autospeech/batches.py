"""Batches of training windows: cut, degraded, and what the teacher says of each.

A batch is a function of the seed and its number alone, so a run can be stopped at any minute and
resumed with the same outcome up to floating point. Batches that are to come again are kept under
both: a run that goes on with other options wants another seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from diarize.arrays import unit
from models.autospeech import data, hints, pool, synthesis
from models.autospeech.augmentation import Augmenter, blend, hide
from models.autospeech.schedule import TrainConfig, window_frames
from models.autospeech.synthesis import SYNTHETIC
from models.autospeech.targets import CORPUS_WEIGHT, Targets, family

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from models.autospeech.listening import Listener

HOP, FRAME, FFT = 160, 400, 512
# A window, its target and its label; for a changed one also the teacher's features.
Row = tuple["NDArray[np.float32]", "NDArray[np.float32]", int, "NDArray[np.float32] | None"]
# What a batch holds: features, targets, labels, and the teacher's features of the last windows.
Batch = tuple["Tensor", "Tensor", "Tensor", "Tensor"]
# Draws of a recording as it is, relative to each of its copies at another speed.
ORIGINAL_WEIGHT = 2.0
# Farthest way to another voice.
MOST_BLENDED = 0.6
# Share of the synthetic windows whose voices are changed, too.
SYNTHETIC_CHANGED = 0.4


def magnitude(samples: Tensor) -> Tensor:
    """(n, samples) to (n, t, 257) magnitudes, as ``diarize.spectrogram.magnitude``."""
    window = torch.nn.functional.pad(
        torch.hann_window(FRAME, device=samples.device), (0, FFT - FRAME)
    )
    frames = torch.nn.functional.pad(samples, (0, FFT - FRAME)).unfold(1, FFT, HOP)
    return torch.fft.rfft(frames * window).abs()


def label_corpora(targets: Targets, voices: Sequence[data.Voice]) -> list[str]:
    """The corpus of each label: of the voices, then of what is nobody's, one for each corpus."""
    return [*(family(voice.corpus) for voice in voices), *_corpora(targets)]


def _corpora(targets: Targets) -> list[str]:
    """The corpora, the synthetic one last, so that the labels of the others stay what they are."""
    return [*sorted(targets.centres.keys() - {SYNTHETIC}), SYNTHETIC]


def read_batch(path: Path) -> Batch:
    """A batch that was kept."""
    features, targets, labels, told = torch.load(path, weights_only=True)
    return features.float(), targets.float(), labels, told.float()


class KeptBatches(Dataset[Batch]):
    """Batches that other runs kept, every one of them in random order before any comes again."""

    def __init__(self, files: Sequence[Path], seed: int, families: list[str]) -> None:
        self.files, self.seed, self.families = files, seed, families

    def __getitem__(self, step: int) -> Batch:
        round_, at = divmod(step, len(self.files))
        rng = np.random.default_rng(self.seed)
        order = [rng.permutation(len(self.files)) for _ in range(round_ + 1)][-1]
        return read_batch(self.files[order[-1 - at]])


class Batches(Dataset[Batch]):
    """Batch number `i`: features (n, 1, t, bands), targets (n, d), labels (n,), hints (k, t/32, e).

    A label is the number of a voice; for a window from the pool, which is nobody's, it is the
    number of voices plus that of its corpus. Hints are there for the windows from the pool, which
    are the last k of a batch, if the configuration has a weight for them.
    """

    def __init__(
        self,
        speech: data.Speech,
        targets: Targets,
        augmenter: Augmenter,
        front: torch.nn.Module,
        config: TrainConfig,
        shards: Sequence[Path] = (),
        listener: Listener | None = None,
        store: Path | None = None,
        spoken: Sequence[NDArray[np.int16]] = (),
    ) -> None:
        self.speech, self.targets, self.augmenter = speech, targets, augmenter
        self.listener, self.store, self.spoken = listener, store, spoken
        self.front, self.config, self.shards = front, config, shards
        self.corpora = _corpora(targets)
        self.families = label_corpora(targets, speech.voices)
        weight = np.array([CORPUS_WEIGHT.get(v.corpus, 1.0) for v in speech.voices])
        weight[[v.speed == 1.0 for v in speech.voices]] *= ORIGINAL_WEIGHT
        self.weight = weight / weight.sum()

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        again = 1 + self.config.again
        if step % again:
            # One of those so far, the newest included.
            rng = np.random.default_rng((self.config.seed, step, 2))
            step = again * int(rng.integers(step // again + 1))
        path = None if self.store is None else self.store / f"{self.config.seed}-{step:06d}.pt"
        if path is not None and path.exists():
            return read_batch(path)
        batch = self._fresh(step)
        if path is not None:
            small = [part.half() if part.is_floating_point() else part for part in batch]
            torch.save(small, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        return batch

    def _fresh(self, step: int) -> Batch:
        config = self.config
        rng = np.random.default_rng((config.seed, step))
        strength = min(1.0, 0.2 + 0.8 * step / max(1.0, config.ramp * config.steps))
        frames = window_frames(config, step)
        length = (frames - 1) * HOP + FRAME
        count = config.batch // 2 if frames > config.frames[-1][1] else config.batch
        changed = round(config.pool * count) if self.shards else 0
        spoken = round(config.synthetic * count) if self.spoken else 0
        rows = self._recorded(rng, count - changed - spoken, length)
        rows += self._synthetic(rng, spoken, length)
        rows += self._changed(rng, changed, length)
        if config.blended:
            rows = self._blended(rng, rows)
        clean, targets, labels, known = zip(*rows, strict=True)
        heard = [
            self.augmenter(rng, piece, strength, _others(rng, clean, i))
            for i, piece in enumerate(clean)
        ]
        with torch.inference_mode():
            features = self.front(magnitude(torch.from_numpy(np.stack(heard))))
        for one in features[:, 0].numpy():
            if rng.random() < config.hidden * strength:
                hide(rng, one)
        if self.listener is not None:
            names = [self.families[label] for label in labels]
            targets = self.targets.answers(self.listener(np.stack(heard)), names)
        told = [torch.from_numpy(moments) for moments in known if moments is not None]
        answers = torch.from_numpy(np.asarray(targets)), torch.tensor(labels)
        return features, *answers, torch.stack(told) if told else torch.zeros(0)

    def _blended(self, rng: np.random.Generator, rows: Sequence[Row]) -> list[Row]:
        """Some of the windows on their way to another one of their corpus; nobody's, then."""
        voices = len(self.speech.voices)
        homes = np.array([self.families[label] for _, _, label, _ in rows])
        out = []
        for i, (piece, target, label, _) in enumerate(rows):
            others = np.flatnonzero(homes == homes[i])
            if rng.random() >= self.config.blended or others.size < 2:
                out.append(rows[i])
                continue
            other = rows[int(rng.choice(others[others != i]))][0]
            mixed = blend(piece, other, float(rng.uniform(0.0, MOST_BLENDED)))
            label = voices + self.corpora.index(homes[i])
            out.append((mixed, target, label, None))
        return out

    def _recorded(self, rng: np.random.Generator, count: int, length: int) -> list[Row]:
        """Windows of the training recordings."""
        rows = []
        for index in rng.choice(len(self.weight), count, p=self.weight):
            voice = self.speech.voices[int(index)]
            start = int(rng.integers(max(1, voice.length - length)))
            piece = self.speech.cut(voice, start, length)
            target = self.targets(int(index), start + length // 2 - 12_800)
            rows.append((piece, target, int(index), None))
        return rows

    def _synthetic(self, rng: np.random.Generator, count: int, length: int) -> list[Row]:
        """Windows of synthetic voices; what they should be, only the listener knows."""
        label = len(self.speech.voices) + self.corpora.index(SYNTHETIC)
        unknown = np.zeros(self.targets.means.shape[1], np.float32)
        rows: list[Row] = []
        for index in rng.choice(len(self.spoken), count) if count else ():
            samples = synthesis.cut(rng, self.spoken[int(index)], pool.needed(length))
            piece = samples[:length].astype(np.float32) / 32768.0
            if rng.random() < SYNTHETIC_CHANGED:
                piece = pool.unclipped(pool.change_voice(rng, samples)[:length])
            rows.append((piece, unknown, label, None))
        return rows

    def _changed(self, rng: np.random.Generator, count: int, length: int) -> list[Row]:
        """Windows of a shard of the pool, and the teacher's vectors of all that is around them."""
        if not count:
            return []
        path = self.shards[int(rng.integers(len(self.shards)))]
        shard, moments = pool.read(path), None
        if self.config.hint:
            moments = np.load(hints.beside(path), mmap_mode="r")
        rows: list[Row] = []
        for at in rng.choice(len(shard.samples), count, replace=False):
            step = int(rng.integers(max(0, pool.LENGTH - length) // hints.STEP + 1))
            start = step * hints.STEP
            piece = np.resize(shard.samples[at, start : start + length], length)
            known = None
            if moments is not None:
                known = hints.merge(moments[at][None, step : step + hints.covered(length)])[0]
            name = str(shard.corpus[at])
            target = unit(shard.vectors[at] - self.targets.centres[name])
            label = len(self.speech.voices) + self.corpora.index(name)
            rows.append((piece.astype(np.float32) / 32768.0, target, label, known))
        return rows


def _others(
    rng: np.random.Generator, clean: Sequence[NDArray[np.float32]], own: int
) -> list[NDArray[np.float32]]:
    """One to four other windows of the batch, for babble."""
    picked = rng.integers(len(clean), size=int(rng.integers(1, 5)))
    return [clean[i] for i in picked if i != own]
