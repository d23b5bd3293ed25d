"""From vectors of windows to turns, without any network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.pipeline import assignment
from diarize.pipeline.assignment import assign_speakers, doubt_of_count, turns_from_centroids
from diarize.pipeline.intermediate import WindowEmbeddings
from diarize.segmentation.activity import LocalSpeakers, SpeechActivity
from diarize.settings import DEFAULTS, Settings
from diarize.timeline import Segment, Turn, union


def extracted(speakers: list[int], noise: float = 0.05, dimension: int = 16) -> WindowEmbeddings:
    """Windows of 1.6 s every 0.8 s in one region of speech, each of one speaker."""
    rng = np.random.default_rng(0)
    vectors = np.eye(dimension)[speakers] + noise * rng.standard_normal((len(speakers), dimension))
    windows = tuple(Segment(0.8 * i, 0.8 * i + 1.6) for i in range(len(speakers)))
    return WindowEmbeddings(
        SpeechActivity((Segment(0.0, windows[-1].end),)), windows, unit(vectors)
    )


def test_speakers_are_numbered_by_their_first_turn() -> None:
    decision = assign_speakers(extracted([3] * 8 + [1] * 8 + [3] * 6), threshold=0.5)
    assert [turn.speaker for turn in decision.turns] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    assert decision.turns[0].end == pytest.approx(6.8, abs=0.5)
    assert list(decision.embeddings) == ["SPEAKER_00", "SPEAKER_01"]
    assert decision.embeddings["SPEAKER_00"].argmax() == 3
    assert decision.embeddings["SPEAKER_01"].argmax() == 1


def test_every_window_has_a_speaker_who_has_turns() -> None:
    for threshold in (0.01, 0.5, 1.9):
        decision = assign_speakers(
            extracted([0] * 9 + [1, 2] * 3 + [1] * 7, noise=0.2), threshold=threshold
        )
        labels = {turn.speaker for turn in decision.turns}
        assert set(decision.labels) <= labels == set(decision.embeddings)


def test_no_windows_no_turns() -> None:
    nothing = WindowEmbeddings(SpeechActivity(()), (), np.zeros((0, 16), np.float32))
    decision = assign_speakers(nothing, threshold=0.5, num_speakers=3)
    assert (decision.turns, decision.embeddings, decision.labels) == ((), {}, ())


@pytest.mark.parametrize(
    ("found", "asked", "said"),
    [
        (1, 1, None),
        (0, 2, None),
        (3, 2, None),
        (1, 2, "no more than 1"),
        (2, 2, None),
        (3, 3, "only 2 voices are told apart"),
    ],
)
def test_doubt_of_count_of_two_voices(found: int, asked: int, said: str | None) -> None:
    doubt = doubt_of_count(extracted([0] * 8 + [1] * 8), found, asked, 0.5, Settings())
    assert said in doubt if said and doubt else doubt is said


def test_turns_from_centroids_count_speakers_as_given() -> None:
    found = extracted([1] * 8 + [0] * 8, noise=0.0)
    turns, scores = turns_from_centroids(found, np.eye(16, dtype=np.float32)[[0, 1]])
    assert [turn.speaker for turn in turns] == ["SPEAKER_01", "SPEAKER_00"]
    assert scores.tolist() == [[0.0, 1.0]] * 8 + [[1.0, 0.0]] * 8


@pytest.mark.parametrize(
    ("confident", "second"),
    [(None, [(4.5, 5.5)]), ((), []), ((Segment(4.5, 5.2),), [(4.5, 5.2)])],
)
def test_second_turns_are_written_where_two_voices_are_certain(
    confident: tuple[Segment, ...] | None, second: list[tuple[float, float]]
) -> None:
    found = extracted([0] * 5 + [1] * 6, noise=0.0)
    activity = replace(found.activity, overlaps=(Segment(4.5, 5.5),), confident_overlaps=confident)
    turns, _ = turns_from_centroids(
        replace(found, activity=activity), np.eye(16, dtype=np.float32)[[0, 1]]
    )
    overlapping = union(turn.segment for turn in turns if turn.overlap)
    assert [(part.start, part.end) for part in overlapping] == second


def test_all_overlaps_get_second_turns_where_people_often_talk_at_once() -> None:
    found = extracted([0] * 5 + [1] * 6, noise=0.0)
    speech = sum(part.duration for part in found.activity.speech)
    for share, second in ((0.11, 0), (0.13, 1)):
        overlaps = (Segment(4.5, 4.5 + share * speech),)
        activity = replace(found.activity, overlaps=overlaps, confident_overlaps=())
        turns, _ = turns_from_centroids(
            replace(found, activity=activity), np.eye(16, dtype=np.float32)[[0, 1]]
        )
        assert len(list(union(turn.segment for turn in turns if turn.overlap))) == second


def test_the_prior_is_another_where_windows_may_hold_two_voices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    real = assignment.cluster
    monkeypatch.setattr(
        assignment, "cluster", lambda *args, **more: seen.append(more) or real(*args, **more)
    )
    plain = extracted([0] * 8 + [1] * 8)
    local = LocalSpeakers(np.array([0.0]), 0.1, np.ones((1, 140, 3), dtype=bool))
    for activity in (plain.activity, replace(plain.activity, local=local)):
        assign_speakers(replace(plain, activity=activity), threshold=0.5, max_speakers=7)
    scaled, usual = (one["settings"].vbx for one in seen)
    assert usual == DEFAULTS.vbx
    assert scaled.prior_strength == usual.vad_only_prior_scale * usual.prior_strength
    assert scaled.prior_share == usual.vad_only_prior_scale * usual.prior_share
    assert usual.vad_only_prior_scale != 1.0
    assert [one["max_speakers"] for one in seen] == [7, 7]


def test_windows_of_a_speaker_without_turns_go_to_the_nearest_who_has_some() -> None:
    centroids = np.eye(4, dtype=np.float32)[:3]
    turns = [Turn(0.0, 2.0, "SPEAKER_02"), Turn(2.0, 3.0, "SPEAKER_00")]
    scores = np.array([[0.1, 0.0, 0.9], [0.3, 0.9, 0.2], [0.2, 0.9, 0.3], [0.9, 0.0, 0.1]])
    labels = np.array([2, 1, 1, 0])
    found = assignment._by_first_appearance(turns, centroids, labels, scores)
    assert [turn.speaker for turn in found.turns] == ["SPEAKER_00", "SPEAKER_01"]
    assert found.labels == ("SPEAKER_00", "SPEAKER_01", "SPEAKER_00", "SPEAKER_01")
    assert list(found.embeddings) == ["SPEAKER_00", "SPEAKER_01"]
    assert found.embeddings["SPEAKER_00"].argmax() == 2
    # All have turns: labels stay, whatever is nearer.
    both = [*turns, Turn(3.0, 4.0, "SPEAKER_01")]
    found = assignment._by_first_appearance(both, centroids, np.array([2, 1, 0, 0]), scores)
    assert found.labels == ("SPEAKER_00", "SPEAKER_02", "SPEAKER_01", "SPEAKER_01")


def test_the_doubt_names_how_many_voices_there_are() -> None:
    one = doubt_of_count(extracted([0] * 16), 2, 2, 0.5, DEFAULTS)
    assert one is not None and "only 1 voice is told apart" in one
    assert doubt_of_count(extracted([0] * 8 + [1] * 8), 0, 3, 0.5, DEFAULTS) is None


@pytest.mark.parametrize(
    ("found", "fewer", "more", "expected"),
    [
        (1, 0.9, 0.0, {1: 1.0}),
        (2, 0.0, 0.0, {2: 1.0}),
        (2, 0.75, 0.0, {1: 0.75, 2: 0.25}),
        (3, 0.5, 0.5, {2: 0.333, 3: 0.333, 4: 0.333}),
    ],
)
def test_count_probabilities(
    found: int, fewer: float, more: float, expected: dict[int, float]
) -> None:
    assert assignment.count_probabilities(found, fewer, more, 1.0) == expected


def test_doubt_makes_the_neighbors_of_the_number_likelier() -> None:
    assert assignment.count_probabilities(2, 0.5, 0.0, 3.0) == {1: 0.75, 2: 0.25}


def test_confidences_need_the_segmentation() -> None:
    decision = assign_speakers(extracted([0] * 8 + [1] * 8), threshold=0.5)
    assert (decision.confidences, decision.counts) == ({}, {})
