"""Spectral partition on examples with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.arrays import unit
from diarize.clustering.spectral import affinity, partition
from diarize.settings import ClusteringSettings


def voices(sizes: list[int], noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.repeat(np.eye(16)[: len(sizes)], sizes, axis=0)
    return unit(centres + noise * rng.standard_normal(centres.shape))


def same_partition(first: np.ndarray, second: np.ndarray) -> bool:
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    return len(pairs) == len(set(first.tolist())) == len(set(second.tolist()))


def test_noisy_voices_are_parted() -> None:
    sizes = [40, 25, 60]
    found = partition(voices(sizes, noise=0.15), 3)
    assert same_partition(found, np.repeat([0, 1, 2], sizes))


def test_a_few_outliers_get_no_group_of_their_own() -> None:
    vectors = np.vstack([voices([40, 40], noise=0.12), np.eye(16, dtype=np.float32)[5:8]])
    found = partition(vectors, 2)
    assert same_partition(found[:80], np.repeat([0, 1], 40))


def test_many_windows_are_parted_by_a_sample() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, 900)
    vectors = unit(np.eye(16)[truth] + 0.15 * rng.standard_normal((900, 16)))
    found = partition(vectors, 4, settings=ClusteringSettings(max_spectral_windows=200))
    assert same_partition(found, truth)


def test_neighbours_choose_each_other() -> None:
    angles = np.deg2rad([0, 10, 80, 95])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    expected = [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert affinity(vectors, 1).tolist() == expected


@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 99))
def test_every_group_is_present_and_the_answer_is_the_same_twice(
    total: int, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((total, 4)))
    found = partition(vectors, count)
    assert len(found) == total
    assert set(found.tolist()) == set(range(min(count, total)))
    assert found.tobytes() == partition(vectors, count).tobytes()


@pytest.mark.parametrize("total", [3, 30, 90])
def test_identical_windows_still_give_as_many_groups(total: int) -> None:
    vectors = np.tile(unit(np.ones((1, 4))), (total, 1))
    settings = ClusteringSettings(max_spectral_windows=50)
    assert len(set(partition(vectors, 3, settings=settings).tolist())) == 3
