"""What decides a training run besides the network: sizes, rates, lengths, and how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainConfig:
    """What decides a run besides the network.

    `long` is the share of steps, from the last of the `frames` on, whose windows are twice as long
    and half as many. `pool` is the share of windows with changed voices, `hint` the weight of what
    the teacher hears in them moment by moment, `hidden` the share of windows of which bands and
    moments are hidden from the network, `blended` that of windows on their way to another one's
    voice, `synthetic` that of synthetic voices (both only where the teachers hear them). After
    every new batch, `again` of those before come once more.
    """

    steps: int = 6000
    batch: int = 64
    seed: int = 0
    rate: float = 2e-3
    warm_up: int = 200
    anneal: float = 0.35
    weight_decay: float = 0.02
    average: float = 0.998
    local: float = 0.5
    margin_weight: float = 0.1
    margin: float = 0.2
    similarity: float = 2.0
    ramp: float = 0.4
    frames: tuple[tuple[float, int], ...] = ((0.0, 96), (0.35, 128), (0.65, 160))
    long: float = 0.2
    pool: float = 0.0
    hint: float = 0.0
    hidden: float = 0.0
    again: int = 0
    blended: float = 0.0
    synthetic: float = 0.0


def window_frames(config: TrainConfig, step: int) -> int:
    """Frames a window at a step: short at first, which is cheaper; sometimes twice the longest."""
    done = step / config.steps
    frames = max((at, frames) for at, frames in config.frames if at <= done)[1]
    last = frames == config.frames[-1][1]
    doubled = last and np.random.default_rng([config.seed, step, 1]).random() < config.long
    return 2 * frames if doubled else frames


def learning_rate(config: TrainConfig, step: int, share: float | None = None) -> float:
    """Linear warm-up, a plateau, then a cosine down to 1 % over the last `anneal` of the run.

    `share` is how much of the run is done, if that is not the share of the steps.
    """
    if step < config.warm_up:
        return config.rate * (step + 1) / config.warm_up
    share = step / config.steps if share is None else share
    if share <= 1.0 - config.anneal:
        return config.rate
    done = min(1.0, (share - 1.0 + config.anneal) / config.anneal)
    return config.rate * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * done))))


class Clock:
    """How much of the run is done: by steps, or by minutes where they are limited."""

    def __init__(self, config: TrainConfig, minutes: float | None, done: float = 0.0) -> None:
        self.config, self.minutes = config, minutes
        self.begun = time.monotonic() - 60.0 * done

    def elapsed(self) -> float:
        """Minutes, those before an interruption included."""
        return (time.monotonic() - self.begun) / 60.0

    def share(self, step: int) -> float:
        """From 0 to 1."""
        by_steps = step / self.config.steps
        return by_steps if self.minutes is None else max(by_steps, self.elapsed() / self.minutes)
