"""Average linkage of many vectors gives what SciPy gives of few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from diarize.arrays import unit
from diarize.clustering import archive
from diarize.clustering.archive import link_vectors, nearest_pairs


def people(rng: np.random.Generator, count: int, spread: float = 0.5, dimension: int = 12):
    base = rng.normal(size=(max(1, count // 4), dimension))
    who = rng.integers(len(base), size=count)
    return unit(base[who] + spread * rng.normal(size=(count, dimension))), who


@settings(max_examples=60)
@given(st.integers(1, 60), st.floats(0.1, 0.9), st.floats(0.1, 1.5), st.integers(0, 10**6))
def test_groups_are_those_of_scipy(count, threshold, spread, seed):
    rng = np.random.default_rng(seed)
    vectors, _ = people(rng, count, spread)
    places = rng.integers(max(2, count // 2), size=count)
    distances = 1 - vectors.astype(float) @ vectors.T.astype(float)
    distances[places[:, None] == places[None, :]] = 1e9  # never joined
    np.fill_diagonal(distances, 0)
    right = np.ones(1, int)
    if count > 1:
        tree = linkage(squareform(np.maximum(distances, 0), checks=False), "average")
        right = fcluster(tree, t=1 - threshold, criterion="distance")
    recordings = [frozenset([int(place)]) for place in places]
    found = link_vectors(vectors, recordings, threshold, neighbors=count)
    same = right[:, None] == right[None, :]
    np.testing.assert_array_equal(found[:, None] == found[None, :], same)
    assert all(found[index] <= index for index in range(count))


def test_few_neighbors_and_small_blocks_are_enough(monkeypatch):
    rng = np.random.default_rng(3)
    vectors, who = people(rng, 800, 0.3, 64)
    recordings = [frozenset([number]) for number in range(800)]
    found = link_vectors(vectors, recordings, 0.5, neighbors=16)
    monkeypatch.setattr(archive, "_TILE", 77)
    monkeypatch.setattr(archive, "_BLOCK_BYTES", 4096)
    np.testing.assert_array_equal(link_vectors(vectors, recordings, 0.5, neighbors=16), found)
    same = who[:, None] == who[None, :]
    assert np.mean((found[:, None] == found[None, :]) == same) > 0.999


def test_known_groups_are_never_joined_and_take_what_is_near():
    means = np.float32([[1, 0, 0], [0.99, 0.14, 0], [0, 0, 1]])
    new = np.float32([[1, 0.02, 0], [0, 1, 0]])
    found = link_vectors(
        np.concatenate([means, unit(new)]),
        [frozenset([number]) for number in range(5)],
        0.7,
        sizes=np.array([3, 5, 1, 1, 1]),
        fixed=3,
    )
    assert found.tolist()[:3] == [0, 1, 2]
    assert found[3] in (0, 1)
    assert found[4] == 4


@pytest.mark.parametrize("neighbors", [1, 2, 5])
def test_pairs_are_those_of_the_nearest(neighbors):
    vectors, _ = people(np.random.default_rng(neighbors), 30)
    one, other, cosine = nearest_pairs(vectors, -1.0, neighbors)
    table = vectors @ vectors.T
    np.fill_diagonal(table, -2)
    wanted = {
        (min(row, int(column)), max(row, int(column)))
        for row in range(30)
        for column in np.argsort(-table[row], kind="stable")[:neighbors]
    }
    assert set(zip(one.tolist(), other.tolist(), strict=True)) == wanted
    np.testing.assert_allclose(cosine, table[one, other], rtol=1e-6)


def test_nothing():
    empty = np.zeros((0, 4), np.float32)
    assert link_vectors(empty, [], 0.5).tolist() == []


def test_the_nearest_of_every_vector_is_a_pair():
    angles = np.radians([0.0, 37.0, 63.0])
    vectors = np.float32(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    one, other, cosine = nearest_pairs(vectors, 0.0, 1)
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [(0, 1), (1, 2)]
    assert cosine == pytest.approx(np.cos(np.radians([37.0, 26.0])))


@pytest.mark.parametrize(("size", "groups"), [(1, [0, 0, 2]), (3, [0, 0, 0])])
def test_a_known_group_counts_by_its_size(size, groups):
    """The last vector has a cosine of 0.72 with the group's mean, and of 0.66 with the second."""
    vectors = unit(np.array([[1, 0, 0], [0.9, 0.436, 0], [0.72, 0.0275, 0.6934]]))
    places = [frozenset([number]) for number in range(3)]
    found = link_vectors(vectors, places, 0.7, sizes=np.array([size, 1, 1]), fixed=1)
    assert found.tolist() == groups
