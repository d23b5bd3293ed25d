"""Train the segmentation network: ``python -m models.segmentation.train --preset cpu``.

Stops and resumes: the newest checkpoint of ``--run`` is continued, with the same windows in the
same order as an uninterrupted run. Progress goes to ``log.csv`` beside it.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.autospeech.data import CACHE
from models.segmentation.data import Conversations, Window, stream
from models.segmentation.network import (
    POWERSET,
    SegmentationNet,
    Shape,
    affinity_loss,
    count_loss,
    permutation_invariant_loss,
    to_classes,
)

RUNS = Path(__file__).parent / "runs"


@dataclass(frozen=True)
class Recipe:
    """Everything that a run depends on; stored in its checkpoints.

    Attributes
    ----------
    steps, windows, fresh, pool : int
        Updates; windows of 10 s for each; how many of them are new, the others being drawn from the
        last ``pool`` steps' new ones (drawing windows costs as much as learning from them).
    halves : float
        Share of the steps in which each window gives two crops of 5 s instead of one of 10 s.
    rate, warmup, decay : float, int, float
        Peak learning rate (cosine to zero), steps up to it, weight decay.
    count : float
        Weight of the loss on how many talk, which does not wait for voices to be told apart.
    alike : float
        Weight of the auxiliary loss on frame vectors (see :func:`affinity_loss`).
    overlap : float
        How many ordinary frames a frame of two voices counts for.
    average : float
        Decay of the running average of the weights, which is what is exported.
    precision : str
        Of the convolutions: ``bfloat16`` or ``float32``.
    """

    steps: int = 7000
    windows: int = 8
    fresh: int = 4
    pool: int = 64
    halves: float = 0.6
    rate: float = 1.5e-3
    warmup: int = 150
    decay: float = 1e-4
    count: float = 1.0
    alike: float = 1.0
    overlap: float = 2.0
    average: float = 0.998
    precision: str = "bfloat16"
    seed: int = 1
    threads: int = 1
    workers: int = 1
    validate: int = 500
    save: int = 200


PRESETS = {
    "cpu": Recipe(),
    "gpu": Recipe(
        steps=60_000, windows=128, fresh=64, threads=8, workers=12, validate=2000, save=1000
    ),
}


class Windows(IterableDataset[Window]):
    """The endless series as a torch dataset."""

    def __init__(self, source: Conversations, first: int) -> None:
        self.source, self.first = source, first

    def __iter__(self) -> Iterator[Window]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        return stream(self.source, self.first, worker, workers)


def first_of(batch: list[Window]) -> Window:
    """Collate nothing: batches are put together in :func:`batches`."""
    return batch[0]


@dataclass(frozen=True)
class Batch:
    """Log-mel (N, T, 64) float32 and activity (N, T / 2, 3) bool."""

    mels: Tensor
    activity: Tensor


def to_batch(windows: list[Window]) -> Batch:
    """Stack windows."""
    mels = torch.from_numpy(np.stack([w.mels for w in windows]).astype(np.float32))
    activity = torch.from_numpy(np.stack([w.activity for w in windows]))
    return Batch(mels, activity)


def first_window(recipe: Recipe, step: int) -> int:
    """Index of the oldest window that is still in the pool at a step."""
    return recipe.fresh * max(0, step - recipe.pool)


def batches(recipe: Recipe, windows: Iterable[Window], step: int) -> Iterator[Batch]:
    """Put batches together from new windows and those of the pool.

    `windows` begins with the one that :func:`first_window` names, so that the batches of a resumed
    run are those of an uninterrupted one.
    """
    series = iter(windows)
    size = recipe.fresh * recipe.pool
    pool = deque((next(series) for _ in range(min(recipe.fresh * step, size))), maxlen=size)
    while True:
        rng = np.random.default_rng([recipe.seed, 5, step])
        new = [next(series) for _ in range(recipe.fresh)]
        pool.extend(new)
        old = rng.choice(len(pool), size=recipe.windows - recipe.fresh)
        yield to_batch(new + [pool[int(index)] for index in old])
        step += 1


def crop(batch: Batch, rng: np.random.Generator) -> Batch:
    """Two crops of half the length from each window, anywhere in its first and second half."""
    frames = batch.activity.shape[1]
    half = frames // 2 - frames // 2 % 2
    parts = []
    for low, high in ((0, half // 2), (half // 2, frames - half)):
        start = int(rng.integers(low, high + 1)) // 2 * 2
        mels = batch.mels[:, 2 * start : 2 * (start + half)]
        parts.append((mels, batch.activity[:, start : start + half]))
    mels, activity = (torch.cat(piece) for piece in zip(*parts, strict=True))
    return Batch(mels, activity)


def augment(batch: Batch, rng: np.random.Generator) -> Batch:
    """Hide a band of frequencies in some windows (SpecAugment, Park et al. 2019)."""
    mels = batch.mels.clone()
    for row in mels:
        if rng.random() < 0.3:
            width = int(rng.integers(2, 10))
            first = int(rng.integers(row.shape[1] - width))
            row[:, first : first + width] = row.mean()
    return replace(batch, mels=mels)


def losses(network: SegmentationNet, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Segmentation loss and auxiliary loss of a batch."""
    weights = torch.ones(len(POWERSET))
    weights[4:] = recipe.overlap
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        fine, coarse = network.features(batch.mels)
    both = network.remember(coarse.float())
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        scores = network.decide(fine, both).float()
    main = permutation_invariant_loss(scores, batch.activity, weights).mean()
    if recipe.count:
        main = main + recipe.count * count_loss(scores, batch.activity, weights[[0, 1, 4]])
    return main, affinity_loss(network.alike(both), batch.activity[:, ::2])


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then half a cosine down to 1 % of the peak."""
    if step < recipe.warmup:
        return recipe.rate * (step + 1) / recipe.warmup
    progress = min(1.0, (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup))
    return recipe.rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress)))


class Trainer:
    """A run: network, optimiser, running average of the weights, log."""

    def __init__(self, recipe: Recipe, shape: Shape, folder: Path) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.folder = recipe, folder
        self.network = SegmentationNet(shape)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)

    def update(self, batch: Batch) -> tuple[float, float]:
        """One step on one batch; returns both losses."""
        rng = np.random.default_rng([self.recipe.seed, 4, self.step])
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        if self.step < self.recipe.halves * self.recipe.steps:
            batch = crop(batch, rng)
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.recipe)
        main, alike = losses(self.network, augment(batch, rng), self.recipe)
        self.optimiser.zero_grad(set_to_none=True)
        (main + self.recipe.alike * alike).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 3.0)
        self.optimiser.step()
        self.step += 1
        self._follow()
        return float(main.detach()), float(alike.detach())

    def _follow(self) -> None:
        """Move the averaged weights along (faster in the beginning)."""
        keep = min(self.recipe.average, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1.0 - keep)
            else:
                self.average[name].copy_(value)

    def save(self) -> Path:
        """Write the checkpoint whole or not at all."""
        state = {
            "step": self.step,
            "recipe": asdict(self.recipe),
            "shape": asdict(self.network.shape),
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        path = self.folder / "checkpoint.pt"
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        return path

    def begin_with(self, path: Path) -> None:
        """Take the averaged weights of another run for a start, where they fit."""
        state = torch.load(path, weights_only=True)["average"]
        own = self.network.state_dict()
        fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
        self.network.load_state_dict(fitting, strict=False)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        return True


def averaged(path: Path) -> SegmentationNet:
    """Load the averaged weights of a checkpoint, ready to use."""
    state = torch.load(path, weights_only=True)
    shape = Shape(**{**state["shape"], "dilations": tuple(state["shape"]["dilations"])})
    network = SegmentationNet(shape)
    network.load_state_dict(state["average"])
    return network.eval()


@torch.no_grad()
def validate(trainer: Trainer, windows: list[Window]) -> dict[str, float]:
    """Loss, missed and false speech (of all speech), overlap F1 on windows of unseen people."""
    network = SegmentationNet(trainer.network.shape)
    network.load_state_dict(trainer.average)
    network.eval()
    batch = to_batch(windows)
    scores = network(batch.mels)
    loss = permutation_invariant_loss(scores, batch.activity).mean()
    said, truth = scores.argmax(-1), to_classes(batch.activity)
    speech, talk = said > 0, truth > 0
    both, pair = said > 3, truth > 3
    total = float(talk.sum())
    return {
        "val_loss": float(loss),
        "val_miss": float((talk & ~speech).sum()) / total,
        "val_false": float((speech & ~talk).sum()) / total,
        "val_overlap_f1": 2.0 * float((both & pair).sum()) / float(both.sum() + pair.sum() + 1e-9),
    }


def train(
    trainer: Trainer, windows: Iterable[Window], held_out: list[Window], minutes: float
) -> None:
    """Run to the recipe's last step, or until `minutes` have passed."""
    recipe, began, log = trainer.recipe, time.monotonic(), trainer.folder / "log.csv"
    sums, count = np.zeros(2), 0
    series = batches(recipe, windows, trainer.step)
    while trainer.step < recipe.steps and time.monotonic() - began < minutes * 60.0:
        sums += trainer.update(next(series))
        count += 1
        if trainer.step % 25 == 0 or trainer.step == recipe.steps:
            row = {"step": trainer.step, "seconds": round(time.monotonic() - began, 1)}
            row |= {
                "loss": round(float(sums[0]) / count, 4),
                "alike": round(float(sums[1]) / count, 4),
            }
            row["rate"] = learning_rate(trainer.step, recipe)
            if held_out and (trainer.step % recipe.validate == 0 or trainer.step == recipe.steps):
                row |= {k: round(v, 4) for k, v in validate(trainer, held_out).items()}
            write_row(log, row)
            sums, count = np.zeros(2), 0
        if trainer.step % recipe.save == 0:
            trainer.save()
    trainer.save()


