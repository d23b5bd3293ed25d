"""Clustering on tiny exact examples, and what must hold for any input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.spatial.distance import pdist

from diarize.arrays import unit
from diarize.clustering import speakers
from diarize.clustering.agglomerative import Tree, dendrogram, linkage
from diarize.clustering.bounds import speaker_bounds
from diarize.clustering.pairs import LocalWindow
from diarize.clustering.speakers import (
    Seeds,
    assign_to_nearest,
    by_first_appearance,
    centroids,
    cluster,
    min_speaker_seconds,
    needed_groups,
)
from diarize.clustering.spread import subtract_mean, within_speaker_distance
from diarize.errors import UsageError
from diarize.settings import DEFAULTS, ClusteringSettings, Settings
from diarize.timeline import Segment

EVERYTHING_COUNTS = Settings(
    clustering=ClusteringSettings(min_speaker_share=0.0, min_speaker_seconds=0.0)
)


def voices(sizes: list[int], noise: float = 0.05, seed: int = 0, dimension: int = 32) -> np.ndarray:
    """Vectors around orthogonal directions, one a speaker, in blocks."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(np.eye(dimension)[: len(sizes)], sizes, axis=0)
    return unit(centres + noise * rng.standard_normal(centres.shape))


def truth(sizes: list[int]) -> list[int]:
    return np.repeat(np.arange(len(sizes)), sizes).tolist()


def test_well_separated_voices_are_found() -> None:
    sizes = [10, 7, 12]
    result = cluster(voices(sizes), threshold=0.5)
    assert result.labels.tolist() == truth(sizes)
    assert np.allclose(np.linalg.norm(result.centroids, axis=1), 1.0, atol=1e-5)
    assert np.allclose(result.centroids[:, :3], np.eye(3), atol=0.1)


def test_one_voice_stays_one() -> None:
    assert cluster(voices([40], noise=0.1), threshold=0.5).count == 1


def test_nothing_and_a_single_window() -> None:
    assert cluster(np.zeros((0, 8), np.float32), threshold=0.5).count == 0
    one = cluster(voices([1]), threshold=0.5, num_speakers=4)
    assert (one.labels.tolist(), one.count) == ([0], 1)


def test_linkage_equals_scipy_on_cosine_distances() -> None:
    vectors = voices([30, 20], noise=0.3)
    expected = scipy_linkage(pdist(vectors, "cosine"), "average")
    ours = linkage(vectors)
    assert np.allclose(ours[:, 2], expected[:, 2], atol=1e-5)
    tree = Tree(ours, np.ones(50))
    for merges in range(50):
        wanted = fcluster(expected, 50 - merges, "maxclust")
        assert len(set(tree.labels(merges))) == 50 - merges == len(set(wanted))
        assert len(set(zip(tree.labels(merges), wanted, strict=True))) == 50 - merges


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_count_asked_for_moves_the_cut(count: int) -> None:
    sizes = [12, 12, 12]
    result = cluster(voices(sizes, noise=0.15), threshold=0.5, num_speakers=count)
    assert result.count == count
    # The dendrogram is nested: with more speakers voices are split, with fewer they are joined.
    pairs = set(zip(result.labels.tolist(), truth(sizes), strict=True))
    assert len(pairs) == max(count, 3)


def test_bounds_move_the_cut_only_if_they_must() -> None:
    vectors = voices([12, 12, 12], noise=0.1)
    assert cluster(vectors, threshold=0.5, min_speakers=2, max_speakers=5).count == 3
    assert cluster(vectors, threshold=0.5, max_speakers=2).count == 2
    assert cluster(vectors, threshold=0.5, min_speakers=4).count == 4


def test_more_speakers_than_windows_are_not_invented() -> None:
    assert cluster(voices([2, 1]), threshold=0.5, num_speakers=9).count == 3


def test_too_little_speech_is_absorbed_by_the_nearest() -> None:
    vectors = voices([20, 20, 1])
    vectors[-1] = unit(vectors[-1] + 0.5 * vectors[0])
    result = cluster(vectors, np.full(41, 0.8), threshold=0.3)
    assert result.count == 2
    assert result.labels[-1] == 0
    # A speaker who is asked for is kept, however little was said.
    assert cluster(vectors, np.full(41, 0.8), threshold=0.3, num_speakers=3).count == 3


def test_short_windows_never_seed() -> None:
    vectors = voices([10, 10, 10])
    weights = np.repeat([1.6, 1.6, 0.3], 10)
    assert cluster(vectors, weights, threshold=0.5).count == 2
    assert cluster(vectors, np.full(30, 0.3), threshold=0.5, settings=EVERYTHING_COUNTS).count == 3


