"""VBx: how many speakers there are, and which one each window has, by a Bayesian HMM.

After Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization",
Computer Speech & Language 2022: a first guess with too many groups is refined by variational Bayes,
and groups that explain too little lose their windows to others. Here the voices lie on the unit
sphere and spread the same in all directions, so that the model needs no training of its own.
Symbols and numbers of equations are the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np

from diarize.arrays import Float32, Float64, Int64
from diarize.settings import DEFAULTS, VbxSettings

# A speaker with less of the prior than this has no window left.
_VANISHED = 1e-7


def vbx_refine(
    vectors: Float32,
    seconds: Float64,
    labels: Int64,
    *,
    within_variance: float,
    settings: VbxSettings = DEFAULTS.vbx,
) -> Int64:
    """Return the speaker of each window, after speakers that are not needed have gone.

    A window ``x`` has log p(x | s) = −F_A · seconds / (2 · within_variance) · |x − m|²
    with the speaker's mean ``m``: one variance in all directions where the paper has PLDA's. The
    prior of the means lies at the recording's centre and weighs as much as some seconds of speech
    (F_B / F_A): an uncertain mean lies nearer to the centre and costs likelihood, which is what a
    speaker has to be worth. In long recordings one voice sounds in more ways, so that the prior
    weighs as much as a share of all speech at least.

    The variational updates end where two speakers share one voice and neither loses its windows to
    the other. So the pairs that gain most are merged on trial, and stay so where the ELBO rises.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors in order of time.
    seconds : (N,) float64 array
        Seconds of speech that each window stands for; windows that overlap share theirs.
    labels : (N,) int64 array
        The first guess, 0, 1, …, better with too many speakers than with too few.
    within_variance : float
        Cosine distance of two windows of one voice.

    Returns
    -------
    (N,) int64 array
        0, 1, …, each of them present. Deterministic.
    """
    mean = np.average(vectors, axis=0, weights=np.maximum(seconds, 1e-3))
    points = vectors - (settings.centering * mean).astype(np.float32)
    prior = max(settings.prior_strength, settings.prior_share * float(seconds.sum()))
    model = _Model(points, seconds, max(within_variance, 0.05), prior, settings)
    gamma = np.exp(settings.first_guess * np.eye(int(labels.max(initial=0)) + 1)[labels])
    fit = model.fit(gamma / gamma.sum(axis=1, keepdims=True))
    while settings.merge_trials and fit.gamma.shape[1] > 1:
        merged = _merged(model, fit)
        if merged.elbo <= fit.elbo:
            break
        fit = merged
    return np.unique(fit.gamma.argmax(axis=1), return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class _Fit:
    """Responsibilities γ (N, S) of S speakers for N windows, and the ELBO that they reach."""

    gamma: Float64
    elbo: float


@dataclass(frozen=True)
class _Model:
    """The windows and the priors.

    Parameters
    ----------
    points : (N, D) float32 array
        Embeddings less the prior's mean.
    seconds : (N,) float64 array
    within_variance : float
    prior_strength : float
        F_B / F_A: seconds that the prior of the means weighs as much as.
    settings : VbxSettings
    """

    points: Float32
    seconds: Float64
    within_variance: float
    prior_strength: float
    settings: VbxSettings

    @cached_property
    def lengths(self) -> Float64:
        """(N,) squared lengths of the points; every fit needs them."""
        return np.asarray(np.square(self.points, dtype=np.float64).sum(axis=1))

    def fit(self, gamma: Float64) -> _Fit:
        """Run variational Bayes from responsibilities; speakers whose prior vanishes are dropped.

        Updates of alpha and its precision L (eqs. 16, 17), of the likelihoods (23), of gamma (19)
        and pi (24), until gamma rests; then the ELBO (25).
        """
        pi = np.full(gamma.shape[1], 1.0 / gamma.shape[1])
        scale = self.seconds * self.settings.acoustic_scale / (2.0 * self.within_variance)
        elbo = -np.inf
        for _ in range(self.settings.max_iterations):
            sums, spoken = self.statistics(gamma)
            precision = spoken + self.prior_strength  # (17)
            alpha = sums / precision[:, None]  # (16)
            norms = np.square(alpha).sum(axis=1)
            distance = -2.0 * (self.points @ alpha.T.astype(np.float32)).astype(np.float64)
            # |x − α|² and what the mean's own uncertainty adds to it: (23).
            uncertainty = self.within_variance * self.prior_strength / precision
            distance += self.lengths[:, None] + (norms + uncertainty)
            before = gamma
            gamma, pi, log_evidence = forward_backward(
                -scale[:, None] * distance, pi, self.settings.loop_probability
            )
            elbo = log_evidence - float(self._kl_divergence(precision, norms).sum())  # (25)
            kept = pi > _VANISHED
            if not kept.all():
                gamma, pi = gamma[:, kept], pi[kept] / pi[kept].sum()
                gamma /= np.maximum(gamma.sum(axis=1, keepdims=True), 1e-300)
            elif np.abs(gamma - before).max() < self.settings.tolerance:
                break
        return _Fit(gamma, elbo)

    def statistics(self, gamma: Float64) -> tuple[Float64, Float64]:
        """Return each speaker's sum of points, (S, D), and seconds of speech, (S,)."""
        weighted = gamma * self.seconds[:, None]
        sums = (weighted.T.astype(np.float32) @ self.points).astype(np.float64)
        return sums, weighted.sum(axis=0)

    @property
    def _half_dimensions(self) -> float:
        """Half of the dimensions in which a mean is free, as far as the prior knows."""
        return self.settings.acoustic_scale * self.prior_strength / 2.0

    def _kl_divergence(self, precision: Float64, norms: Float64) -> Float64:
        """Return KL(q(y) || p(y)) of each speaker's mean in nats: the last term of eq. 25."""
        spread = np.log(precision / self.prior_strength) - 1.0 + self.prior_strength / precision
        return self._half_dimensions * (spread + norms / self.within_variance)

    def log_evidence(self, sums: Float64, spoken: Float64) -> Float64:
        """Return what speakers with sums of points (…, D) and seconds (…) explain, in nats.

        The log-likelihood of the windows with the mean integrated out, less what does not depend on
        the speakers.
        """
        precision = spoken + self.prior_strength
        explained = np.square(sums).sum(axis=-1) / precision
        spread = self._half_dimensions * np.log(precision / self.prior_strength)
        scale = self.settings.acoustic_scale / (2.0 * self.within_variance)
        return np.asarray(scale * explained - spread)


