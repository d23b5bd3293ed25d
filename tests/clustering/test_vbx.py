"""The hidden Markov model of the speakers: exact sums, and who goes and who stays."""

from __future__ import annotations

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.arrays import unit
from diarize.clustering import vbx
from diarize.clustering.vbx import _Fit, _merged, _Model, _with_merged, forward_backward, vbx_refine
from diarize.settings import VbxSettings


def voices(sizes: list[int], noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.repeat(np.eye(32)[: len(sizes)], sizes, axis=0)
    return unit(centres + noise * rng.standard_normal(centres.shape))


def by_enumeration(scores: np.ndarray, prior: np.ndarray, stay: float) -> tuple[np.ndarray, float]:
    """Shares, and the logarithm of the sum, by adding up the probabilities of all paths."""
    count, speakers = scores.shape
    shares = np.zeros((count, speakers))
    for path in product(range(speakers), repeat=count):
        chance = prior[path[0]]
        for before, here in pairwise(path):
            chance *= stay * (before == here) + (1.0 - stay) * prior[here]
        chance *= np.exp(sum(scores[index, who] for index, who in enumerate(path)))
        for index, who in enumerate(path):
            shares[index, who] += chance
    return shares / shares.sum(axis=1, keepdims=True), float(np.log(shares[0].sum()))


@given(st.integers(1, 5), st.integers(1, 3), st.floats(0.0, 0.99), st.integers(0, 999))
def test_shares_are_those_of_all_paths(count: int, speakers: int, stay: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.0, 2.0, (count, speakers))
    prior = rng.dirichlet(np.ones(speakers))
    shares, after, likelihood = forward_backward(scores, prior, stay)
    expected, total = by_enumeration(scores, prior, stay)
    assert shares == pytest.approx(expected, abs=1e-9)
    assert likelihood == pytest.approx(total, abs=1e-9)
    assert after.sum() == pytest.approx(1.0)


def test_the_prior_follows_who_takes_over() -> None:
    scores = np.log(np.array([[0.99, 0.01]] * 3 + [[0.01, 0.99]] * 1))
    _, prior, _ = forward_backward(scores, np.array([0.5, 0.5]), loop_probability=0.0)
    assert prior == pytest.approx([0.745, 0.255])


def test_long_sequences_are_cut_where_it_hardly_matters() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0.0, 1.0, (1000, 2))
    prior = np.array([0.5, 0.5])
    shares, _, _ = forward_backward(scores, prior, 0.8)
    assert shares.shape == (1000, 2)
    whole, _, _ = forward_backward(scores[:64], prior, 0.8)
    assert shares[:64] == pytest.approx(whole)


def test_scores_far_apart_do_not_underflow() -> None:
    scores = np.array([[0.0, -1e5], [-1e5, 0.0], [0.0, -1e5]])
    shares, _, _ = forward_backward(scores, np.array([1.0, 1e-9]), 0.9)
    assert shares.argmax(axis=1).tolist() == [0, 1, 0]


def test_groups_that_are_one_voice_become_one() -> None:
    vectors = voices([40, 30], noise=0.1)
    guess = np.repeat([0, 1, 2, 3, 4], [15, 15, 10, 15, 15])
    found = vbx_refine(vectors, np.full(70, 0.8), guess, within_variance=0.3)
    assert found.tolist() == [0] * 40 + [1] * 30


def two_halves(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One voice that a first guess has parted by a small but lasting difference, and another."""
    rng = np.random.default_rng(seed)
    centres = np.zeros((120, 32))
    centres[:80, 0], centres[80:, 1] = 1.0, 1.0
    centres[:40, 2] = 0.25
    vectors = unit(centres + 0.08 * rng.standard_normal(centres.shape))
    return vectors, np.repeat([0, 1, 2], 40)


def test_two_halves_of_one_voice_are_joined() -> None:
    """Neither half would lose its windows to the other one by one."""
    vectors, guess = two_halves()
    seconds = np.full(120, 0.5)
    never = VbxSettings(merge_trials=0)
    apart = vbx_refine(vectors, seconds, guess, within_variance=0.3, settings=never)
    assert apart.max() == 2
    found = vbx_refine(vectors, seconds, guess, within_variance=0.3)
    assert found.tolist() == [0] * 80 + [1] * 40


@given(st.integers(2, 60), st.integers(2, 6), st.integers(0, 99))
def test_the_bound_of_a_join_is_worth_what_the_model_says(
    count: int, speakers: int, seed: int
) -> None:
    """``log_evidence`` is the likelihood of all windows with each speaker's mean integrated out."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((count, 3)).astype(np.float32)
    # Half the evidence times the prior's weight is the freedom of a mean: 3 dimensions here.
    settings = VbxSettings(acoustic_scale=1.5, prior_strength=2.0, prior_share=0.0)
    model = _Model(points, np.ones(count), 0.75, 2.0, settings)
    label = rng.integers(0, speakers, count)
    sums, heard = model.statistics(np.eye(speakers)[label])
    # Windows vary by within / evidence in each dimension, means by that over the prior's weight.
    variance = model.within_variance / settings.acoustic_scale
    wanted = 0.0
    for who in range(speakers):
        own = label == who
        size = int(own.sum())
        shared = np.eye(size) * variance + variance / model.prior_strength
        alone = np.eye(size) * variance
        for axis in range(3):
            x = points[own, axis]
            wanted += gaussian(x, shared) - gaussian(x, alone)
    assert float(model.log_evidence(sums, heard).sum()) == pytest.approx(wanted, abs=1e-3)


def gaussian(x: np.ndarray, covariance: np.ndarray) -> float:
    """Log density at x of a normal distribution with mean zero."""
    _, size = np.linalg.slogdet(covariance)
    return float(-0.5 * (x @ np.linalg.solve(covariance, x) + size + len(x) * np.log(2 * np.pi)))


def test_voices_stay_apart_and_strays_come_home() -> None:
    vectors = voices([30, 30, 30], noise=0.1)
    guess = np.repeat([0, 1, 2], 30)
    guess[[5, 35, 80]] = [1, 2, 0]
    found = vbx_refine(vectors, np.full(90, 0.8), guess, within_variance=0.3)
    assert found.tolist() == np.repeat([0, 1, 2], 30).tolist()


@settings(max_examples=40)
@given(st.integers(1, 80), st.integers(1, 9), st.floats(0.0, 2.0), st.integers(0, 99))
def test_labels_are_complete_and_the_same_twice(
    count: int, guesses: int, within: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, 8)))
    guess = np.unique(rng.integers(0, guesses, count), return_inverse=True)[1].astype(np.int64)
    seconds = rng.uniform(0.0, 1.6, count)
    found = vbx_refine(vectors, seconds, guess, within_variance=within)
    assert len(found) == count
    assert set(found.tolist()) == set(range(int(found.max()) + 1))
    assert found.max() <= guess.max()
    assert found.tobytes() == vbx_refine(vectors, seconds, guess, within_variance=within).tobytes()