def test_windows_without_an_answer_join_somebody() -> None:
    vectors = voices([5, 5])
    vectors[3] = 0.0
    result = cluster(vectors, threshold=0.5)
    assert result.count == 2
    assert result.labels[3] in (0, 1)


def test_blocks_give_the_same_speakers_as_the_whole() -> None:
    rng = np.random.default_rng(3)
    vectors = voices([150, 200, 130, 90], noise=0.12)[rng.permutation(570)]
    whole = cluster(vectors, threshold=0.5)
    small = Settings(
        clustering=ClusteringSettings(max_windows=100, block_windows=64, block_clusters=12)
    )
    blocks = cluster(vectors, threshold=0.5, settings=small)
    assert whole.count == 4
    assert (blocks.labels == whole.labels).all()


def test_equal_input_gives_equal_output() -> None:
    vectors = voices([30, 30], noise=0.4)
    first, second = (cluster(vectors, threshold=0.6) for _ in range(2))
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.centroids.tobytes() == second.centroids.tobytes()


@settings(max_examples=50)
@given(
    count=st.integers(1, 30),
    threshold=st.floats(0.0, 2.0),
    low=st.integers(1, 5),
    more=st.integers(0, 5),
    seed=st.integers(0, 99),
)
def test_labels_are_complete_whatever_comes(
    count: int, threshold: float, low: int, more: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, 4)))
    weights = rng.uniform(0.1, 1.6, count)
    result = cluster(
        vectors, weights, threshold=threshold, min_speakers=low, max_speakers=low + more
    )
    assert len(result.labels) == count
    assert sorted(set(result.labels.tolist())) == list(range(result.count))
    assert result.count <= low + more
    assert np.array_equal(by_first_appearance(result.labels), result.labels)
    seeds = int((weights >= 0.5).sum()) or count
    assert result.count >= min(low, seeds)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"num_speakers": 0}, "num_speakers is 0"),
        ({"min_speakers": -1}, "min_speakers is -1"),
        ({"min_speakers": 4, "max_speakers": 2}, "more than max_speakers"),
        ({"num_speakers": 5, "max_speakers": 3}, "outside"),
        ({"num_speakers": 2, "min_speakers": 3}, "outside"),
        ({"num_speakers": 2.5}, "num_speakers is 2.5: a whole number"),
        ({"num_speakers": "2"}, "num_speakers is '2': a whole number"),
        ({"num_speakers": True}, "num_speakers is True: a whole number"),
        ({"min_speakers": float("nan")}, "min_speakers is nan: a whole number"),
        ({"max_speakers": float("inf")}, "max_speakers is inf: a whole number"),
    ],
)
def test_impossible_bounds(options: dict[str, Any], word: str) -> None:
    known = {"num_speakers": None, "min_speakers": None, "max_speakers": None, **options}
    with pytest.raises(UsageError, match=word):
        speaker_bounds(**known)


def test_a_large_number_may_be_asked_for() -> None:
    assert speaker_bounds(40, None, None) == (40, 40)
    assert speaker_bounds(3, 3, 3) == (3, 3)
    assert speaker_bounds(None, 35, None) == (35, 35)
    assert speaker_bounds(None, 25, None) == (25, 30)


def test_whole_numbers_of_other_types_become_ints() -> None:
    assert repr(speaker_bounds(None, 2.0, np.int64(3))) == "(2, 3)"  # type: ignore[arg-type]


def test_scatter_is_what_neighbouring_windows_lie_apart() -> None:
    settings = ClusteringSettings(min_neighbor_pairs=3)
    windows = [Segment(0.8 * i, 0.8 * i + 1.6) for i in range(12)]
    angles = np.repeat(np.arange(6), 2) * np.arccos(0.9)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    # Every second window begins where this one ends: 0.9 is the cosine of the two.
    assert within_speaker_distance(vectors, windows, (), settings) == pytest.approx(0.1, abs=1e-4)
    assert within_speaker_distance(vectors[:4], windows[:4], (), settings) is None
    changes = [window.end for window in windows]
    assert within_speaker_distance(vectors, windows, changes, settings) is None
    apart = [Segment(5.0 * i, 5.0 * i + 1.6) for i in range(12)]
    assert within_speaker_distance(vectors, apart, (), settings) is None
    assert within_speaker_distance(np.zeros((0, 2), np.float32), [], (), settings) is None