COLUMNS = ("step", "seconds", "loss", "alike", "rate")
VALIDATION = ("val_loss", "val_miss", "val_false", "val_overlap_f1")


def write_row(path: Path, row: dict[str, float]) -> None:
    """Append to the log and print."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *VALIDATION])
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; every number of the recipe has an option."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--run", type=Path, default=RUNS / "main")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--weights", type=Path, help="checkpoint of another run to begin with")
    parser.add_argument("--minutes", type=float, default=math.inf)
    for field in fields(Recipe):
        parser.add_argument(f"--{field.name}", type=type(field.default))
    args = parser.parse_args(argv)
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    return args


def main(argv: list[str] | None = None) -> None:
    """Train or continue."""
    args = parse(argv)
    given = {f.name: getattr(args, f.name) for f in fields(Recipe)}
    recipe = replace(PRESETS[args.preset], **{k: v for k, v in given.items() if v is not None})
    torch.set_num_threads(recipe.threads)
    source = Conversations(args.cache, args.speech / "noise", seed=recipe.seed)
    held_out: list[Window] = []
    if recipe.validate:
        unseen = Conversations(args.cache, args.speech / "noise", part="dev", seed=99, rooms=30)
        held_out = [unseen.window(i) for i in range(96)]
    trainer = Trainer(recipe, Shape(), args.run)
    if args.weights is not None:
        trainer.begin_with(args.weights)
    if trainer.resume():
        print(f"continuing at step {trainer.step}", flush=True)
    windows = DataLoader(
        Windows(source, first_window(recipe, trainer.step)),
        batch_size=1,
        num_workers=recipe.workers,
        collate_fn=first_of,
        prefetch_factor=8 * recipe.fresh if recipe.workers else None,
    )
    train(trainer, windows, held_out, args.minutes)


if __name__ == "__main__":
    main()
