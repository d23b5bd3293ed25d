"""A training run: its recipe, the network and its optimiser, averaged weights, checkpoints."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models.segmentation import weights
from models.segmentation.feeding import Batch, crop, mask_bands
from models.segmentation.network import (
    POWERSET,
    SegmentationNet,
    Shape,
    affinity_loss,
    count_loss,
    permutation_invariant_loss,
    voice_loss,
)


@dataclass(frozen=True)
class Recipe:
    """Everything that a run depends on; stored in its checkpoints.

    Attributes
    ----------
    steps, windows, fresh, pool : int
        Updates; windows of 10 s for each; how many of them are new, the others being drawn from the
        last ``pool`` ones (drawing windows costs more than learning from them). ``fresh`` 0: as
        many as the workers have ready, without waiting.
    message : int
        Windows that a worker sends at once where ``fresh`` is 0.
    halves : float
        Share of the run in which each window gives two crops of 5 s instead of one of 10 s.
    rate, warmup, decay : float, int, float
        Peak learning rate (cosine to zero), steps up to it, weight decay.
    count : float
        Weight of the loss on how many talk, which does not wait for voices to be told apart.
    alike : float
        Weight of the auxiliary loss on frame vectors (see :func:`affinity_loss`).
    voice : float
        Weight of the auxiliary loss on whose voice a frame is (see :func:`voice_loss`), where the
        voices' vectors are known.
    overlap : float
        How many ordinary frames a frame of two voices counts for.
    average : float
        Decay of the running average of the weights, which is what is exported.
    precision : str
        Of the convolutions: ``bfloat16`` or ``float32``.
    validate, log : int
        Steps between looks at held-out windows and between rows of the log.
    save : float
        Seconds between checkpoints.
    """

    steps: int = 7000
    windows: int = 8
    fresh: int = 4
    pool: int = 256
    message: int = 16
    halves: float = 0.6
    rate: float = 1.5e-3
    warmup: int = 150
    decay: float = 1e-4
    count: float = 1.0
    alike: float = 1.0
    voice: float = 0.5
    overlap: float = 2.0
    average: float = 0.998
    precision: str = "bfloat16"
    seed: int = 1
    threads: int = 1
    workers: int = 1
    validate: int = 500
    log: int = 25
    save: float = 60.0


PRESETS = {
    "cpu": Recipe(),
    "gpu": Recipe(
        steps=60_000, windows=256, fresh=0, pool=16_384, rate=2e-3, warmup=500, average=0.999,
        threads=2, workers=13, validate=1000, log=50,
    ),
}  # fmt: skip


def losses(
    network: SegmentationNet, batch: Batch, recipe: Recipe, voices: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Segmentation loss and both auxiliary losses of a batch.

    `voices` (V + 1, D) are the unit vectors of all voices, the last row zero; without them the last
    loss is zero.
    """
    device = batch.mels.device
    weights = torch.ones(len(POWERSET), device=device)
    weights[4:] = recipe.overlap
    half = recipe.precision == "bfloat16"
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        fine, coarse = network.features(batch.mels)
    both = network.remember(coarse.float())
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        scores = network.decide(fine, both).float()
    main = permutation_invariant_loss(scores, batch.activity, weights).mean()
    if recipe.count:
        main = main + recipe.count * count_loss(scores, batch.activity, weights[::3])
    talk = batch.activity[:, ::2]
    alike = affinity_loss(network.alike(both), talk)
    if voices is None:
        return main, alike, torch.zeros_like(alike)
    return main, alike, voice_loss(network.voice(both), talk, voices[batch.voices])


def learning_rate(step: int, share: float, recipe: Recipe) -> float:
    """Linear warm-up by steps, then half a cosine by the share of the run, down to 1 %."""
    warm = min(1.0, (step + 1) / recipe.warmup)
    return recipe.rate * warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share))))


