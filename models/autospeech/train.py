"""Train the embedding: ``python -m models.autospeech.train --run NAME --steps N``.

Distillation from a larger teacher plus a margin softmax over the training voices. A run can be
stopped at any minute and resumed (``--resume``) with the same outcome up to floating point.
Checkpoints, a CSV log and the batches that are to come again go to ``models/autospeech/runs/NAME``.
With ``--pool SHARE`` that part of every batch has changed voices (``pool.py``); the pool must be
full before, or a batch depends on how full it was. With ``--listen FILE`` the teachers hear every
window as the network does (``listening.py``), else their stored vectors count. With ``--kept RUN``
the batches are those that runs with ``--again`` kept: nobody has to be asked again.
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
from torch.utils.data import DataLoader

from diarize.evaluation import acoustics
from models.autospeech import data, fast, hints, pool, synthesis
from models.autospeech.augmentation import Augmenter, room_bank
from models.autospeech.batches import Batch, Batches, KeptBatches, label_corpora, read_batch
from models.autospeech.export import read_weights
from models.autospeech.listening import Listener
from models.autospeech.losses import HintLoss, MarginSoftmax, distillation, similarity
from models.autospeech.network import AutoSpeech, NetworkConfig, told_apart
from models.autospeech.schedule import Clock, TrainConfig, learning_rate
from models.autospeech.targets import Targets

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

RUNS = Path(__file__).parent / "runs"
LOSSES = ("distil", "margin", "similarity", "hint")
# Fields of the configuration with an option of their own.
INTEGERS = ("steps", "batch", "seed", "warm_up", "again")
FLOATS = (
    "rate", "anneal", "local", "margin_weight", "margin", "similarity", "ramp", "long", "pool",
    "hint", "hidden", "blended", "synthetic", "average", "weight_decay",
)  # fmt: skip


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


def loop(
    state: State, batches: Batches | KeptBatches, clock: Clock, run: Path, save_minutes: float
) -> None:
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
    names = sorted(set(batches.families))
    corpora = torch.tensor([names.index(name) for name in batches.families])
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
    parser.add_argument(
        "--listen", type=Path, help="let the teachers hear every window; the file of CAM++"
    )
    parser.add_argument("--kept", nargs="+", help="runs whose kept batches are all there is")
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


def refuse(args: argparse.Namespace, config: TrainConfig, shards: list[Path]) -> None:
    """Say what does not go together."""
    if args.speech is None and not args.kept:
        raise SystemExit("give --speech DIR or set DIARIZE_SPEECH_DIR")
    made = (config.pool, config.hint, config.again, config.blended, config.synthetic)
    if args.kept and (args.listen or any(made)):
        raise SystemExit("--kept batches are as they are; leave out what would make others")
    if config.pool and not shards:
        raise SystemExit("--pool needs shards (models.autospeech.pool)")
    if args.listen is None and config.pool and len(args.teacher) > 1:
        raise SystemExit("--pool has the vectors of one teacher; for two give --listen, too")
    if (config.blended or config.synthetic) and (args.listen is None or config.hint):
        raise SystemExit(
            "nothing is stored of blended and synthetic voices: --listen is needed, and no --hint"
        )
    if config.pool + config.synthetic > 1:
        raise SystemExit("--pool and --synthetic are shares of one batch: more than all of it")
    if args.listen is not None and args.teacher != ["campplus", "resemblyzer"]:
        raise SystemExit("--listen needs --teacher campplus resemblyzer")
    if config.hint and not all(hints.beside(shard).exists() for shard in shards or [Path()]):
        raise SystemExit("--hint needs --pool and its hints (models.autospeech.hints)")


def kept(
    runs: list[str], config: TrainConfig, speech: data.Speech, targets: Targets, bands: int
) -> KeptBatches:
    """The batches that these runs kept, if they have so many bands."""
    files = [path for run in runs for path in sorted((RUNS / run / "batches").glob("*.pt"))]
    if not files:
        raise SystemExit(f"no batches were kept by {', '.join(runs)}")
    first = {path.parent: path for path in reversed(files)}
    if any(read_batch(path)[0].shape[3] != bands for path in first.values()):
        raise SystemExit(f"the batches of {', '.join(runs)} do not all have {bands} bands")
    return KeptBatches(files, config.seed, label_corpora(targets, speech.voices))


def new_batches(
    args: argparse.Namespace,
    config: TrainConfig,
    speech: data.Speech,
    targets: Targets,
    network: AutoSpeech,
    shards: list[Path],
) -> Batches:
    """Batches of our own."""
    rooms = room_bank(args.cache / "rooms.npz")
    augmenter = Augmenter(rooms, acoustics.load_noises(Path(args.speech) / "noise"))
    listener = None if args.listen is None else Listener(args.listen)
    store = RUNS / args.run / "batches" if config.again else None
    if store is not None:
        store.mkdir(exist_ok=True)
    front = copy.deepcopy(network.front)
    spoken = synthetic_voices(args.cache / synthesis.SYNTHETIC, targets) if config.synthetic else []
    return Batches(speech, targets, augmenter, front, config, shards, listener, store, spoken)


def synthetic_voices(folder: Path, targets: Targets) -> list[NDArray[np.int16]]:
    """The synthetic utterances; the targets learn what those have in common."""
    if not (folder / "centre.npz").exists():
        raise SystemExit(
            f"{folder}: no voices or no centre (python -m models.autospeech.synthesis)"
        )
    with np.load(folder / "centre.npz") as stored:
        targets.add_corpus(synthesis.SYNTHETIC, [stored["campplus"], stored["resemblyzer"]])
    return synthesis.read(folder)


def main() -> None:
    """Train or go on."""
    args = parse()
    torch.set_num_threads(args.threads)
    names = INTEGERS + FLOATS
    config = TrainConfig(**{name: getattr(args, name) for name in names})
    if args.frames:
        stages = (stage.split(":") for stage in args.frames.split(","))
        config = replace(config, frames=tuple((float(at), int(n)) for at, n in stages))
    shards = pool.shards(args.cache / "pool") if config.pool else []
    refuse(args, config, shards)
    run = RUNS / args.run
    run.mkdir(parents=True, exist_ok=True)
    speech = data.load(args.cache, "train")
    teachers = [args.cache / f"{name}.npz" for name in args.teacher]
    targets = Targets(teachers, speech.voices, config.local)
    dimension = targets.means.shape[1]
    shape = NetworkConfig(
        args.channels, args.cells, args.bands, dimension, args.pooling, args.positions
    )
    state = build(shape, config, targets.means, scale=hints.scale(shards) if config.hint else None)
    if args.resume and (run / "checkpoint.pt").exists():
        state.restore(torch.load(run / "checkpoint.pt", weights_only=True))
    elif args.init:
        state.begin_from(read_weights(args.init))
    batches: Batches | KeptBatches
    if args.kept:
        batches = kept(args.kept, config, speech, targets, shape.bands)
    else:
        batches = new_batches(args, config, speech, targets, state.network, shards)
    loop(state, batches, Clock(config, args.minutes), run, args.save_minutes)


if __name__ == "__main__":
    main()
