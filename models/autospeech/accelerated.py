"""Train the embedding on an accelerator: ``python -m models.autospeech.accelerated --run NAME``.

The recipe of ``train.py`` with everything on the device: the decoded speech, the teacher's vectors
(computed there, see ``bank.py``), the degradations (``batched.py``) and the network. Beside the
distance to the teacher and the margin loss it has a loss on similarities: pairs of windows of one
corpus shall be as alike as the teacher finds them. With ``--minutes`` the schedule follows the
clock, so that it ends well on a borrowed machine.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diarize.evaluation import acoustics
from models.autospeech import bank, data, teacher
from models.autospeech.augmentation import room_bank
from models.autospeech.batched import BatchAugmenter, Draw
from models.autospeech.batches import FRAME, HOP, magnitude
from models.autospeech.export import read_weights
from models.autospeech.network import NetworkConfig
from models.autospeech.schedule import Clock, TrainConfig, learning_rate
from models.autospeech.train import (
    FLOATS,
    INTEGERS,
    LOSSES,
    RUNS,
    State,
    build,
    train_step,
)

# Fields of the configuration with an option of their own.
NUMBERS = (*(name for name in FLOATS if name != "long"), "average", "weight_decay")


@dataclass(frozen=True)
class Lengths:
    """Frames a window: the short ones up to `until` of the run, then one of `later` a step."""

    until: float = 0.3
    early: tuple[int, ...] = (96, 128)
    later: tuple[int, ...] = (160, 160, 160, 160, 128, 112, 224, 320)

    def at(self, share: float, step: int) -> int:
        """Frames a window, at a share of the run done and a step."""
        choice = self.early if share < self.until else self.later
        return choice[int(np.random.default_rng([7, step]).integers(len(choice)))]


class Trainer:
    """One run on one device."""

    def __init__(
        self,
        state: State,
        speech: bank.Bank,
        augmenter: BatchAugmenter,
        config: TrainConfig,
        device: torch.device,
    ) -> None:
        self.state, self.speech, self.augmenter = state, speech, augmenter
        self.config, self.device = config, device
        self.lengths = Lengths()
        self.sums = torch.zeros(len(LOSSES), device=device)

    def batch(self, share: float, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Features (n, 1, t, bands), targets (n, d) and voices (n,) of a step."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed * 10_000_019 + step)
        draw, frames = Draw(generator), self.lengths.at(share, step)
        n = max(2, round(self.config.batch * min(1.25, 160 / frames)))
        length = (frames - 1) * HOP + FRAME
        with torch.no_grad():
            clean, target, voice = self.speech.cut(draw, n, length, self.config.local)
            strength = min(1.0, 0.2 + 0.8 * share / max(1e-6, self.config.ramp))
            heard = self.augmenter(draw, clean, strength)
            features = self.state.network.front(magnitude(heard))
        return features, target, voice

    def step(self, share: float) -> None:
        """One update."""
        state, config = self.state, self.config
        batch = *self.batch(share, state.step), torch.zeros(0, device=self.device)
        margin = config.margin * min(1.0, 2.0 * share)
        self.sums += train_step(state, batch, self.speech.corpus, config, share, margin)


def run(trainer: Trainer, folder: Path, clock: Clock, save_minutes: float) -> None:
    """Steps until the schedule ends; a log line every 100 and a checkpoint now and then."""
    state, config, log = trainer.state, trainer.config, folder / "log.csv"
    windows, saved = 0, clock.elapsed()
    with log.open("a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(["step", "windows", "minutes", "share", "rate", *LOSSES])
        while (share := clock.share(state.step)) < 1.0:
            trainer.step(share)
            windows += config.batch
            if state.step % 100 == 0:
                means = (trainer.sums / 100).tolist()
                trainer.sums.zero_()
                rate = f"{learning_rate(config, state.step, share):.2e}"
                minutes = round(clock.elapsed(), 2)
                line = [state.step, windows, minutes, round(share, 4), rate]
                line += [round(value, 4) for value in means]
                writer.writerow(line)
                file.flush()
                print(*line, flush=True)
            if clock.elapsed() - saved > save_minutes:
                state.save(folder / "checkpoint.pt", config)
                saved = clock.elapsed()
    state.save(folder / "checkpoint.pt", config)


def parse() -> argparse.Namespace:
    """Command line."""
    defaults = TrainConfig(steps=40_000, batch=1024, rate=2.5e-3, warm_up=500, average=0.9995)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="accelerated", help="name of the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--init", type=Path, help="weights to begin from: checkpoint.pt or .onnx")
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    parser.add_argument("--weights", type=Path, required=True, help="the teacher's weights (CAM++)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, help="end after so long, whatever the steps")
    parser.add_argument("--save-minutes", type=float, default=5.0)
    parser.add_argument("--no-warps", action="store_true", help="no voices with moved formants")
    kinds = dict.fromkeys(INTEGERS, int) | dict.fromkeys(NUMBERS, float)
    for name, kind in kinds.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=getattr(defaults, name)
        )
    for name, size in (("channels", 64), ("cells", 8), ("bands", 64)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--pooling", choices=["mean", "attentive"], default="mean")
    return parser.parse_args()


def prepare(args: argparse.Namespace, config: TrainConfig) -> Trainer:
    """Everything onto the device."""
    device = torch.device(args.device)
    speech = data.load(args.cache, "train")
    network = teacher.campplus(args.weights).to(device)
    begun = time.monotonic()
    voices = bank.build(speech, network, device, {} if args.no_warps else bank.WARPS)
    counts = f"{len(voices.start)} voices, {len(voices.vectors)} windows of the teacher"
    print(f"{counts}, {time.monotonic() - begun:.0f} s", flush=True)
    noises = [noise for _, noise in sorted(acoustics.load_noises(args.speech / "noise").items())]
    augmenter = BatchAugmenter(room_bank(args.cache / "rooms.npz"), noises, device)
    dimension = voices.means.shape[1]
    shape = NetworkConfig(args.channels, args.cells, args.bands, dimension, args.pooling)
    state = build(shape, config, voices.means.cpu().numpy(), device)
    return Trainer(state, voices, augmenter, config, device)


def main() -> None:
    """Train or go on."""
    args = parse()
    if args.speech is None:
        raise SystemExit("give --speech DIR or set DIARIZE_SPEECH_DIR")
    args.speech = Path(args.speech)
    config = replace(TrainConfig(), **{name: getattr(args, name) for name in INTEGERS + NUMBERS})
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    folder = RUNS / args.run
    folder.mkdir(parents=True, exist_ok=True)
    trainer = prepare(args, config)
    checkpoint, done = folder / "checkpoint.pt", 0.0
    if args.resume and checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True, map_location=args.device)
        trainer.state.restore(stored)
        lines = list(csv.DictReader((folder / "log.csv").open(newline="")))
        done = float(lines[-1]["minutes"]) if lines else 0.0
    elif args.init:
        trainer.state.begin_from(read_weights(args.init))
    run(trainer, folder, Clock(config, args.minutes, done), args.save_minutes)


if __name__ == "__main__":
    main()