def _merged(model: _Model, fit: _Fit) -> _Fit:
    """Return the best fit with speakers merged: all that gain as the windows are, or else two.

    What gains with the windows as they are gains more when they have settled, and need not be
    tried; of other pairs the likeliest few are.
    """
    gamma = fit.gamma
    while gamma.shape[1] > 1:
        gain, pairs = _gains(model, gamma)
        if gain[0] <= 0.0:
            break
        gamma = _with_merged(gamma, pairs[0])
    if gamma is not fit.gamma:
        return model.fit(gamma)
    trials = pairs[: model.settings.merge_trials]
    tried = [model.fit(_with_merged(gamma, pair)) for pair in trials]
    return max(tried, key=lambda one: one.elbo)


def _gains(model: _Model, gamma: Float64) -> tuple[Float64, list[tuple[int, int]]]:
    """Return what merging each pair of speakers gains in nats, and the pairs; the best first."""
    sums, spoken = model.statistics(gamma)
    alone = model.log_evidence(sums, spoken)
    first, second = np.triu_indices(len(spoken), 1)
    both = model.log_evidence(sums[first] + sums[second], spoken[first] + spoken[second])
    gain = both - alone[first] - alone[second]
    order = np.argsort(-gain, kind="stable")
    return gain[order], [(int(first[k]), int(second[k])) for k in order]


