"""The learning rate over a run."""

from __future__ import annotations

import math


def rate_factor(step: int, *, steps: int, warm_up: int, anneal: int) -> float:
    """Share of the peak learning rate at a step.

    A straight line up over the first `warm_up` steps, a plateau, and half a cosine down to 1 %
    over the last `anneal` ones. A run can be prolonged from any checkpoint of its plateau.

    >>> [round(rate_factor(s, steps=10, warm_up=2, anneal=4), 2) for s in (0, 1, 5, 8, 10)]
    [0.5, 1.0, 1.0, 0.51, 0.01]
    """
    if step < warm_up:
        return (step + 1) / warm_up
    left = max(0, steps - step)
    if left >= anneal:
        return 1.0
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (1.0 - left / anneal)))
