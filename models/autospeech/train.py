"""Train the embedding: ``python -m models.autospeech.train --run NAME --steps N``.

Distillation from a precomputed teacher plus a margin softmax over the training voices. A batch is
a function of the seed and its number alone, so a run can be stopped at any minute and resumed
(``--resume``) with the same outcome up to floating point. Checkpoints, a CSV log and nothing else
go to ``models/autospeech/runs/NAME``. With ``--pool SHARE`` that part of every batch has changed
voices (``pool.py``); the pool must be full before, or a batch depends on how full it was.
"""

from __future__ import annotations

import argparse
import copy
import csv
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from diarize.embedding import unit
from diarize.evaluation import acoustics
from models.autospeech import data, fast, hints, pool
from models.autospeech.augmentation import Augmenter, hide, room_bank
from models.autospeech.export import read_weights
from models.autospeech.losses import HintLoss, MarginSoftmax, distillation, similarity
from models.autospeech.network import AutoSpeech, NetworkConfig, told_apart
from models.autospeech.schedule import Clock, TrainConfig, learning_rate, window_frames
from models.autospeech.targets import CORPUS_WEIGHT, Targets, family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

RUNS = Path(__file__).parent / "runs"
HOP, FRAME, FFT = 160, 400, 512
LOSSES = ("distil", "margin", "similarity", "hint")
# Fields of the configuration with an option of their own.
INTEGERS = ("steps", "batch", "seed", "warm_up")
FLOATS = (
    "rate", "anneal", "local", "margin_weight", "margin", "similarity", "ramp", "long", "pool",
    "hint", "hidden", "average", "weight_decay",
)  # fmt: skip
# A window, its target and its label; for a changed one also the teacher's features.
Row = tuple["NDArray[np.float32]", "NDArray[np.float32]", int, "NDArray[np.float32] | None"]
# What a batch holds: features, targets, labels, and the teacher's features of the last windows.
Batch = tuple["Tensor", "Tensor", "Tensor", "Tensor"]
# Draws of a recording as it is, relative to each of its copies at another speed.
ORIGINAL_WEIGHT = 2.0


def magnitude(samples: Tensor) -> Tensor:
    """(n, samples) to (n, t, 257) magnitudes, as ``diarize.spectrogram.magnitude``."""
    window = torch.nn.functional.pad(
        torch.hann_window(FRAME, device=samples.device), (0, FFT - FRAME)
    )
    frames = torch.nn.functional.pad(samples, (0, FFT - FRAME)).unfold(1, FFT, HOP)
    return torch.fft.rfft(frames * window).abs()


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
    ) -> None:
        self.speech, self.targets, self.augmenter = speech, targets, augmenter
        self.front, self.config, self.shards = front, config, shards
        self.corpora = sorted(targets.centres)
        weight = np.array([CORPUS_WEIGHT.get(v.corpus, 1.0) for v in speech.voices])
        weight[[v.speed == 1.0 for v in speech.voices]] *= ORIGINAL_WEIGHT
        self.weight = weight / weight.sum()

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        config = self.config
        rng = np.random.default_rng((config.seed, step))
        strength = min(1.0, 0.2 + 0.8 * step / max(1.0, config.ramp * config.steps))
        frames = window_frames(config, step)
        length = (frames - 1) * HOP + FRAME
        count = config.batch // 2 if frames > config.frames[-1][1] else config.batch
        changed = round(config.pool * count) if self.shards else 0
        rows = [*self._recorded(rng, count - changed, length), *self._changed(rng, changed, length)]
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
        told = [torch.from_numpy(moments) for moments in known if moments is not None]
        answers = torch.from_numpy(np.stack(targets)), torch.tensor(labels)
        return features, *answers, torch.stack(told) if told else torch.zeros(0)

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