def _with_merged(gamma: Float64, pair: tuple[int, int]) -> Float64:
    first, second = pair
    merged = np.delete(gamma, second, axis=1)
    merged[:, first] += gamma[:, second]
    return merged


def forward_backward(
    log_likelihoods: Float64, pi: Float64, loop_probability: float
) -> tuple[Float64, Float64, float]:
    """Return each speaker's share of each window, and how likely speakers are to take over.

    From window to window a speaker stays with probability P_loop; else the next is drawn from pi
    (eq. 1); forward and backward probabilities are those of eqs. 20 and 21, the evidence (22).
    The sequence is cut into about √N stretches that are run side by side, each of which
    begins with a draw: memory and time stay linear in N, in a few hundred steps.

    Parameters
    ----------
    log_likelihoods : (N, S) float64 array
        Of each window for each speaker.
    pi : (S,) float64 array
        Prior of the speakers.
    loop_probability : float

    Returns
    -------
    gamma : (N, S) float64 array
        Responsibilities; rows add up to one.
    pi : (S,) float64 array
        Its maximum likelihood given these.
    log_evidence : float
        Logarithm of the probability of all windows.

    Examples
    --------
    >>> likelihoods = np.log([[0.9, 0.1], [0.5, 0.5]])
    >>> gamma, pi, log_evidence = forward_backward(likelihoods, np.ones(2) / 2, 0.9)
    >>> gamma.round(2).tolist(), round(float(np.exp(log_evidence)), 3)
    ([[0.9, 0.1], [0.86, 0.14]], 0.25)
    """
    count, speakers = log_likelihoods.shape
    likely, loops, log_evidence = _stretches(log_likelihoods, loop_probability)
    steps, rows = likely.shape[:2]
    forward = np.empty_like(likely)
    now: Float64 = np.zeros((rows, speakers))
    for step in range(steps):
        now = (loops[step] * now + (1.0 - loops[step]) * pi) * likely[step]
        total = np.maximum(now.sum(axis=1, keepdims=True), 1e-300)
        log_evidence += float(np.log(total).sum())
        now /= total
        likely[step] /= total
        forward[step] = now
    drawn = np.zeros(speakers)
    backward = np.ones((rows, speakers))
    for step in range(steps - 1, -1, -1):
        forward[step] *= backward
        seen = likely[step] * backward
        jump = (1.0 - loops[step]) * pi * seen
        drawn += jump.sum(axis=0)
        backward = loops[step] * seen + jump.sum(axis=1, keepdims=True)
    gamma = forward.swapaxes(0, 1).reshape(rows * steps, speakers)[:count]
    gamma = gamma / np.maximum(gamma.sum(axis=1, keepdims=True), 1e-300)
    return gamma, drawn / drawn.sum(), log_evidence


def _stretches(log_likelihoods: Float64, loop_probability: float) -> tuple[Float64, Float64, float]:
    """Lay a sequence out as stretches side by side.

    Returns
    -------
    likely : (steps, rows, S) float64 array
        Likelihoods over that of the likeliest speaker.
    loops : (steps, rows, 1) float64 array
        Chance to stay; 0 at the beginning of a stretch.
    log_evidence : float
        What was taken off.
    """
    count, speakers = log_likelihoods.shape
    steps = max(64, isqrt(count))
    rows = -(-count // steps)
    loops = np.full((rows * steps, 1), loop_probability)
    # What fills up the last stretch says nothing and changes nothing.
    loops[count:] = 1.0
    loops = np.ascontiguousarray(loops.reshape(rows, steps, 1).swapaxes(0, 1))
    loops[0] = 0.0
    likely = np.ones((rows * steps, speakers))
    most = log_likelihoods.max(axis=1, keepdims=True)
    np.exp(log_likelihoods - most, out=likely[:count])
    likely = np.ascontiguousarray(likely.reshape(rows, steps, speakers).swapaxes(0, 1))
    return likely, loops, float(most.sum())
