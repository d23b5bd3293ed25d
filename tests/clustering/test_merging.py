"""One person or two: pairs of groups, merges and splits, on examples small enough to check."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.arrays import unit
from diarize.clustering.merging import People, _Split, find_people
from diarize.clustering.pairs import FEATURES, Groups, LocalWindow
from diarize.clustering.speakers import by_first_appearance
from diarize.settings import DEFAULTS, PairSettings
from diarize.timeline import Segment

PAIRS = DEFAULTS.pairs
# Only the distance counts: one threshold apart is as likely one person as two.
DISTANCE_ALONE = replace(
    PAIRS, **{**dict.fromkeys(FEATURES, 0.0), "centroid_distance": -6.0, "bias": 6.0}
)


def groups_of(
    vectors: np.ndarray,
    labels: list[int],
    *,
    together: bool = False,
    local: tuple[LocalWindow, ...] = (),
) -> Groups:
    """Add up windows of 1 s, in one stretch of one voice or each in its own."""
    length = 1.5 if together else 1.0
    segments = [Segment(index, index + length) for index in range(len(labels))]
    return Groups.of(np.float32(vectors), np.ones(len(labels)), segments, local, np.array(labels))


def only(groups: Groups, feature: str) -> float:
    """Return a feature of the first two groups."""
    found = groups.features(np.array([0]), np.array([1]), 0.5, PAIRS)
    return float(found[0, FEATURES.index(feature)])


def test_distance_counts_in_the_models_own() -> None:
    assert only(groups_of(np.eye(2), [0, 1]), "centroid_distance") == pytest.approx(2.0)


def test_sizes_count_between_the_bounds() -> None:
    sizes = [1, 20, 60]
    labels = np.repeat([0, 1, 2], sizes).tolist()
    groups = groups_of(np.eye(3)[labels], labels)
    found = groups.features(np.array([0, 1]), np.array([1, 2]), 0.5, PAIRS)
    columns = [FEATURES.index("smaller"), FEATURES.index("larger")]
    assert np.exp(found[:, columns]) == pytest.approx(np.array([[8, 20], [20, 30]]))
    assert found[0, FEATURES.index("groups")] == pytest.approx(np.log(3))


def test_a_stretch_without_a_change_speaks_for_one_person() -> None:
    labels = [0, 0, 0, 1]
    assert only(groups_of(np.eye(2)[labels], labels), "shared_stretches") == 0.0
    assert only(groups_of(np.eye(2)[labels], labels, together=True), "shared_stretches") == 1.0


def test_two_who_talk_at_once_are_two() -> None:
    alone = np.array([[1.0, 0.0], [0.0, 1.0]])
    joint = np.array([[0.0, 1.5], [1.5, 0.0]])
    groups = groups_of(np.eye(2), [0, 1], local=(LocalWindow(0, alone, joint),))
    assert only(groups, "at_once") == pytest.approx(np.log1p(1.5))
    mixed = groups_of(np.eye(2), [0, 1], local=(LocalWindow(0, np.full((2, 2), 0.2), joint),))
    assert only(mixed, "at_once") == pytest.approx(np.log1p(0.75))
    first, second = np.array([0]), np.array([1])
    quiet = groups_of(np.eye(2), [0, 1], local=(LocalWindow(0, alone, 0 * joint),))
    likely = [one.same_person(first, second, 0.5, PAIRS)[0] for one in (groups, quiet)]
    assert likely[0] < likely[1]


@given(seed=st.integers(0, 99), count=st.integers(2, 12))
def test_regrouped_sums_are_those_of_the_windows(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, 4)))
    labels = np.unique(rng.integers(0, 4, count), return_inverse=True)[1]
    onto = np.unique(rng.integers(0, 2, labels.max() + 1), return_inverse=True)[1]
    local = (LocalWindow(0, rng.uniform(size=(count, 3)), rng.uniform(size=(3, 3))),)
    fine = groups_of(vectors, labels.tolist(), together=True, local=local).regrouped(onto)
    coarse = groups_of(vectors, onto[labels].tolist(), together=True, local=local)
    for name, value in vars(coarse).items():
        assert getattr(fine, name) == pytest.approx(value), name


def found(
    vectors: np.ndarray,
    coarse: list[int],
    fine: list[int],
    bounds: tuple[int, int] = (1, 30),
    settings: PairSettings = DISTANCE_ALONE,
) -> list[int]:
    people = find_people(
        np.array(coarse),
        (np.array(fine),),
        lambda own: groups_of(vectors, own.tolist()),
        0.5,
        bounds,
        settings,
    )
    assert set(people.labels.tolist()) == set(range(len(people.own)))
    return by_first_appearance(people.labels).tolist()


def voices(sizes: list[int], angle: float = 0.0) -> np.ndarray:
    """Windows of one direction a voice; the last two are a little apart from each other."""
    directions = np.eye(len(sizes))
    directions[-1] = np.cos(angle) * directions[-2] + np.sin(angle) * directions[-1]
    return np.repeat(directions, sizes, axis=0)


def test_two_moods_of_one_person_are_merged() -> None:
    moods = voices([10, 10, 10], angle=0.5)
    labels = [0] * 10 + [1] * 10 + [2] * 10
    assert found(moods, labels, labels) == [0] * 10 + [1] * 20


def test_who_fits_nobody_becomes_a_speaker_where_there_are_several() -> None:
    vectors = voices([20, 20, 20, 4], angle=np.pi / 2)
    hidden = [0] * 20 + [1] * 20 + [2] * 24
    fine = [0] * 20 + [1] * 20 + [2] * 20 + [3] * 4
    assert found(vectors, hidden, fine) == fine
    assert found(vectors, hidden, hidden) == hidden
    # Two seconds are not enough for that, unless somebody says that there are four.
    fewer = voices([20, 20, 22, 2], angle=np.pi / 2)
    parts = [0] * 20 + [1] * 20 + [2] * 22 + [3] * 2
    assert found(fewer, hidden, parts) == hidden
    assert found(fewer, hidden, parts, (4, 4)) == parts
    two = [0] * 20 + [1] * 24
    assert found(vectors[20:], two, [0] * 20 + [1] * 20 + [2] * 4) == two


def test_the_quiet_are_found_before_the_talkative_are_cut_up() -> None:
    """Of two halves of a voice and a short stretch of another one, the latter is the third."""
    vectors = np.zeros((62, 4))
    vectors[:20, 0] = vectors[20:40, 1] = 1.0
    vectors[40:60] = [0.0, np.cos(0.4), np.sin(0.4), 0.0]
    vectors[60:] = [0.0, np.cos(1.2), 0.0, np.sin(1.2)]
    coarse = [0] * 20 + [1] * 42
    fine = [0] * 20 + [1] * 20 + [2] * 20 + [3] * 2
    expected = [0] * 20 + [1] * 40 + [2] * 2
    assert found(vectors, coarse, fine, (3, 3)) == expected


def test_nobody_is_invented_and_bounds_hold_where_they_can() -> None:
    vectors = voices([20, 20], angle=np.pi / 2)
    halves = [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10
    people = [0] * 20 + [1] * 20
    assert found(vectors, people, halves, (4, 4)) == people
    assert set(found(vectors, people, halves, (1, 1))) == {0}
    sure = replace(DISTANCE_ALONE, forced_split_below=1.1)
    assert found(vectors, people, people, (4, 4), replace(sure, least_seconds=0.0)) == people
    assert len(set(found(vectors, people, halves, (4, 4), sure))) == 4


def test_confidences_say_which_speakers_may_be_one() -> None:
    vectors = voices([20, 20, 20], angle=np.arccos(0.55))
    labels = np.repeat([0, 1, 2], 20)
    people = find_people(
        labels,
        (labels,),
        lambda own: groups_of(vectors, own.tolist()),
        0.5,
        (1, 30),
        replace(DISTANCE_ALONE, merge_above=0.7),
    )
    chance = 1.0 / (1.0 + np.exp(-(6.0 - 6.0 * 0.9)))
    assert people.labels.tolist() == labels.tolist()
    assert people.own == pytest.approx([1.0, 1.0 - chance, 1.0 - chance], abs=0.01)
    assert (people.fewer, people.more) == (pytest.approx(chance), 0.0)


def test_voices_far_apart_are_never_one_however_they_are_cut_together() -> None:
    """A hard cut between two people is no change of voice to the segmentation."""
    labels = np.repeat([0, 1], 12)
    segments = [Segment(index, index + 1.5) for index in range(len(labels))]
    seconds = np.ones(len(labels))

    def count(cosine: float) -> int:
        near = np.array([[1.0, 0.0], [cosine, np.sqrt(1.0 - cosine**2)]])[labels]

        def summed(own: np.ndarray) -> Groups:
            return Groups.of(np.float32(near), seconds, segments, (), own)

        found = find_people(labels, (labels,), summed, 0.34, (1, 30), PAIRS)
        return len(set(found.labels.tolist()))

    assert count(0.9) == 1
    assert count(0.4) == 2


# --- small numbers, worked out by hand ------------------------------------------------------------


def test_sums_are_weighed_by_seconds() -> None:
    segments = [Segment(0.0, 1.0), Segment(1.0, 3.0), Segment(4.0, 4.25)]
    seconds = np.array([1.0, 2.0, 0.25])
    groups = Groups.of(np.eye(3, dtype=np.float32), seconds, segments, (), np.array([0, 0, 1]))
    assert groups.seconds.tolist() == [3.0, 0.25]
    assert groups.sums.tolist() == [[1.0, 2.0, 0.0], [0.0, 0.0, 0.25]]
    assert groups.regrouped(np.array([0, 0])).sums.tolist() == [[1.0, 2.0, 0.25]]


def test_stretches_end_where_windows_hardly_overlap() -> None:
    def shared(begin: float, seconds: float = 1.0) -> float:
        windows = [Segment(0.0, 1.05), Segment(begin, 2.0)]
        groups = Groups.of(
            np.eye(2, dtype=np.float32), np.array([1.0, seconds]), windows, (), np.array([0, 1])
        )
        return only(groups, "shared_stretches")

    assert (shared(0.99), shared(1.0)) == (1.0, 0.0)
    assert shared(0.9, 0.25) == 0.5  # less than half a second counts as that


def test_local_speakers_count_from_some_seconds_on() -> None:
    settings = replace(PAIRS, least_local=0.25)
    joint = np.array([[0.0, 2.0], [2.0, 0.0]])

    def at_once(alone: list[list[float]]) -> float:
        groups = groups_of(np.eye(2), [0, 1], local=(LocalWindow(0, np.array(alone), joint),))
        found = groups.features(np.array([0]), np.array([1]), 0.5, settings)
        return float(np.expm1(found[0, FEATURES.index("at_once")]))

    assert at_once([[0.25, 0.0], [0.0, 0.25]]) == pytest.approx(2.0)
    assert at_once([[0.24, 0.0], [0.0, 0.24]]) == 0.0
    assert at_once([[3.0, 0.0], [1.0, 1.0]]) == pytest.approx(1.5)


def test_the_number_of_groups_counts_from_three_on() -> None:
    for count, expected in ((2, 3), (3, 3), (4, 4)):
        groups = groups_of(np.eye(count), list(range(count)))
        assert only(groups, "groups") == pytest.approx(np.log(expected))


def test_nothing_is_ever_certain() -> None:
    groups = groups_of(np.eye(2), [0, 1])
    first, second = np.array([0]), np.array([1])
    never = replace(DISTANCE_ALONE, bias=-1000.0)
    always = replace(DISTANCE_ALONE, bias=1000.0)
    assert groups.same_person(first, second, 0.5, never)[0] == pytest.approx(np.exp(-30.0), 1e-6, 0)
    assert groups.same_person(first, second, 0.5, always)[0] < 1.0
    found = groups.features(first, second, 0.0, PAIRS)
    assert found[0, FEATURES.index("centroid_distance")] == pytest.approx(1000.0)


def likely(vectors: np.ndarray, labels: list[int]) -> float:
    """Return how likely the first two groups are one person."""
    groups = groups_of(vectors, labels)
    return float(groups.same_person(np.array([0]), np.array([1]), 0.5, DISTANCE_ALONE)[0])


def test_probabilities_at_a_limit_change_nothing() -> None:
    vectors, people = voices([20, 20], angle=0.8), [0] * 20 + [1] * 20
    limit = likely(vectors, people)
    stays = replace(DISTANCE_ALONE, merge_above=limit)
    assert found(vectors, people, people, settings=stays) == people
    merges = replace(DISTANCE_ALONE, merge_above=limit - 1e-9)
    assert set(found(vectors, people, people, settings=merges)) == {0}

    vectors, halves = np.ones((20, 1)), [0] * 10 + [1] * 10
    limit = likely(vectors, halves)
    stays = replace(DISTANCE_ALONE, forced_split_below=limit)
    assert set(found(vectors, [0] * 20, halves, (2, 2), stays)) == {0}
    splits = replace(DISTANCE_ALONE, forced_split_below=limit + 1e-9)
    assert found(vectors, [0] * 20, halves, (2, 2), splits) == halves


def test_centroids_may_be_as_far_apart_as_the_limit() -> None:
    vectors, people = np.repeat(np.eye(2), 20, axis=0), [0] * 20 + [1] * 20
    likely_one = replace(DISTANCE_ALONE, bias=100.0, furthest=2.0)
    assert set(found(vectors, people, people, settings=likely_one)) == {0}
    assert found(vectors, people, people, settings=replace(likely_one, furthest=1.9)) == people


@pytest.mark.parametrize(
    ("talkative", "quiet", "expected"),
    [(0.54, 0.8, [0, 1, 0]), (0.4294, 0.5338, [0, 0, 1])],  # cosine distances to the first
)
def test_forced_merges_give_the_least_speech_to_the_wrong_speaker(
    talkative: float, quiet: float, expected: list[int]
) -> None:
    """A voice of 2 s goes before one of 20 s, unless the latter is likely the same person."""
    vectors = np.zeros((42, 3))
    vectors[:20, 0] = 1.0
    for rows, axis, distance in ((slice(20, 40), 1, talkative), (slice(40, 42), 2, quiet)):
        vectors[rows, 0] = 1.0 - distance
        vectors[rows, axis] = np.sqrt(1.0 - (1.0 - distance) ** 2)
    labels = np.repeat([0, 1, 2], [20, 20, 2])
    wanted = np.array(expected)[labels].tolist()
    assert found(vectors, labels.tolist(), labels.tolist(), (1, 2)) == wanted


def test_a_split_costs_the_seconds_that_go_wrong() -> None:
    split = _Split(np.array([0, 1]), 0.25, 4.0)
    assert split.cost == -2.0
    assert replace(split, same=1.0).cost == 4.0


def test_finer_parts_are_looked_at_where_a_number_is_asked_for() -> None:
    vectors = voices([20, 20, 20, 4], angle=np.pi / 2)
    hidden, parts = np.repeat([0, 1, 2, 2], [20, 20, 20, 4]), np.repeat(range(4), [20, 20, 20, 4])

    def people(bounds: tuple[int, int]) -> People:
        def summed(own: np.ndarray) -> Groups:
            return groups_of(vectors, own.tolist())

        return find_people(hidden, (hidden, parts), summed, 0.5, bounds, DISTANCE_ALONE)

    assert people((1, 30)).labels.tolist() == hidden.tolist()
    assert people((1, 30)).more == 0.0
    assert by_first_appearance(people((4, 4)).labels).tolist() == parts.tolist()


def test_doubts_of_a_single_speaker() -> None:
    vectors, halves = np.ones((20, 1)), np.repeat([0, 1], 10)

    def summed(own: np.ndarray) -> Groups:
        return groups_of(vectors, own.tolist())

    one = np.zeros(20, dtype=np.int64)
    people = find_people(one, (halves,), summed, 0.5, (1, 30), DISTANCE_ALONE)
    assert people.fewer == 0.0
    assert people.own.tolist() == [1.0]
    assert people.more == pytest.approx(1.0 / (1.0 + np.exp(6.0)))