def near_voices() -> np.ndarray:
    """Two voices at a cosine of 0.8, fifteen windows each."""
    centres = np.zeros((30, 64))
    centres[:, 0], centres[15:, 0], centres[15:, 1] = 1.0, 0.8, 0.6
    return unit(centres + 0.03 * np.random.default_rng(0).standard_normal(centres.shape))


def test_where_windows_of_one_voice_scatter_voices_must_differ_more() -> None:
    vectors = near_voices()
    near, far = (
        cluster(vectors, threshold=0.15, scatter=scatter, hop_ratio=0.8).count
        for scatter in (0.1, 1.5)
    )
    assert (near, far) == (2, 1)


def test_a_larger_distance_finds_fewer_speakers() -> None:
    vectors = near_voices()
    counts = [cluster(vectors, threshold=distance).count for distance in (0.1, 0.15, 0.9, 2.0)]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (2, 1)


def test_windows_that_overlap_share_their_seconds() -> None:
    vectors = voices([20, 3])
    # Three windows of 1.6 s are 4.8 s of a voice; at a hop of 0.4 s they are but 1.2 s.
    apart, overlapping = (cluster(vectors, np.full(23, 1.6), threshold=0.5, hop_ratio=hop).count
                          for hop in (1.0, 0.25))  # fmt: skip
    assert (apart, overlapping) == (2, 1)


def test_what_all_windows_share_comes_off() -> None:
    vectors = unit(np.array([[1.0, 0.2, 0.0], [1.0, -0.2, 0.0]]))
    parted = subtract_mean(vectors, np.ones(2), 1.0)
    assert np.allclose(parted, [[0, 1, 0], [0, -1, 0]], atol=1e-4)
    assert np.allclose(subtract_mean(vectors, np.ones(2), 0.0), vectors)


def test_long_recordings_of_unlike_windows_stay_within_bounds() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(1000, 32)))
    small = ClusteringSettings(max_windows=200, block_windows=100, block_clusters=5)
    tree, member = dendrogram(vectors, np.ones(1000), 0.01, small)
    assert len(tree.weights) == member.max() + 1 <= 200
    assert tree.weights.sum() == 1000


def test_linkage_is_whole_for_any_number_of_vectors() -> None:
    assert linkage(np.eye(1, dtype=np.float32)).shape == (0, 4)
    assert linkage(np.eye(2, dtype=np.float32)).tolist() == [[0.0, 1.0, 1.0, 2.0]]
    vectors = unit(np.random.default_rng(0).normal(size=(600, 3)))
    expected = scipy_linkage(pdist(vectors, "cosine"), "average")
    assert np.allclose(linkage(vectors)[:, 2], expected[:, 2], atol=1e-5)


def test_merges_up_to_a_distance() -> None:
    tree = Tree(np.array([[0, 1, 0.1, 2], [2, 3, 0.5, 3]]), np.ones(3))
    assert [tree.merges_at(distance) for distance in (0.05, 0.1, 0.4, 0.5)] == [0, 1, 1, 2]
    assert [tree.labels(merges).tolist() for merges in range(3)] == [[0, 1, 2], [1, 1, 0], [0] * 3]


@pytest.mark.parametrize("alike", [True, False])
def test_each_block_leaves_so_many_leaves(alike: bool) -> None:
    """Of two blocks of four windows two leaves each, whether all are alike or none."""
    vectors = np.float32(np.repeat(np.eye(8)[:1], 8, axis=0) if alike else np.eye(8))
    small = ClusteringSettings(max_windows=4, block_windows=4, block_clusters=2)
    seconds = np.arange(1.0, 9.0)
    tree, member = dendrogram(vectors, seconds, 0.01, small)
    assert len(tree.weights) == member.max() + 1 == 4
    assert set(member[:4].tolist()) == {0, 1}
    assert tree.weights.sum() == 36.0
    assert tree.weights.tolist() == [seconds[member == leaf].sum() for leaf in range(4)]


def test_leaves_of_blocks_are_means_by_seconds() -> None:
    vectors = np.eye(2, dtype=np.float32)[[0, 1, 0, 0]]
    one = ClusteringSettings(max_windows=2, block_windows=2, block_clusters=1)
    tree, member = dendrogram(vectors, np.array([3.0, 1.0, 1.0, 1.0]), 2.0, one)
    assert member.tolist() == [0, 0, 1, 1]
    assert tree.merges.tolist() == [[0.0, 1.0, 0.25, 2.0]]


def test_a_last_block_may_be_smaller_than_what_blocks_leave() -> None:
    small = ClusteringSettings(max_windows=4, block_windows=4, block_clusters=2)
    tree, member = dendrogram(np.eye(5, dtype=np.float32), np.ones(5), 0.01, small)
    assert len(tree.weights) == 3
    assert member[4] == 2