class Trainer:
    """A run: network, optimiser, running average of the weights, clock.

    Parameters
    ----------
    recipe : Recipe
    shape : Shape
    folder : Path
        Of the checkpoint and the log.
    device : torch.device or str
    minutes : float
        Length of the whole run at most, earlier parts of a resumed one included.
    voices : Tensor (V, D), optional
        Unit vectors of all voices, for the loss on whose voice a frame is.
    """

    def __init__(
        self,
        recipe: Recipe,
        shape: Shape,
        folder: Path,
        device: torch.device | str = "cpu",
        minutes: float = math.inf,
        voices: Tensor | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.folder, self.minutes = recipe, folder, minutes
        self.device = torch.device(device)
        # The last row stands for nobody, whose number is −1.
        self.voices = None if voices is None else F.pad(voices, (0, 0, 0, 1)).to(self.device)
        self.network = SegmentationNet(shape).to(self.device)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.rate,
            weight_decay=recipe.decay,
            fused=self.device.type == "cuda",
        )
        self.step = self.drawn = 0
        self.earlier, self.began = 0.0, time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def elapsed(self) -> float:
        """Seconds of the run up to now, earlier parts included."""
        return self.earlier + time.monotonic() - self.began

    @property
    def share(self) -> float:
        """How much of the run is over, by steps or by time, whichever is more; 1 is the end."""
        return max(self.step / self.recipe.steps, self.elapsed / (60.0 * self.minutes))

    def update(self, batch: Batch) -> Tensor:
        """One step on one batch; returns the three losses, (3,) on the device."""
        recipe, share = self.recipe, self.share
        generator = torch.Generator(self.device).manual_seed(recipe.seed * 1_000_003 + self.step)
        torch.manual_seed(recipe.seed * 1_000_003 + self.step)
        if share < recipe.halves:
            batch = crop(batch, generator)
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, share, recipe)
        masked = mask_bands(batch, generator)
        main, alike, voice = losses(self.network, masked, recipe, self.voices)
        self.optimiser.zero_grad(set_to_none=True)
        (main + recipe.alike * alike + recipe.voice * voice).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 3.0)
        self.optimiser.step()
        self.step += 1
        self._follow()
        return torch.stack([main, alike, voice]).detach()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights along (faster in the beginning)."""
        keep = min(self.recipe.average, self.step / (self.step + 10))
        state = self.network.state_dict()
        moving = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.average[name] for name in moving], [state[name] for name in moving], 1.0 - keep
        )
        for name in state.keys() - set(moving):
            self.average[name].copy_(state[name])

    def save(self) -> Path:
        """Write the checkpoint, and the averaged weights alone; each whole or not at all."""
        small = {
            "step": self.step,
            "drawn": self.drawn,
            "elapsed": self.elapsed,
            "recipe": asdict(self.recipe),
            "shape": asdict(self.network.shape),
            "average": self.average,
        }
        _write(small, self.folder / "average.pt")
        whole = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}
        return _write(small | whole, self.folder / "checkpoint.pt")

    def begin_with(self, path: Path, mels: Tensor | None = None) -> None:
        """Take the averaged weights of another run, or an exported file's, where they fit.

        `mels` (N, T, 64) are windows for the statistics that an exported file lacks; see
        :func:`models.segmentation.weights.read_onnx`.
        """
        if path.suffix == ".onnx":
            state = weights.read_onnx(path, mels)
        else:
            state = torch.load(path, map_location=self.device, weights_only=True)["average"]
        own = self.network.state_dict()
        fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
        self.network.load_state_dict(fitting, strict=False)
        for number, block in self.network.context.named_children():
            # Blocks that the other network lacks begin as next to nothing.
            if f"context.{number}.norm.weight" not in state:
                torch.nn.init.constant_(block.norm.weight, 0.05)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step, self.drawn = state["step"], state["drawn"]
        self.earlier, self.began = state["elapsed"], time.monotonic()
        self.take(state)
        return True

    def take(self, state: dict[str, Any]) -> None:
        """Load the weights, their average and the optimiser of a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])


def _write(state: dict[str, Any], path: Path) -> Path:
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return path


def averaged(path: Path) -> SegmentationNet:
    """Load the averaged weights of ``checkpoint.pt`` or ``average.pt``, ready to use."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    shape = Shape(**{**state["shape"], "dilations": tuple(state["shape"]["dilations"])})
    network = SegmentationNet(shape)
    network.load_state_dict(state["average"])
    return network.eval()