@dataclass
class State:
    """What a checkpoint holds."""

    network: AutoSpeech
    average: AutoSpeech
    margin: MarginSoftmax
    optimiser: torch.optim.Optimizer
    step: int = 0
    hint: HintLoss | None = None

    def save(self, path: Path, config: TrainConfig) -> None:
        """Write whole or not at all."""
        temporary = path.with_suffix(".part")
        torch.save(
            {
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "margin": self.margin.state_dict(),
                "hint": None if self.hint is None else self.hint.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "shape": self.network.config.to_dict(),
                "training": asdict(config),
            },
            temporary,
        )
        temporary.replace(path)

    def restore(self, stored: dict[str, Any]) -> None:
        """Go on from what :meth:`save` wrote."""
        self.network.load_state_dict(stored["network"])
        self.average.load_state_dict(stored["average"])
        self.margin.load_state_dict(stored["margin"])
        if self.hint is not None:
            self.hint.load_state_dict(stored["hint"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.step = int(stored["step"])

    def begin_from(self, network: AutoSpeech) -> None:
        """A new schedule from a trained network's weights, which may not tell frequencies apart."""
        if self.network.config.positions and not network.config.positions:
            network = told_apart(network)
        self.network.load_state_dict(network.state_dict())
        self.average.load_state_dict(network.state_dict())


def build(
    shape: NetworkConfig,
    config: TrainConfig,
    directions: NDArray[np.float32],
    device: torch.device | str = "cpu",
    scale: tuple[Tensor, Tensor] | None = None,
) -> State:
    """A fresh network, its running average, the losses with weights and the optimiser.

    `scale` is what :func:`models.autospeech.hints.scale` says, if there are hints.
    """
    torch.manual_seed(config.seed)
    network = AutoSpeech(shape).to(device)
    margin = MarginSoftmax(torch.from_numpy(directions)).to(device)
    hint = None if scale is None else HintLoss(network.trunk.features, *scale).to(device)
    flat = [p for p in network.parameters() if p.ndim == 1]
    deep = [p for p in network.parameters() if p.ndim > 1]
    groups = [
        {"params": deep, "weight_decay": config.weight_decay},
        {"params": [*flat, *margin.parameters()], "weight_decay": 0.0},
    ]
    if hint is not None:
        groups[1]["params"] += hint.parameters()
    optimiser = torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.98))
    return State(network, copy.deepcopy(network), margin, optimiser, hint=hint)