# --- the steps one by one -------------------------------------------------------------------------


def test_seeds_are_long_and_have_an_answer() -> None:
    settings = Settings(clustering=ClusteringSettings(min_seed_seconds=0.5))

    def chosen(vectors: np.ndarray, seconds: list[float]) -> list[int]:
        segments = [Segment(index, index + 1) for index in range(len(seconds))]
        _, found = Seeds.of(
            np.float32(vectors), np.array(seconds), segments, (), None, 1.0, settings
        )
        return found.tolist()

    alive = np.eye(4)
    assert chosen(alive, [0.5, 0.5 - 1e-7, 0.495, 2.0]) == [0, 1, 3]
    assert chosen(alive * [[1], [0], [1], [1]], [1.0, 1.0, 0.1, 1.0]) == [0, 3]
    assert chosen(alive * [[1], [0], [1], [1]], [0.1] * 4) == [0, 2, 3]
    assert chosen(0.0 * alive, [1.0] * 4) == [0, 1, 2, 3]


def test_seeds_take_along_what_the_segmentation_says_of_them() -> None:
    settings = Settings(clustering=ClusteringSettings(min_seed_seconds=0.5))
    segments = [Segment(index, index + 1) for index in range(5)]
    joint = np.zeros((2, 2))
    alone = np.arange(6.0).reshape(3, 2)
    local = (LocalWindow(1, alone, joint), LocalWindow(1, alone[:1], joint))
    seconds = np.array([1.0, 0.1, 1.0, 1.0, 1.0])
    seeds, chosen = Seeds.of(
        np.eye(5, dtype=np.float32), seconds, segments, local, 0.2, 0.5, settings
    )
    assert chosen.tolist() == [0, 2, 3, 4]
    assert seeds.seconds.tolist() == [0.5] * 4
    assert [one.start for one in seeds.segments] == [0, 2, 3, 4]
    (window,) = seeds.local  # the other one has no seed
    assert window.first == 1
    assert window.alone.tolist() == [[1.0, 1.5], [2.0, 2.5]]


@pytest.mark.parametrize(("scatter", "within"), [(None, 0.4), (0.2, 0.3)])
def test_parts_are_found_with_a_share_of_the_prior(
    monkeypatch: pytest.MonkeyPatch, scatter: float | None, within: float
) -> None:
    seen = []
    monkeypatch.setattr(speakers, "vbx_refine", lambda *_, **rest: seen.append(rest))
    seeds = Seeds(np.eye(2, dtype=np.float32), np.ones(2), [Segment(0, 1)] * 2, (), scatter)
    for share in (1.0, 0.25):
        needed_groups(seeds, np.arange(2), 0.4, share, DEFAULTS)
    whole, part = (one["settings"] for one in seen)
    assert whole == DEFAULTS.vbx
    assert part.prior_strength == 0.25 * whole.prior_strength
    assert part.prior_share == 0.25 * whole.prior_share
    assert part.max_iterations == DEFAULTS.pairs.fine_iterations
    assert part.merge_trials == DEFAULTS.pairs.fine_trials
    assert [one["within_variance"] for one in seen] == pytest.approx([within, within])


def test_what_makes_a_speaker_grows_with_the_recording() -> None:
    settings = ClusteringSettings(min_speaker_seconds=1.0, min_speaker_share=0.1)
    assert min_speaker_seconds(np.full(5, 10.0), settings) == 5.0
    assert min_speaker_seconds(np.full(5, 1.0), settings) == 1.0


def test_windows_without_a_label_go_to_the_nearest_and_no_others() -> None:
    vectors = np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]
    labels = np.array([0, 0, 1, -1])
    assert assign_to_nearest(vectors, np.ones(4), labels).tolist() == [0, 0, 1, 1]
    assert labels.tolist() == [0, 0, 1, -1]


def test_windows_without_seconds_still_have_a_direction() -> None:
    vectors = np.eye(3, dtype=np.float32)
    found = centroids(vectors, np.array([0.0, 0.04, 5.0]), np.array([0, 0, -1]))
    assert found == pytest.approx(unit(np.array([[0.01, 0.04, 0.0]])))


def test_nothing_has_no_labels() -> None:
    nothing = cluster(np.zeros((0, 8), np.float32), threshold=0.5)
    assert (nothing.labels.shape, nothing.centroids.shape, nothing.own.shape) == (
        (0,),
        (0, 8),
        (0,),
    )
