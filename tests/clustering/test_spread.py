"""How far apart neighboring windows lie: which of them count, at the limits of each number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.clustering.spread import subtract_mean, within_speaker_distance
from diarize.settings import ClusteringSettings
from diarize.timeline import Segment

SETTINGS = ClusteringSettings(neighbor_window=0.5, neighbor_gap=0.25, min_neighbor_pairs=1)
# Cosines of 1 and 2, 2 and 3, 1 and 3: 0.5, 0.75, 0.25.
VECTORS = np.linalg.cholesky([[1.0, 0.5, 0.25], [0.5, 1.0, 0.75], [0.25, 0.75, 1.0]])


def distance(*spans: tuple[float, float], changes: Sequence[float] = ()) -> float | None:
    windows = [Segment(*span) for span in spans]
    vectors = VECTORS[: len(windows)].astype(np.float32)
    return within_speaker_distance(vectors, windows, changes, SETTINGS)


def test_the_next_window_that_begins_after_the_end_counts() -> None:
    assert distance((0.0, 1.0), (1.0, 2.0)) == pytest.approx(0.5)
    assert distance((0.0, 1.0), (0.5, 1.5), (1.0, 2.0)) == pytest.approx(0.75)
    assert distance((0.0, 1.0), (1.0, 2.0), (2.0, 3.0)) == pytest.approx((0.5 + 0.25) / 2)
    assert distance((0.0, 1.0), (0.995, 2.0)) is None  # they overlap
    assert distance((0.0, 1.0)) is None


def test_windows_have_a_least_length() -> None:
    assert distance((9.0, 9.5), (9.5, 10.0)) == pytest.approx(0.5)
    assert distance((9.0, 9.5), (9.5, 9.9)) is None
    assert distance((9.0, 9.4), (9.4, 10.0)) is None


def test_windows_have_a_greatest_distance() -> None:
    assert distance((0.0, 1.0), (1.25, 2.0)) == pytest.approx(0.5)
    assert distance((0.0, 1.0), (1.26, 2.0)) is None


@pytest.mark.parametrize(
    ("change", "counts"),
    [(0.2, True), (0.93, True), (0.97, False), (1.0, False), (1.03, False), (1.07, True)],
)
def test_windows_on_both_sides_of_a_change_do_not_count(change: float, counts: bool) -> None:
    found = distance((0.0, 1.0), (1.0, 2.0), changes=[change])
    assert found == (pytest.approx(0.5) if counts else None)


def test_windows_without_speech_hardly_count_in_the_mean() -> None:
    vectors = np.eye(2, 3, dtype=np.float32)
    mean = np.array([1.0, 0.001, 0.0]) / 1.001
    found = subtract_mean(vectors, np.array([1.0, 0.0]), 0.5)
    assert found == pytest.approx(unit(vectors - 0.5 * mean), abs=1e-5)