@torch.no_grad()
def update_average(state: State, decay: float) -> None:
    """Exponential average of the weights; shorter at the start, where they still run."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    kept, new = state.average.state_dict(), state.network.state_dict()
    moving = [name for name, value in kept.items() if value.is_floating_point()]
    torch._foreach_lerp_([kept[n] for n in moving], [new[n] for n in moving], 1.0 - decay)
    for name in kept.keys() - set(moving):
        kept[name].copy_(new[name])


def train_step(
    state: State,
    batch: Batch,
    corpora: Tensor,
    config: TrainConfig,
    share: float | None = None,
    margin: float | None = None,
) -> Tensor:
    """One update; the losses (4,) that :data:`LOSSES` names, on the state's device.

    `corpora` numbers the corpus of each label; labels that are no voice, which come after those
    that are, have no part in the margin loss. `margin` is the configuration's if None.
    """
    features, target, label, told = batch
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(config, state.step, share)
    last = fast.last_map(state.network, features)
    embedding = fast.from_map(state.network, last)
    near = distillation(embedding, target)
    known = label < len(state.margin.directions)
    apart = foretold = embedding.sum() * 0.0
    if bool(known.any()):
        margin = config.margin if margin is None else margin
        apart = state.margin(embedding[known], label[known], margin)
    alike = similarity(embedding, target, corpora[label])
    if state.hint is not None and len(told):
        foretold = state.hint(last[-len(told) :], told)
    loss = near + config.margin_weight * apart + config.similarity * alike + config.hint * foretold
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimiser.step()
    state.step += 1
    update_average(state, config.average)
    return torch.stack([near, apart, alike, foretold]).detach()


def loop(state: State, batches: Batches, clock: Clock, run: Path, save_minutes: float) -> None:
    """Steps until the schedule ends; a checkpoint every `save_minutes` and at the end."""
    config = clock.config
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(state.step, config.steps),
        num_workers=1,
        prefetch_factor=6,
    )
    log = run / "log.csv"
    fresh = not log.exists()
    begun = saved = time.time()
    names = [family(voice.corpus) for voice in batches.speech.voices] + batches.corpora
    corpora = torch.tensor([batches.corpora.index(name) for name in names])
    sums, count = np.zeros(len(LOSSES)), 0
    with log.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            columns = ["step", "windows", "seconds", "frames", "rate"]
            writer.writerow([*columns, *LOSSES])
        for batch in loader:
            share = clock.share(state.step)
            sums += train_step(state, batch, corpora, config, share).numpy()
            count += 1
            ended = clock.share(state.step) >= 1.0
            if count == 50 or ended:
                rate, frames = learning_rate(config, state.step, share), batch[0].shape[2]
                seconds = round(time.time() - begun, 1)
                line = [state.step, state.step * config.batch, seconds, frames, f"{rate:.2e}"]
                writer.writerow([*line, *(sums / count).round(4)])
                file.flush()
                sums, count = np.zeros(len(LOSSES)), 0
            if time.time() - saved > 60 * save_minutes or ended:
                state.save(run / "checkpoint.pt", config)
                saved = time.time()
            if ended:
                break


def parse() -> argparse.Namespace:
    """Command line."""
    defaults, shape = TrainConfig(), NetworkConfig()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="main", help="name of the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--init", type=Path, help="weights to begin from: checkpoint.pt or .onnx")
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    parser.add_argument("--teacher", nargs="+", default=["campplus"], help="see Targets")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, help="end after so long, whatever the steps")
    parser.add_argument("--save-minutes", type=float, default=5.0)
    for name in INTEGERS:
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name)
        )
    for name in FLOATS:
        value = getattr(defaults, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=value)
    parser.add_argument(
        "--frames", help="frames a window from which share of the steps on, such as 0:96,0.5:160"
    )
    for name in ("channels", "cells", "bands"):
        parser.add_argument(f"--{name}", type=int, default=getattr(shape, name))
    parser.add_argument("--pooling", choices=["mean", "attentive"], default=shape.pooling)
    parser.add_argument("--positions", action="store_true", help="tell frequencies apart")
    return parser.parse_args()


def main() -> None:
    """Train or go on."""
    args = parse()
    if args.speech is None:
        raise SystemExit("give --speech DIR or set DIARIZE_SPEECH_DIR")
    torch.set_num_threads(args.threads)
    names = INTEGERS + FLOATS
    config = TrainConfig(**{name: getattr(args, name) for name in names})
    if args.frames:
        stages = (stage.split(":") for stage in args.frames.split(","))
        config = replace(config, frames=tuple((float(at), int(n)) for at, n in stages))
    run = RUNS / args.run
    run.mkdir(parents=True, exist_ok=True)
    speech = data.load(args.cache, "train")
    teachers = [args.cache / f"{name}.npz" for name in args.teacher]
    targets = Targets(teachers, speech.voices, config.local)
    dimension = targets.means.shape[1]
    shape = NetworkConfig(
        args.channels, args.cells, args.bands, dimension, args.pooling, args.positions
    )
    shards = pool.shards(args.cache / "pool") if config.pool else []
    if config.pool and (not shards or len(args.teacher) > 1):
        raise SystemExit("--pool needs shards (models.autospeech.pool) and a single teacher")
    if config.hint and not all(hints.beside(shard).exists() for shard in shards or [Path()]):
        raise SystemExit("--hint needs --pool and its hints (models.autospeech.hints)")
    state = build(shape, config, targets.means, scale=hints.scale(shards) if config.hint else None)
    if args.resume and (run / "checkpoint.pt").exists():
        state.restore(torch.load(run / "checkpoint.pt", weights_only=True))
    elif args.init:
        state.begin_from(read_weights(args.init))
    rooms = room_bank(args.cache / "rooms.npz")
    augmenter = Augmenter(rooms, acoustics.load_noises(Path(args.speech) / "noise"))
    front = copy.deepcopy(state.network.front)
    batches = Batches(speech, targets, augmenter, front, config, shards)
    loop(state, batches, Clock(config, args.minutes), run, args.save_minutes)


if __name__ == "__main__":
    main()
