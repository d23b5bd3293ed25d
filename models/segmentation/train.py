"""Train the segmentation network: ``python -m models.segmentation.train --preset cpu``.

Stops and resumes: the newest checkpoint of ``--run`` is continued. Where each step takes a fixed
number of new windows (``--fresh``), the windows are those of an uninterrupted run; where steps take
what the workers have ready (``--fresh 0``), they are not. ``--minutes`` bounds the whole run: the
learning rate reaches its end by then however many steps were made. Progress goes to ``log.csv``
beside the checkpoint, the averaged weights alone to ``average.pt``.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.autospeech import targets
from models.autospeech.data import CACHE, load
from models.segmentation import RUNS
from models.segmentation.data import Conversations
from models.segmentation.feeding import (
    Ahead,
    Batch,
    Message,
    Pool,
    drawn_by,
    to_batch,
    to_message,
)
from models.segmentation.network import (
    SegmentationNet,
    Shape,
    permutation_invariant_loss,
    to_classes,
)
from models.segmentation.trainer import PRESETS, Recipe, Trainer, learning_rate

# New windows that a step takes at most where it takes what is ready.
READY = 512


def first_window(recipe: Recipe, drawn: int) -> int:
    """Index of the first window that a run needs after so many: the oldest one in its pool."""
    return max(0, drawn - recipe.pool) if recipe.fresh else drawn


def batches(
    recipe: Recipe, messages: Iterable[Message], drawn: int, device: torch.device
) -> Iterator[tuple[Batch, int]]:
    """Yield batches of new windows and those of the pool, and how many were drawn until then.

    `messages` begin with the window that :func:`first_window` names.
    """
    ahead = Ahead(messages, 2 if recipe.fresh else 64)
    pool = Pool(recipe.pool, device)
    first = first_window(recipe, drawn)
    while first + pool.count < drawn or (not recipe.fresh and len(pool) < recipe.windows):
        pool.add(ahead.wait())
    while True:
        before = pool.count
        found = [ahead.wait()] if recipe.fresh else ahead.ready(READY // recipe.message)
        for message in found:
            pool.add(message)
        new = min(pool.count - before, recipe.windows)
        drawn = first + pool.count
        generator = torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + drawn)
        yield pool.draw(recipe.windows, new, generator), drawn


@torch.no_grad()
def validate(trainer: Trainer, held_out: Message) -> dict[str, float]:
    """Loss, missed and false speech (of all speech), overlap F1 on windows of unseen people."""
    network = SegmentationNet(trainer.network.shape).to(trainer.device)
    network.load_state_dict(trainer.average)
    network.eval()
    batch = to_batch(held_out, trainer.device)
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


def train(trainer: Trainer, messages: Iterable[Message], held_out: Message | None) -> None:
    """Run to the recipe's last step or the trainer's last minute.

    Raises
    ------
    SystemExit
        When the loss is no number any more; the checkpoint is from before that.
    """
    recipe, log, saved = trainer.recipe, trainer.folder / "log.csv", time.monotonic()
    sums, count = torch.zeros(3, device=trainer.device), 0
    series = batches(recipe, messages, trainer.drawn, trainer.device)
    while trainer.share < 1.0:
        batch, trainer.drawn = next(series)
        sums += trainer.update(batch)
        count += 1
        last = trainer.share >= 1.0
        if trainer.step % recipe.log and not last:
            continue
        main, alike, voice = (sums / count).tolist()
        if not math.isfinite(main):
            raise SystemExit(f"{trainer.folder}: the loss is {main} at step {trainer.step}")
        row = {"step": trainer.step, "windows": trainer.drawn, "seconds": round(trainer.elapsed, 1)}
        row |= {"loss": round(main, 4), "alike": round(alike, 4), "voice": round(voice, 4)}
        row["rate"] = learning_rate(trainer.step, trainer.share, recipe)
        if held_out is not None and (trainer.step % recipe.validate == 0 or last):
            row |= {k: round(v, 4) for k, v in validate(trainer, held_out).items()}
        write_row(log, row)
        sums, count = torch.zeros_like(sums), 0
        if time.monotonic() - saved >= recipe.save:
            trainer.save()
            saved = time.monotonic()
    trainer.save()


def drawn(source: Conversations, count: int) -> Message:
    """The first windows of a source."""
    return to_message([source.window(index) for index in range(count)])


def held_out_windows(path: Path, cache: Path, noise_dir: Path, count: int = 96) -> Message:
    """Windows of people of part ``dev``; drawn where `path` (.npz) is missing."""
    if not path.exists():
        unseen = Conversations(cache, noise_dir, part="dev", seed=99)
        message = drawn(unseen, count)
        np.savez_compressed(path, **message._asdict())
    with np.load(path) as stored:
        return Message(*(stored[name] for name in Message._fields))


def voice_vectors(cache: Path) -> Tensor:
    """Unit vectors (V, D) of the training voices, as the embedding's teachers have them."""
    return torch.from_numpy(targets.load(cache / "vectors.npz", load(cache, "train").voices).means)


COLUMNS = ("step", "windows", "seconds", "loss", "alike", "voice", "rate")
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
    parser.add_argument(
        "--weights", type=Path, help="checkpoint of another run, or an .onnx, to begin with"
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="of the whole run")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for name in ("fine", "hidden", "layers"):
        parser.add_argument(f"--{name}", type=int, help=f"of the network (see Shape): {name}")
    parser.add_argument("--dilations", type=int, nargs="+", help="of the network's context")
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
    sizes = {name: getattr(args, name) for name in ("fine", "hidden", "layers")}
    shape = replace(Shape(), **{name: size for name, size in sizes.items() if size is not None})
    if args.dilations:
        shape = replace(shape, dilations=tuple(args.dilations))
    torch.set_num_threads(recipe.threads)
    torch.backends.cuda.matmul.allow_tf32 = True
    noise_dir = args.speech / "noise"
    voices = voice_vectors(args.cache) if (args.cache / "vectors.npz").exists() else None
    trainer = Trainer(recipe, shape, args.run, args.device, args.minutes, voices)
    held_out = None
    if recipe.validate:
        held_out = held_out_windows(args.cache / "segmentation_dev.npz", args.cache, noise_dir)
    source = Conversations(args.cache, noise_dir, seed=recipe.seed)
    source.prepare()
    if trainer.resume():
        print(f"continuing at step {trainer.step}", flush=True)
    elif args.weights is not None:
        trainer.begin_with(args.weights, to_batch(drawn(source, 32)).mels)
    first = first_window(recipe, trainer.drawn)
    messages = drawn_by(source, first, recipe.fresh or recipe.message, recipe.workers)
    train(trainer, messages, held_out)


if __name__ == "__main__":
    main()
