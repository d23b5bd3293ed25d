"""Measuring recognition: material kept apart, rates counted right, thresholds from other people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.timeline import Segment
from models.benchmark.enrollment_trials import ENROLLMENTS, TESTS, Material, divide
from models.benchmark.identification import report
from models.benchmark.open_set import (
    Scoring,
    Trials,
    choose,
    decisions,
    equal_error_rate,
    halves_of,
    measure,
)
from models.simulation.voices import Clip, Voice


def voice(*sessions: tuple[str, float]) -> Voice:
    clips, at = [], 0.0
    for session, seconds in sessions:
        clips.append(Clip(Path("x.opus"), at, at + seconds, session))
        at += seconds
    return Voice("ann", "corpus", tuple(clips))


def test_enrollment_and_test_share_no_clip_and_no_session_if_possible():
    enroll, test, apart = divide(voice(*[("a", 10.0)] * 7, *[("b", 10.0)] * 3))
    assert sum(clip.duration for clip in enroll) >= 61
    assert {clip.session for clip in test} == {"b"}
    assert apart
    enroll, test, apart = divide(voice(*[("a", 5.0)] * 10))
    assert not set(enroll) & set(test)
    assert 15 <= sum(clip.duration for clip in enroll) <= 20
    assert not apart
    assert divide(voice(("a", 9.0)))[0] == []


def test_equal_error_rate():
    assert equal_error_rate(np.array([0.8, 0.9]), np.array([0.1, 0.2])) == 0.0
    genuine, impostor = np.array([0.4, 0.8, 0.9, 1.0]), np.array([0.1, 0.2, 0.3, 0.6])
    assert equal_error_rate(genuine, impostor) == pytest.approx(0.25)


def test_pairs_of_the_same_corpus_only():
    trials = Trials(
        np.array([[0.9, 0.5, 0.1], [0.2, 0.8, 0.3]]),
        ("a", "b"),
        ("a", "b", "c"),
        {"a": "one", "b": "one", "c": "two"},
    )
    genuine, impostor = trials.pairs()
    assert genuine.tolist() == [0.9, 0.8]
    assert impostor.tolist() == [0.5, 0.2]
    assert len(trials.pairs(within=False)[1]) == 4


def test_open_set_counts_names_right_wrong_and_invented():
    people = ("a", "b")
    scores = np.array([[0.9, 0.1], [0.6, 0.7], [0.2, 0.9], [0.1, 0.3], [0.95, 0.2]])
    trials = Trials(scores, ("a", "a", "b", "b", "x"), people, dict.fromkeys("abx", "one"))
    drawn = decisions(trials, 2, draws=1)
    found = drawn.outcome(threshold=0.5, margin=0.05)
    assert (found.right, found.wrong, found.strangers_named) == (0.5, 0.25, 1.0)
    assert found.accuracy == pytest.approx(2 / 5)
    strict = drawn.outcome(threshold=0.5, margin=0.2)
    assert (strict.right, strict.wrong) == (0.5, 0.0)
    assert decisions(trials, 3) is None


def crowd(people: int, spread: float) -> list[Material]:
    """People whose windows lie around a direction of their own, in two corpora."""
    dice = np.random.default_rng(1)
    found = []
    for number in range(people):
        centre = unit(dice.normal(size=32))

        def windows(count: int, centre=centre) -> np.ndarray:
            noise = dice.normal(size=(count, 32)) / np.sqrt(32)
            return np.array([unit(centre + spread * row) for row in noise])

        enrollment = {
            seconds: (
                [Segment(float(at), at + 1.6) for at in range(int(seconds))],
                windows(int(seconds)),
            )
            for seconds in ENROLLMENTS
        }
        tests = {seconds: [windows(int(seconds)) for _ in range(3)] for seconds in TESTS}
        found.append(Material(f"p{number:02d}", f"corpus{number % 2}", enrollment, tests, True))
    return found


def test_thresholds_come_from_the_other_half_and_hold():
    people = crowd(32, spread=0.8)
    first, second = halves_of(people)
    assert not {one.name for one in first} & {one.name for one in second}
    assert {one.corpus for one in first} == {one.corpus for one in second}
    found = measure(people, [], Scoring())
    assert found.given(0) == choose(found.tables[1], 0.01, gallery=10)
    for half, tables in enumerate(found.tables):
        genuine, impostor = tables[60.0, 15.0].pairs()
        assert np.mean(impostor >= found.given(half).verification) < 0.05
        assert np.mean(genuine < found.given(half).verification) < 0.05
    assert report(found, 0).count("| 60 | 15 |") == 3


def test_as_norm_is_the_mean_of_both_normalisations():
    cohort = np.array([unit([1, 0.2]), unit([1, -0.2]), unit([0.3, 1])], np.float32)
    scoring = Scoring("as-norm", cohort=cohort)
    left, right = np.float32([[1, 0]]), np.float32([[0, 1]])
    by_hand = [(0.0 - (side @ cohort.T).mean()) / (side @ cohort.T).std() for side in (left, right)]
    found = scoring(scoring.side(left), scoring.side(right))
    assert found == pytest.approx(np.mean(by_hand), abs=1e-3)
