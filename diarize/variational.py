"""How many voices there are, and whose each window is: a hidden Markov model of the speakers.

After Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization",
Computer Speech & Language 2022: a first guess with too many groups is refined by variational Bayes,
and groups that explain too little lose their windows to others. Here the voices lie on the unit
sphere and spread the same in all directions, so that the model needs no training of its own.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
import numpy.typing as npt

from diarize.settings import VariationalSettings

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# A speaker with less of the prior than this has no window left.
_GONE = 1e-7
_SETTLED = 1e-3
# How surely the first guess is believed, in nats.
_FIRST = 5.0


def reassign(
    vectors: Float,
    seconds: Double,
    labels: Labels,
    *,
    within: float,
    settings: VariationalSettings | None = None,
) -> Labels:
    """Return whose each window is, after the speakers that are not needed have gone.

    With ``m`` a speaker's mean, windows ``x`` of ``s`` seconds have the log-likelihood
    ``-s · evidence / (2 · within) · |x - m|²``. The means have a prior at the recording's centre
    that weighs as much as some seconds of speech: an uncertain mean lies nearer to the centre and
    costs likelihood, which is what a speaker has to be worth. In long recordings one voice sounds
    in more ways, so that a share of all speech is added to the prior's weight.

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

    Returns
    -------
    (N,) int64 array
        0, 1, …, each of them present. Deterministic.
    """
    settings = settings or VariationalSettings()
    share = np.eye(int(labels.max(initial=0)) + 1)[labels]
    share = np.exp(_FIRST * share)
    share /= share.sum(axis=1, keepdims=True)
    prior = np.full(share.shape[1], 1.0 / share.shape[1])
    middle = np.average(vectors, axis=0, weights=np.maximum(seconds, 1e-3))
    points = vectors - (settings.centring * middle).astype(np.float32)
    length = np.square(points, dtype=np.float64).sum(axis=1)
    weight = settings.prior + settings.prior_share * float(seconds.sum())
    strength = seconds * settings.evidence / (2.0 * max(within, 0.05))
    for _ in range(settings.rounds):
        heard = share * seconds[:, None]
        known = heard.sum(axis=0) + weight
        means = (heard.T.astype(np.float32) @ points).astype(np.float64) / known[:, None]
        unsure = within * weight / known
        far = -2.0 * (points @ means.T.astype(np.float32)).astype(np.float64)
        far += length[:, None] + (np.square(means).sum(axis=1) + unsure)
        before = share
        share, prior = forward_backward(-strength[:, None] * far, prior, settings.stay)
        kept = prior > _GONE
        if not kept.all():
            share, prior = share[:, kept], prior[kept] / prior[kept].sum()
            share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
        elif np.abs(share - before).max() < _SETTLED:
            break
    return np.unique(share.argmax(axis=1), return_inverse=True)[1].astype(np.int64)


def forward_backward(scores: Double, prior: Double, stay: float) -> tuple[Double, Double]:
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

    Examples
    --------
    >>> shares, prior = forward_backward(np.log([[0.9, 0.1], [0.5, 0.5]]), np.ones(2) / 2, 0.9)
    >>> shares.round(2).tolist()
    [[0.9, 0.1], [0.86, 0.14]]
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
    np.exp(scores - scores.max(axis=1, keepdims=True), out=likely[:count])
    likely = np.ascontiguousarray(likely.reshape(rows, steps, speakers).swapaxes(0, 1))
    forward = np.empty_like(likely)
    now: Double = np.zeros((rows, speakers))
    for step in range(steps):
        now = (stays[step] * now + (1.0 - stays[step]) * prior) * likely[step]
        total = np.maximum(now.sum(axis=1, keepdims=True), 1e-300)
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
    return shares, drawn / drawn.sum()
