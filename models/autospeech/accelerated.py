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
from models.autospeech import bank, data, fast
from models.autospeech.augmentation import room_bank
from models.autospeech.batched import BatchAugmenter, Draw
from models.autospeech.export import read_weights
from models.autospeech.losses import distillation, similarity
from models.autospeech.network import NetworkConfig
from models.autospeech.schedule import Clock, TrainConfig, learning_rate
from models.autospeech.train import FRAME, HOP, RUNS, State, build, magnitude

LOGGED = ("distil", "margin", "similarity")


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
        similarity_weight: float,
        device: torch.device,
    ) -> None:
        self.state, self.speech, self.augmenter = state, speech, augmenter
        self.config, self.similarity_weight, self.device = config, similarity_weight, device
        self.lengths = Lengths()
        self.sums = torch.zeros(len(LOGGED), device=device)

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
        features, target, voice = self.batch(share, state.step)
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(config, state.step, share)
        embedding = fast.from_features(state.network, features)
        near = distillation(embedding, target)
        apart = state.margin(embedding, voice, config.margin * min(1.0, 2.0 * share))
        alike = similarity(embedding, target, self.speech.corpus[voice])
        loss = near + config.margin_weight * apart + self.similarity_weight * alike
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        state.optimiser.step()
        state.step += 1
        follow(state, config.average)
        self.sums += torch.stack([near.detach(), apart.detach(), alike.detach()])


@torch.no_grad()
def follow(state: State, decay: float) -> None:
    """As ``train.update_average``, in a few launches."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    kept, new = state.average.state_dict(), state.network.state_dict()
    names = [name for name in kept if kept[name].is_floating_point()]
    torch._foreach_lerp_([kept[n] for n in names], [new[n] for n in names], 1.0 - decay)


def run(trainer: Trainer, folder: Path, clock: Clock, save_minutes: float) -> None:
    """Steps until the schedule ends; a log line every 100 and a checkpoint now and then."""
    state, config, log = trainer.state, trainer.config, folder / "log.csv"
    windows, saved = 0, clock.elapsed()
    with log.open("a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(["step", "windows", "minutes", "share", "rate", *LOGGED])
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
    parser.add_argument("--similarity", type=float, default=2.0, help="weight of that loss")
    parser.add_argument("--no-warps", action="store_true", help="no voices with moved formants")
    names = [("steps", int), ("batch", int), ("seed", int), ("warm_up", int)]
    names += [(n, float) for n in ("rate", "anneal", "local", "margin_weight", "margin", "ramp")]
    for name, kind in [*names, ("average", float), ("weight_decay", float)]:
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
    teacher = bank.campplus(args.weights, device)
    begun = time.monotonic()
    voices = bank.build(speech, teacher, device, {} if args.no_warps else bank.WARPS)
    counts = f"{len(voices.start)} voices, {len(voices.vectors)} windows of the teacher"
    print(f"{counts}, {time.monotonic() - begun:.0f} s", flush=True)
    noises = [noise for _, noise in sorted(acoustics.load_noises(args.speech / "noise").items())]
    augmenter = BatchAugmenter(room_bank(args.cache / "rooms.npz"), noises, device)
    dimension = voices.means.shape[1]
    shape = NetworkConfig(args.channels, args.cells, args.bands, dimension, args.pooling)
    state = build(shape, config, voices.means.cpu().numpy(), device)
    return Trainer(state, voices, augmenter, config, args.similarity, device)


def main() -> None:
    """Train or go on."""
    args = parse()
    if args.speech is None:
        raise SystemExit("give --speech DIR or set DIARIZE_SPEECH_DIR")
    args.speech = Path(args.speech)
    fields = ("steps", "batch", "seed", "warm_up", "rate", "anneal", "local", "margin_weight")
    fields += ("margin", "ramp", "average", "weight_decay")
    config = replace(TrainConfig(), **{name: getattr(args, name) for name in fields})
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