def test_of_trial_merges_the_best_one_is_taken() -> None:
    vectors = voices([10, 14, 18], noise=0.1)
    settings = VbxSettings(merge_trials=3)
    model = _Model(vectors, np.ones(42), 0.3, 2.0, settings)
    fit = model.fit(np.eye(3)[np.repeat([0, 1, 2], [10, 14, 18])])
    tried = [model.fit(_with_merged(fit.gamma, pair)).elbo for pair in combinations(range(3), 2)]
    assert len(set(tried)) == 3
    assert _merged(model, fit).elbo == pytest.approx(max(tried))
    assert max(tried) < fit.elbo


def test_merged_speakers_have_the_shares_of_both() -> None:
    gamma = np.array([[0.5, 0.25, 0.25], [0.0, 0.75, 0.25]])
    assert _with_merged(gamma, (0, 2)).tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_two_halves_alone_are_joined() -> None:
    vectors, guess = (part[:80] for part in two_halves())
    never = VbxSettings(merge_trials=0)
    seconds = np.full(80, 0.5)
    apart = vbx_refine(vectors, seconds, guess, within_variance=0.3, settings=never)
    assert apart.max() == 1
    assert vbx_refine(vectors, seconds, guess, within_variance=0.3).max() == 0


def test_what_gains_is_merged_without_trial_the_best_pair_first() -> None:
    vectors = voices([20, 10, 10], noise=0.1)
    model = _Model(vectors, np.ones(40), 0.3, 2.0, VbxSettings())
    halves = np.repeat([0, 1, 2, 3], 10)
    merged = _merged(model, _Fit(np.eye(4)[halves], -np.inf))
    assert merged.gamma.argmax(axis=1).tolist() == np.repeat([0, 1, 2], [20, 10, 10]).tolist()
    assert merged.elbo == pytest.approx(model.fit(np.eye(3)[np.maximum(halves - 1, 0)]).elbo)


def test_the_bound_of_one_speaker_is_exact() -> None:
    """With one speaker the approximation is the true posterior, and the ELBO the evidence."""
    points = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    seconds = np.linspace(0.5, 2.0, 20)
    # As many dimensions as the points have: acoustic_scale times the prior's seconds.
    model = _Model(points, seconds, 0.75, 2.0, VbxSettings(acoustic_scale=1.5))
    fit = model.fit(np.ones((20, 1)))
    sums, spoken = model.statistics(np.ones((20, 1)))
    alone = 1.5 / (2 * 0.75) * float((seconds * np.square(points).sum(axis=1)).sum())
    assert fit.gamma.tolist() == [[1.0]] * 20
    assert fit.elbo == pytest.approx(float(model.log_evidence(sums, spoken)[0]) - alone, rel=1e-5)


def test_the_model_is_made_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[tuple[_Model, np.ndarray]] = []

    class Seen(_Model):
        def fit(self, gamma: np.ndarray) -> _Fit:
            fits.append((self, gamma))
            return super().fit(gamma)

    monkeypatch.setattr(vbx, "_Model", Seen)
    vectors = np.eye(3, dtype=np.float32)
    seconds, guess = np.array([1.0, 3.0, 0.0]), np.array([0, 1, 0])
    options = VbxSettings(centering=0.5, prior_strength=2.0, prior_share=1.0, first_guess=1.0)
    vbx_refine(vectors, seconds, guess, within_variance=0.01, settings=options)
    model, gamma = fits[0]
    mean = np.array([1.0, 3.0, 0.001]) / 4.001
    assert model.points == pytest.approx(vectors - 0.5 * mean, abs=1e-6)
    assert (model.within_variance, model.prior_strength) == (0.05, 4.0)
    sure = np.e / (1.0 + np.e)
    assert gamma == pytest.approx(np.array([[sure, 1 - sure], [1 - sure, sure], [sure, 1 - sure]]))
    fits.clear()
    vbx_refine(vectors, seconds, guess, within_variance=0.2, settings=VbxSettings())
    assert (fits[0][0].within_variance, fits[0][0].prior_strength) == (0.2, 2.5)
