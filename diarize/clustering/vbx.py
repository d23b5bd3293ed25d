"""How many voices there are, and whose each window is: a hidden Markov model of the speakers.

After Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization",
Computer Speech & Language 2022: a first guess with too many groups is refined by variational Bayes,
and groups that explain too little lose their windows to others. Here the voices lie on the unit
sphere and spread the same in all directions, so that the model needs no training of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np

from diarize.arrays import Float32, Float64, Int64
from diarize.settings import DEFAULTS, VbxSettings

# A speaker with less of the prior than this has no window left.
_GONE = 1e-7
_SETTLED = 1e-3
# How surely the first guess is believed, in nats.
_FIRST = 5.0


def reassign(
    vectors: Float32,
    seconds: Float64,
    labels: Int64,
    *,
    within: float,
    least: int = 1,
    most: int | None = None,
    settings: VbxSettings = DEFAULTS.vbx,
) -> Int64:
    """Return whose each window is, after the speakers that are not needed have gone.

    With ``m`` a speaker's mean, windows ``x`` of ``s`` seconds have the log-likelihood
    ``-s · evidence / (2 · within) · |x - m|²``. The means have a prior at the recording's centre
    that weighs as much as some seconds of speech: an uncertain mean lies nearer to the centre and
    costs likelihood, which is what a speaker has to be worth. In long recordings one voice sounds
    in more ways, so that the prior weighs as much as a share of all speech at least.

    Windows wander between speakers until nothing changes; where two speakers have shared one voice
    by then, neither loses its windows to the other. So the pairs that have the most to gain are
    joined on trial, and stay so where the lower bound of the likelihood rises.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors in order of time.
    seconds : (N,) float64 array
        Seconds of speech that each window stands for; windows that overlap share theirs.
    labels : (N,) int64 array
        The first guess, 0, 1, …, better with too many speakers than with too few.
    within : float
        Cosine distance of two windows of one voice.
    least, most : int, optional
        Speakers are not joined where ``least`` would be left, and are while there are more than
        ``most``. (Who loses all windows is gone, whatever these are.)

    Returns
    -------
    (N,) int64 array
        0, 1, …, each of them present. Deterministic.
    """
    middle = np.average(vectors, axis=0, weights=np.maximum(seconds, 1e-3))
    points = vectors - (settings.centering * middle).astype(np.float32)
    weight = max(settings.prior_strength, settings.prior_share * float(seconds.sum()))
    model = _Model(points, seconds, max(within, 0.05), weight, settings)
    share = np.exp(_FIRST * np.eye(int(labels.max(initial=0)) + 1)[labels])
    fit = model.fit(share / share.sum(axis=1, keepdims=True))
    while (count := fit.share.shape[1]) > least:
        too_many = most is not None and count > most
        if not (settings.merge_trials or too_many):
            break
        joined = _joined(model, fit, least)
        if joined.bound <= fit.bound and not too_many:
            break
        fit = joined
    return np.unique(fit.share.argmax(axis=1), return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class _Fit:
    """Whose each window is, (N, K), and the lower bound of the log-likelihood with that."""

    share: Float64
    bound: float


@dataclass(frozen=True)
class _Model:
    """What is known before anybody is told apart.

    Parameters
    ----------
    points : (N, D) float32 array
        Vectors less the recording's centre.
    seconds : (N,) float64 array
    within : float
    weight : float
        Seconds that the prior of the means weighs as much as.
    settings : VbxSettings
    """

    points: Float32
    seconds: Float64
    within: float
    weight: float
    settings: VbxSettings

    @cached_property
    def lengths(self) -> Float64:
        """(N,) squared lengths of the points; every fit needs them."""
        return np.asarray(np.square(self.points, dtype=np.float64).sum(axis=1))

    def fit(self, share: Float64) -> _Fit:
        """Return what shares become after some rounds; who has nothing left is gone."""
        prior = np.full(share.shape[1], 1.0 / share.shape[1])
        strength = self.seconds * self.settings.acoustic_scale / (2.0 * self.within)
        bound = -np.inf
        for _ in range(self.settings.max_iterations):
            sums, heard = self.sums(share)
            known = heard + self.weight
            means = sums / known[:, None]
            size = np.square(means).sum(axis=1)
            far = -2.0 * (self.points @ means.T.astype(np.float32)).astype(np.float64)
            far += self.lengths[:, None] + (size + self.within * self.weight / known)
            before = share
            share, prior, likelihood = forward_backward(
                -strength[:, None] * far, prior, self.settings.loop_probability
            )
            bound = likelihood - float(self._surprise(known, size).sum())
            kept = prior > _GONE
            if not kept.all():
                share, prior = share[:, kept], prior[kept] / prior[kept].sum()
                share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
            elif np.abs(share - before).max() < _SETTLED:
                break
        return _Fit(share, bound)

    def sums(self, share: Float64) -> tuple[Float64, Float64]:
        """Return each speaker's sum of points, (K, D), and seconds, (K,)."""
        heard = share * self.seconds[:, None]
        return (heard.T.astype(np.float32) @ self.points).astype(np.float64), heard.sum(axis=0)

    @property
    def _freedom(self) -> float:
        """Half of the dimensions in which a mean is free, as far as the prior knows."""
        return self.settings.acoustic_scale * self.weight / 2.0

    def _surprise(self, known: Float64, size: Float64) -> Float64:
        """Return how far each mean's distribution is from the prior's, in nats."""
        spread = np.log(known / self.weight) - 1.0 + self.weight / known
        return self._freedom * (spread + size / self.within)

    def worth(self, sums: Float64, heard: Float64) -> Float64:
        """Return what speakers with such sums of points (…, D) and seconds (…) explain, in nats.

        The log-likelihood of the windows with the mean integrated out, less what does not depend on
        who is whose.
        """
        known = heard + self.weight
        explained = np.square(sums).sum(axis=-1) / known
        spread = self._freedom * np.log(known / self.weight)
        return np.asarray(self.settings.acoustic_scale / (2.0 * self.within) * explained - spread)


