"""Trials, error rates and thresholds on vectors whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from models.autospeech import calibrate, data, evaluate


def made_up(noise: float, people: int = 8, pieces: int = 12):
    """Segments of two corpora and vectors that are as noisy as asked for."""
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(people), pieces)
    corpus = np.where(speaker < people // 2, "north", "south")
    vectors = np.eye(people, 16, dtype=np.float32)[speaker]
    vectors = vectors + noise * rng.normal(size=vectors.shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    silence = np.zeros((speaker.size, 10), dtype=np.float32)
    return vectors.astype(np.float32), evaluate.Segments(silence, speaker, corpus)


def test_segments_stay_inside_a_session_and_apart():
    rate = evaluate.RATE
    samples = np.arange(20 * rate) % 30_000
    clips = ((0, 5 * rate, "a"), (5 * rate + 1600, 9 * rate, "a"), (10 * rate, 20 * rate, "b"))
    voices = (data.Voice("x_1", "x", 0, 20 * rate, clips),)
    speech = data.Speech(samples.astype(np.int16), voices)
    found = evaluate.cut_segments(speech, 3.0)
    assert found.samples.shape == (6, 3 * rate)
    assert set(found.speaker.tolist()) == {0}
    again = evaluate.cut_segments(speech, 3.0)
    assert np.array_equal(found.samples, again.samples)


def test_pairs_across_corpora_are_no_trials():
    vectors, segments = made_up(0.1)
    pairs = evaluate.trials(vectors, segments)
    assert set(pairs) == {"north", "south", "pooled"}
    half = 48 * 47 // 2
    assert [pairs[c][0].size for c in ("north", "south", "pooled")] == [half, half, 2 * half]
    assert pairs["north"][1].sum() == 4 * 12 * 11 // 2


@pytest.mark.parametrize(
    ("noise", "low", "high"), [(0.01, 0.0, 0.0), (0.3, 0.001, 0.3), (9, 0.4, 0.6)]
)
def test_error_rate_grows_with_noise(noise, low, high):
    vectors, segments = made_up(noise)
    rate = evaluate.equal_error_rate(*evaluate.trials(vectors, segments)["pooled"])
    assert low <= rate <= high


def test_equal_error_rate_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    same = np.array([True, True, False, True, False, False])
    assert evaluate.equal_error_rate(scores, same) == pytest.approx(1 / 3)


def test_threshold_keeps_the_rate():
    vectors, segments = made_up(0.4)
    scores, same = evaluate.trials(vectors, segments)["pooled"]
    for rate in (0.01, 0.1):
        threshold = calibrate.threshold_at(scores, same, rate)
        assert (scores[~same] >= threshold).mean() <= rate
        assert (scores[~same] >= threshold - 0.02).mean() > rate
    none = calibrate.threshold_at(scores, same, 0.0)
    assert not (scores[~same] >= none).any()


def test_a_larger_margin_names_fewer():
    vectors, segments = made_up(0.25, people=16)
    rows = calibrate.naming(vectors, segments, threshold=0.3)
    wrong, right, strangers = (
        np.array([getattr(row, name) for row in rows]) for name in ("wrong", "right", "strangers")
    )
    for shares in (wrong, right, strangers):
        assert (np.diff(shares) <= 0).all()
        assert ((shares >= 0) & (shares <= 1)).all()
    assert wrong[0] > 0
    margin = calibrate.choose_margin(rows, 0.005)
    assert rows[round(margin * 100)].wrong <= 0.005


def test_report_is_a_table():
    report = {
        "eer": {"1.6": {"a model": {"north": 12.34, "pooled": 5.0}}},
        "trials": {
            "1.6": {
                name: {"speakers": 3, "same": 4, "different": 5} for name in ("north", "pooled")
            }
        },
        "cost_ms_per_second": {"a model": 1.5},
    }
    text = evaluate.markdown(report)
    assert "| a model | 12.3 | 5.0 |" in text
    assert "| a model | 1.50 |" in text
