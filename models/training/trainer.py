"""The training loop of both models: updates, running average of the weights, log, checkpoints.

A run stops at any minute and goes on from its newest checkpoint. Where batches depend on their
number alone, the outcome is the same up to floating point.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.training import checkpoints
from models.training.schedule import rate_factor

Batch = TypeVar("Batch")
Kind = TypeVar("Kind", contravariant=True)


@dataclass(frozen=True)
class Optimization:
    """How the weights move.

    Attributes
    ----------
    steps, warm_up, anneal : int
        Updates; those over which the rate rises at the start, and falls at the end.
    rate, decay : float
        Peak learning rate and weight decay of AdamW.
    momentum : float
        Decay of AdamW's running mean of squared gradients.
    clip : float
        Largest norm of a gradient.
    average : float
        Decay of the running average of the weights, which is what is exported.
    """

    steps: int = 1000
    warm_up: int = 50
    anneal: int = 500
    rate: float = 1e-3
    decay: float = 0.02
    momentum: float = 0.98
    clip: float = 5.0
    average: float = 0.995


@dataclass(frozen=True)
class Habits:
    """What does not change the outcome.

    Attributes
    ----------
    save : float
        Minutes between checkpoints.
    log : int
        Updates between rows of the log.
    pause : Path, optional
        While this file exists, the run waits.
    """

    save: float = 5.0
    log: int = 25
    pause: Path | None = None


class Objective(Protocol[Kind]):
    """What is minimised."""

    @property
    def names(self) -> Sequence[str]:
        """What the values for the log are."""
        ...

    def __call__(self, batch: Kind, step: int) -> tuple[Tensor, Tensor]:
        """The loss to minimise, and the values (len(names),) for the log."""
        ...


class Trainer(Generic[Batch]):
    """A run: a network, its running average, the optimiser and where they are kept.

    Parameters
    ----------
    network : nn.Module
        What is exported in the end; on its device, initialised.
    objective : Objective
        Computes the losses of a batch with `network`.
    settings : Optimization
    folder : Path
        Gets ``checkpoint.pt``, ``plateau.pt`` and ``log.csv``.
    extra : nn.Module, optional
        Weights that only training needs.
    habits : Habits, optional
    facts : dict, optional
        Plain values for the checkpoint, such as the network's shape; a run goes on only where
        they are the same.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective[Batch],
        settings: Optimization,
        folder: Path,
        *,
        extra: nn.Module | None = None,
        habits: Habits | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.network, self.objective, self.settings = network, objective, settings
        self.folder, self.extra = folder, extra or nn.Module()
        self.habits, self.facts = habits or Habits(), facts or {}
        weights = [*network.parameters(), *self.extra.parameters()]
        decayed = [weight for weight in network.parameters() if weight.ndim > 1]
        chosen = {id(weight) for weight in decayed}
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": settings.decay},
                {"params": [w for w in weights if id(w) not in chosen], "weight_decay": 0.0},
            ],
            lr=settings.rate,
            betas=(0.9, settings.momentum),
        )
        self.schedule = LambdaLR(
            self.optimizer,
            lambda step: rate_factor(
                step, steps=settings.steps, warm_up=settings.warm_up, anneal=settings.anneal
            ),
        )
        follow = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(network, multi_avg_fn=follow, use_buffers=True)
        self.step = 0

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept."""
        return self.folder / "checkpoint.pt"

    @property
    def plateau(self) -> Path:
        """Where it is kept as it was before the rate fell."""
        return self.folder / "plateau.pt"

    def update(self, batch: Batch) -> Tensor:
        """One step on a batch; the values that the objective names."""
        self.network.train()
        loss, values = self.objective(batch, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return values.detach()

    def fit(self, batches: Iterable[Batch]) -> None:
        """Train on batches, the first of which is number ``self.step``, to the last step.

        Raises
        ------
        SystemExit
            A loss is no number any more. The checkpoint is from before that.
        """
        habits, steps = self.habits, self.settings.steps
        sums, count = torch.zeros(len(self.objective.names)), 0
        begun = saved = time.monotonic()
        for batch in batches:
            self._wait()
            if self.step >= steps:
                break
            sums += self.update(batch).cpu()
            count += 1
            last = self.step >= steps
            if self.step % habits.log == 0 or last:
                means = (sums / count).tolist()
                if not all(math.isfinite(value) for value in means):
                    raise SystemExit(f"{self.folder}: no number at step {self.step}: {means}")
                self._log(means, time.monotonic() - begun)
                sums, count = torch.zeros_like(sums), 0
            if self.step == steps - self.settings.anneal:
                self.save(self.plateau)
            if last or time.monotonic() - saved > 60.0 * habits.save:
                self.save(self.checkpoint)
                saved = time.monotonic()

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.module.state_dict(),
            "averaged": int(self.average.n_averaged),
            "extra": self.extra.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "settings": asdict(self.settings),
        }
        checkpoints.save(path, self.facts | state)

    def resume(self) -> bool:
        """Go on from the newest checkpoint that fits, if there is one.

        Facts have to be the same, and so has the schedule up to the checkpoint's step: a run that
        is longer now goes on from the end of its plateau.
        """
        for path in (self.checkpoint, self.plateau):
            if path.exists() and self._take(checkpoints.load(path)):
                return True
        return False

    def _take(self, state: dict[str, Any]) -> bool:
        if any(state.get(name) != value for name, value in self.facts.items()):
            return False
        before, step = Optimization(**state["settings"]), int(state["step"])
        same = replace(before, steps=self.settings.steps, anneal=self.settings.anneal)
        flat = min(one.steps - one.anneal for one in (before, self.settings))
        if same != self.settings or (before != self.settings and step > flat):
            return False
        self.network.load_state_dict(state["network"])
        self.average.module.load_state_dict(state["average"])
        self.average.n_averaged.fill_(state["averaged"])
        self.extra.load_state_dict(state["extra"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = step
        # The rate came with the optimizer; the next step asks for the one after it.
        self.schedule.last_epoch = step
        return True

    def _wait(self) -> None:
        while self.habits.pause is not None and self.habits.pause.exists():
            time.sleep(2.0)

    def _log(self, means: Sequence[float], seconds: float) -> None:
        path = self.folder / "log.csv"
        fresh = not path.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["step", "seconds", "rate", *self.objective.names])
            rate = f"{self.optimizer.param_groups[0]['lr']:.2e}"
            writer.writerow([self.step, round(seconds, 1), rate, *(round(m, 4) for m in means)])