def _joined(model: _Model, fit: _Fit, least: int) -> _Fit:
    """Return the best fit with speakers joined: all that gain with the windows as they are, or two.

    What gains with the windows as they are gains more when they have settled, and need not be
    tried; of other pairs the likeliest few are.
    """
    share = fit.share
    while share.shape[1] > least:
        gain, pairs = _gains(model, share)
        if gain[0] <= 0.0:
            break
        share = _with_joined(share, pairs[0])
    if share is not fit.share:
        return model.fit(share)
    tried = [
        model.fit(_with_joined(share, pair))
        for pair in pairs[: max(1, model.settings.merge_trials)]
    ]
    return max(tried, key=lambda one: one.bound)


def _gains(model: _Model, share: Float64) -> tuple[Float64, list[tuple[int, int]]]:
    """Return what joining each pair of speakers gains in nats, and the pairs; the best first."""
    sums, heard = model.sums(share)
    alone = model.worth(sums, heard)
    first, second = np.triu_indices(len(heard), 1)
    both = model.worth(sums[first] + sums[second], heard[first] + heard[second])
    gain = both - alone[first] - alone[second]
    order = np.argsort(-gain, kind="stable")
    return gain[order], [(int(first[k]), int(second[k])) for k in order]


def _with_joined(share: Float64, pair: tuple[int, int]) -> Float64:
    first, second = pair
    joined = np.delete(share, second, axis=1)
    joined[:, first] += share[:, second]
    return joined


def forward_backward(
    scores: Float64, prior: Float64, stay: float
) -> tuple[Float64, Float64, float]:
    """Return each speaker's share of each window, and how likely speakers are to take over.

    From window to window a voice stays with probability ``stay``; else the next is drawn from
    ``prior``. The sequence is cut into about √N stretches that are run side by side, each of which
    begins with a draw: memory and time stay linear in N, in a few hundred steps.

    Parameters
    ----------
    scores : (N, K) float64 array
        Log-likelihood of each window for each speaker.
    prior : (K,) float64 array
    stay : float

    Returns
    -------
    shares : (N, K) float64 array
        Rows add up to one.
    prior : (K,) float64 array
        Its maximum likelihood given the shares.
    likelihood : float
        Logarithm of the probability of all windows.

    Examples
    --------
    >>> scores = np.log([[0.9, 0.1], [0.5, 0.5]])
    >>> shares, prior, likelihood = forward_backward(scores, np.ones(2) / 2, 0.9)
    >>> shares.round(2).tolist(), round(float(np.exp(likelihood)), 3)
    ([[0.9, 0.1], [0.86, 0.14]], 0.25)
    """
    count, speakers = scores.shape
    steps = max(64, isqrt(count))
    rows = -(-count // steps)
    stays = np.full((rows * steps, 1), stay)
    # What fills up the last stretch says nothing and changes nothing.
    stays[count:] = 1.0
    stays = np.ascontiguousarray(stays.reshape(rows, steps, 1).swapaxes(0, 1))
    stays[0] = 0.0
    likely = np.ones((rows * steps, speakers))
    most = scores.max(axis=1, keepdims=True)
    likelihood = float(most.sum())
    np.exp(scores - most, out=likely[:count])
    likely = np.ascontiguousarray(likely.reshape(rows, steps, speakers).swapaxes(0, 1))
    forward = np.empty_like(likely)
    now: Float64 = np.zeros((rows, speakers))
    for step in range(steps):
        now = (stays[step] * now + (1.0 - stays[step]) * prior) * likely[step]
        total = np.maximum(now.sum(axis=1, keepdims=True), 1e-300)
        likelihood += float(np.log(total).sum())
        now /= total
        likely[step] /= total
        forward[step] = now
    drawn = np.zeros(speakers)
    after = np.ones((rows, speakers))
    for step in range(steps - 1, -1, -1):
        forward[step] *= after
        seen = likely[step] * after
        jump = (1.0 - stays[step]) * prior * seen
        drawn += jump.sum(axis=0)
        after = stays[step] * seen + jump.sum(axis=1, keepdims=True)
    shares = forward.swapaxes(0, 1).reshape(rows * steps, speakers)[:count]
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
    return shares, drawn / drawn.sum(), likelihood
