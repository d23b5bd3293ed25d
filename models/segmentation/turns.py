"""Who talks when in a window of training talk, from orderly interviews to crosstalk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# Share of the conversations in which everybody talks without regard for the others.
CROSSTALK = 0.2
# Share in which the talk takes up only a part of the window.
SPARSE = 0.12


@dataclass(frozen=True)
class Plan:
    """One utterance: who, from which 10 ms frame on, how many frames at most, how loud (dB)."""

    speaker: int
    start: int
    length: int
    gain: float


def schedule(rng: np.random.Generator, speakers: int, frames: int) -> list[Plan]:
    """Draw the turns of a conversation over `frames` frames of 10 ms.

    Gaps and overlaps between turns, their lengths and the rate of backchannels are drawn anew for
    each conversation, from orderly interviews to heated meetings; it begins in mid-turn.
    """
    overlapping = 0.0 if rng.random() < 0.2 else float(rng.uniform(0.1, 0.9))
    pause = float(rng.uniform(0.1, 0.8))
    median = float(np.exp(rng.uniform(np.log(0.7), np.log(3.5))))
    backchannels = float(rng.uniform(0.0, 0.8)) if speakers > 1 else 0.0
    repeat = float(rng.uniform(0.05, 0.4))
    if speakers > 1 and rng.random() < CROSSTALK:
        alone = [schedule(rng, 1, frames) for _ in range(speakers)]
        both = [replace(plan, speaker=who) for who, own in enumerate(alone) for plan in own]
        return sorted(both, key=lambda plan: plan.start)
    plans: list[Plan] = []
    now, end = -float(rng.uniform(0.0, 4.0)), float(frames)
    if rng.random() < SPARSE:
        now, end = (float(x) for x in np.sort(rng.uniform(0.0, frames, 2)))
        now /= 100.0
    speaker = int(rng.integers(speakers))
    while now * 100 < end:
        length = float(np.clip(rng.lognormal(np.log(median), 0.7), 0.3, 9.0))
        plans.append(Plan(speaker, int(now * 100), int(length * 100), 0.0))
        if rng.random() < backchannels * max(1.0, length / 2.0):
            other = int((speaker + rng.integers(1, speakers)) % speakers)
            at = now + float(rng.uniform(0.1, 0.9)) * length
            quieter = float(rng.uniform(-8.0, 0.0))
            short = int(np.exp(rng.uniform(np.log(20), np.log(90))))
            plans.append(Plan(other, int(at * 100), short, quieter))
        same = speakers == 1 or rng.random() < repeat
        if not same:
            speaker = int((speaker + rng.integers(1, speakers)) % speakers)
        if not same and rng.random() < overlapping:
            now += max(0.1, length - min(float(rng.exponential(1.2)) + 0.1, 0.9 * length))
        elif rng.random() < 0.12:
            now += length + float(rng.uniform(1.0, 5.0))
        else:
            now += length + float(rng.exponential(pause))
    return plans
