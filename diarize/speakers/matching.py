"""Who of the enrolled people a voice belongs to, with "nobody of them" always an answer.

A voice of a recording is a small set of vectors: its centroid, and if wanted the windows closest
to it. Its score with a person is the mean of the highest cosines between that set and the
person's samples.
A name is given only where the score reaches the threshold, leads the next best person by the
margin, and the two are each other's best (an optimal one-to-one assignment between all voices of
the recording and all people agrees). A second voice may then get the same name, if it passes on
its own and sounds like the first: clustering had cut one person in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diarize.annotation import Candidate
from diarize.settings import NamingSettings
from diarize.speakers.records import Vectors, unit

if TYPE_CHECKING:
    from diarize.networks import Thresholds
    from diarize.speakers.index import SampleIndex
    from diarize.speakers.store import SpeakerBook

#: Cosines averaged for a score. On 42 people kept apart, 3 and 5 did alike.
TOP_K = 3
#: Windows beside the centroid that stand for a voice: those closest to it. On the same people the
#: centroid alone won: open-set accuracy 82 % against 75 % with four windows, for a long voice has
#: more windows that chance brings near a stranger's samples, and needs a higher threshold then.
BEST_WINDOWS = 0
#: Candidates named in results, whether they are accepted or not.
CANDIDATES = 2
#: People a voice is compared with exactly, after all others are ruled out; grows where needed.
SHORTLIST = 16

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MatchOptions:
    """What it takes to be recognised.

    Parameters
    ----------
    threshold : float
        Least score.
    margin : float
        Least lead over the next best person.
    support : float
        Least likeness of each single turn to the person its cluster was named after.
    """

    threshold: float
    margin: float
    support: float = -1.0
    top_k: int = TOP_K
    best_windows: int = BEST_WINDOWS

    @classmethod
    def of(cls, thresholds: Thresholds, book: SpeakerBook | None = None) -> MatchOptions:
        """Return the book's calibrated thresholds, else those that follow from the model's."""
        calibrated = book.thresholds if book else None
        settings = NamingSettings()
        support = thresholds.verification - settings.drop
        if calibrated:
            return cls(calibrated.verification, calibrated.margin, support)
        return cls(thresholds.verification + settings.lift, thresholds.margin, support)


@dataclass(frozen=True)
class Match:
    """What was decided about one voice.

    Parameters
    ----------
    name : str or None
        The person; None for a stranger, and where there is doubt.
    score, margin : float or None
        Of the best candidate, accepted or not; margin is None where only one person is enrolled.
    candidates : tuple of Candidate
        Best first.
    """

    name: str | None
    score: float | None
    margin: float | None
    candidates: tuple[Candidate, ...] = ()


def query(centroid: Vectors, windows: Vectors | None = None, count: int = BEST_WINDOWS) -> Vectors:
    """Return what stands for a voice: its centroid, and the ``count`` windows closest to it.

    Parameters
    ----------
    centroid : (D,) array
    windows : (n, D) array of unit vectors, optional

    Returns
    -------
    (1 + min(n, count), D) float32 array of unit vectors
    """
    rows = [unit(centroid)]
    if windows is not None and len(windows) and count:
        order = np.argsort(-(windows @ rows[0]), kind="stable")[:count]
        rows += list(windows[np.sort(order)])
    return np.array(rows, np.float32)


def score(voice: Vectors, samples: Vectors, top_k: int = TOP_K) -> float:
    """Return the mean of the ``top_k`` highest cosines between two sets of unit vectors.

    Examples
    --------
    >>> samples = np.float32([[1, 0], [0.6, 0.8], [0, 1]])
    >>> round(score(np.float32([[1, 0]]), samples, top_k=2), 3)
    0.8
    """
    cosines = np.sort((voice @ samples.T).ravel())
    return float(cosines[-top_k:].mean())


def match(
    voices: Sequence[Vectors],
    index: SampleIndex,
    options: MatchOptions,
    candidates: int = CANDIDATES,
    apart: npt.NDArray[np.bool_] | None = None,
) -> list[Match]:
    """Decide for each voice of one recording which enrolled person it is, if any.

    Parameters
    ----------
    voices : sequence of (q, D) arrays
        As :func:`query` makes them.
    candidates : int
        How many to list for each.
    apart : (C, C) bool array, optional
        Which voices cannot be one person, whatever they sound like.

    Returns
    -------
    list of Match
        One a voice.
    """
    if not len(index) or not voices:
        return [Match(None, None, None) for _ in voices]
    ranked = rank(voices, index, options.top_k, candidates)
    # Only people who are somebody's candidate can be anybody's match.
    people = sorted({person for row in ranked for person, _ in row})
    scores = np.array(
        [
            [score(voice, index.samples(person), options.top_k) for person in people]
            for voice in voices
        ],
        np.float32,
    )
    centroids = np.array([voice[0] for voice in voices])
    similarity = centroids @ centroids.T
    if apart is not None:
        similarity[apart] = -np.inf
    chosen = decide(scores, similarity, options)
    matches = []
    for row, person in zip(ranked, chosen, strict=True):
        named = tuple(Candidate(index.names[who], value) for who, value in row[:candidates])
        lead = row[0][1] - row[1][1] if len(row) > 1 else None
        name = None if person is None else index.names[people[person]]
        matches.append(Match(name, row[0][1], lead, named))
    return matches


def rank(
    voices: Sequence[Vectors], index: SampleIndex, top_k: int = TOP_K, count: int = CANDIDATES
) -> list[list[tuple[int, float]]]:
    """Return each voice's best people as (person, score), best first, exactly.

    A score is a mean of cosines, so the highest cosine bounds it from above: people whose highest
    cosine is below the scores already found need no closer look.
    """
    found = []
    for voice, bounds in zip(voices, index.maxima(voices), strict=True):
        size = min(SHORTLIST, len(index))
        while True:
            order = _highest(bounds, size)
            exact = [(int(who), score(voice, index.samples(who), top_k)) for who in order]
            exact.sort(key=lambda pair: (-pair[1], pair[0]))
            settled = len(exact) >= count and bounds[order[-1]] <= exact[count - 1][1]
            if settled or size == len(index):
                break
            size = min(4 * size, len(index))
        found.append(exact[: max(count, 2)])
    return found


def _highest(values: Scores, count: int) -> npt.NDArray[np.intp]:
    """Return where the ``count`` highest values are, highest first, earlier ones first if equal."""
    if count < len(values):
        chosen = np.sort(np.argpartition(-values, count)[:count])
    else:
        chosen = np.arange(len(values))
    return chosen[np.argsort(-values[chosen], kind="stable")]


def decide(scores: Scores, similarity: Scores, options: MatchOptions) -> list[int | None]:
    """Return which person each voice is, from all scores at once.

    Parameters
    ----------
    scores : (C, P) array
        Voices against people.
    similarity : (C, C) array
        Cosines of the voices' centroids; minus infinity for two that cannot be one person.

    Returns
    -------
    list of C int or None

    Examples
    --------
    The second voice passes the threshold, but both people sound alike to it.

    >>> scores = np.float32([[0.9, 0.2], [0.6, 0.58]])
    >>> decide(scores, np.eye(2, dtype=np.float32), MatchOptions(threshold=0.5, margin=0.1))
    [0, None]
    """
    from scipy.optimize import linear_sum_assignment

    count, people = scores.shape
    if not people:
        return [None] * count
    best = scores.argmax(axis=1)
    top = scores[np.arange(count), best]
    others = scores.copy()
    others[np.arange(count), best] = -np.inf
    passed = (top >= options.threshold) & (top - others.max(axis=1) >= options.margin)
    # Scores below the threshold are worth nothing: no stranger's loose likeness may outbid.
    rows, columns = linear_sum_assignment(
        np.maximum(scores - options.threshold, 0.0), maximize=True
    )
    assigned = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    chosen: list[int | None] = [
        int(best[voice]) if passed[voice] and assigned.get(voice) == best[voice] else None
        for voice in range(count)
    ]
    first = list(chosen)
    for voice in range(count):
        if passed[voice] and first[voice] is None:
            twins = [other for other in range(count) if first[other] == best[voice]]
            alike = [float(similarity[voice, twin]) for twin in twins]
            if alike and max(alike) >= options.threshold and min(alike) > -np.inf:
                chosen[voice] = int(best[voice])
    return chosen
