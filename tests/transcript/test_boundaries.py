"""How exact the turns' edges are, against the densities written down in full."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from diarize.settings import WordSettings
from diarize.timeline import Turn
from diarize.transcript.boundaries import _STDS, _edges, estimate_boundary_error

OPTIONS = WordSettings()


def test_the_errors_that_can_be_found_rise_by_half_octaves() -> None:
    assert _STDS[0] == 0.02
    assert _STDS[-1] == pytest.approx(0.64)
    assert np.diff(np.log2(_STDS)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("turns", "edges"),
    [
        # Alone, then another who goes on at once, then after a pause the same one.
        (
            [Turn(0, 2, "A"), Turn(2, 3, "B"), Turn(5, 6, "B")],
            [(0, True, False), (2, False, True), (2, True, True), (3, False, False),
             (5, True, False), (6, False, False)],
        ),
        # Silence up to `touch` is none, more is a pause.
        (
            [Turn(0, 2, "A"), Turn(2.02, 3, "B"), Turn(3.03, 4, "A")],
            [(0, True, False), (2, False, True), (2.02, True, True), (3, False, False),
             (3.03, True, False), (4, False, False)],
        ),
        # One within another: only his edges are changes.
        (
            [Turn(0, 10, "A"), Turn(4, 5, "B")],
            [(0, True, False), (10, False, False), (4, True, True), (5, False, True)],
        ),
        # Two that end together; a turn of no length is none.
        (
            [Turn(0, 5, "A"), Turn(3, 5, "B"), Turn(4, 4, "C")],
            [(0, True, False), (5, False, True), (3, True, True), (5, False, True)],
        ),
        # The same voice on both sides is no change.
        (
            [Turn(0, 1, "A"), Turn(1, 2, "A")],
            [(0, True, False), (1, False, False), (1, True, False), (2, False, False)],
        ),
    ],
)  # fmt: skip
def test_edges(turns: list[Turn], edges: list[tuple[float, bool, bool]]) -> None:
    assert _edges(turns, OPTIONS.touch) == edges


def likeliest(
    distances: list[list[tuple[float, float]]], centre: float, options: WordSettings
) -> float:
    """Return the error under which edges are likeliest; of each, (distance, cost) of words near."""
    scores = []
    for std in _STDS:
        score = norm.logpdf(np.log(std / centre) / options.std_spread)
        for near in distances:
            weights = np.exp([-cost for _, cost in near])
            density = weights @ norm.pdf([distance for distance, _ in near], scale=std)
            score += np.log(options.edge_floor + density / weights.sum())
        scores.append(score)
    return _STDS[int(np.argmax(scores))]


@pytest.mark.parametrize("seed", range(12))
def test_the_error_is_the_likeliest_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    off = random.normal(0.0, 0.03 * 1.6 ** random.integers(0, 6), 6)
    floor = float(random.choice([0.02, 0.5]))
    options = WordSettings(edge_floor=floor, std_spread=float(random.choice([0.4, 1.5])))
    instants = [10.0 * place + 1.0 for place in range(6)]
    turns = [Turn(at + shift, at + 4.0, "A") for at, shift in zip(instants, off, strict=True)]
    words = [(at + step, cost) for at in instants for step, cost in ((0, 2.0), (0.4, 3.2))]
    # The turns' ends have no word within reach and say nothing.
    found = estimate_boundary_error(turns, words, [(at + 2.4, 0.0) for at in instants], options)
    near = [
        [(shift - step, cost) for step, cost in ((0, 2.0), (0.4, 3.2))
         if abs(shift - step) <= options.edge_reach]
        for shift in off
    ]  # fmt: skip
    assert found.pause == likeliest([one for one in near if one], options.pause_std, options)
    assert found.change == likeliest([], options.change_std, options)
