"""Which enrolled person each voice of a recording is, with "nobody of them" always an answer.

A voice and a person are compared by the cosine of their centroids, after what all voices of the
recording share, its room and microphone, is subtracted. Most windows of the voice have to sound
like the person, too: a speaker of the diarization in whom two people are mixed is neither. All
voices are assigned at once, one to one, so that the sum of the cosines above the threshold is
highest (Hungarian method). A name is given only where the person is the best match of that voice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from diarize.annotation import Candidate
from diarize.arrays import Bool, Float32, unit
from diarize.embedding.base import Thresholds
from diarize.settings import DEFAULTS, IdentificationSettings
from diarize.speakers.book import SpeakerBook

#: Candidates named in results, whether they are accepted or not.
CANDIDATES = 2

#: Score of a voice and a person that it was rejected for: below any cosine.
REJECTED = -2.0


@dataclass(frozen=True)
class Gallery:
    """Enrolled people, each by the mean of the samples.

    Parameters
    ----------
    centroids : (P, D) float32 array
        Unit vectors.
    rejected : mapping of str to (n, D) float32 array
        Voices of which the user said that they are not this person.
    same_voice : float
        Cosine from which a voice is one of these.
    """

    names: tuple[str, ...]
    centroids: Float32
    rejected: Mapping[str, Float32] = field(default_factory=dict)
    same_voice: float = DEFAULTS.book.same_voice

    @classmethod
    def of(cls, book: SpeakerBook) -> Gallery:
        """Return the people of a book."""
        vectors, starts, names = book.vectors()
        if not names:
            return cls((), vectors)
        centroids = unit(np.add.reduceat(vectors, starts[:-1], axis=0))
        return cls(tuple(names), centroids, book.rejected_vectors(), book.settings.same_voice)

    def __len__(self) -> int:
        return len(self.names)

    def only(self, names: Iterable[str]) -> Gallery:
        """Return those of the people who are called one of ``names``."""
        wanted = set(names)
        rows = [row for row, name in enumerate(self.names) if name in wanted]
        return replace(
            self, names=tuple(self.names[row] for row in rows), centroids=self.centroids[rows]
        )

    def scores(self, voices: Float32, channel: Float32 | None = None) -> Float32:
        """Return the cosines of (C, D) voices with the people, (C, P).

        A voice that was rejected for a person has no likeness with that person at all.

        Parameters
        ----------
        channel : (D,) float32 array, optional
            What the voices of the recording have in common, subtracted from them.
        """
        clean = voices if channel is None else unit(voices - channel)
        cosines: Float32 = (clean @ self.centroids.T).astype(np.float32)
        for name, vectors in self.rejected.items():
            if name in self.names:
                same = (voices @ vectors.T).max(axis=1) >= self.same_voice
                cosines[same, self.names.index(name)] = REJECTED
        return cosines


@dataclass(frozen=True)
class MatchOptions:
    """What it takes to be recognized.

    Parameters
    ----------
    threshold : float
        Least cosine of a voice and a person for a name, with many people enrolled.
    relief : float
        How much less is enough with few people enrolled; see :meth:`bar`.
    margin : float
        Least lead over the next best person.
    clear : float
        Least cosine of both voices with a person of whom the diarization made two.
    proposal : float
        How far below the bar a name is proposed.
    turn : float
        Cosine below which a turn or a window does not sound like a person.
    alike : float
        Share of a voice's windows, 0 to 1, that have to sound like the person.
    shrinkage : float
        Voices of no sound at all that count for what those of a recording share; infinity leaves
        them as they are.
    """

    threshold: float
    relief: float = 0.0
    margin: float = 0.0
    clear: float = 1.0
    proposal: float = 0.0
    turn: float = -1.0
    alike: float = 0.0
    shrinkage: float = np.inf

    @classmethod
    def of(
        cls,
        thresholds: Thresholds,
        book: SpeakerBook | None = None,
        settings: IdentificationSettings = DEFAULTS.identification,
    ) -> MatchOptions:
        """Return the book's calibrated thresholds, else those that follow from the model's."""
        calibrated = book.thresholds if book else None
        line = thresholds.verification
        threshold, relief, margin = line + settings.offset, settings.relief, settings.margin
        if calibrated:
            threshold, relief, margin = calibrated.verification, 0.0, calibrated.margin
        return cls(
            threshold,
            relief,
            margin,
            clear=max(threshold, line) + settings.clear,
            proposal=settings.proposal,
            turn=line + settings.turn_offset,
            alike=settings.alike,
            shrinkage=settings.shrinkage,
        )

    def bar(self, people: int, voices: int) -> float:
        """Return the least cosine for a name, with so many people enrolled and voices found.

        The more people are enrolled, the less likely any one of them is there, and the more of
        them a stranger may sound like.

        Examples
        --------
        >>> options = MatchOptions(threshold=0.6, relief=0.2)
        >>> [round(options.bar(people, voices=4), 3) for people in (1, 4, 6, 8, 100)]
        [0.4, 0.4, 0.517, 0.6, 0.6]
        """
        few = 1.0 - np.log2(max(people, 1) / max(voices, 1))
        return float(self.threshold - self.relief * np.clip(few, 0.0, 1.0))

    def channel(self, voices: Float32) -> Float32:
        """Return what (C, D) voices of one recording have in common, (D,).

        Few voices say little of their recording: the mean is shrunk towards zero.

        Examples
        --------
        >>> MatchOptions(0.5, shrinkage=2).channel(np.float32([[1, 0], [0.6, 0.8]])).round(2)
        array([0.4, 0.2], dtype=float32)
        """
        shared: Float32 = voices.sum(axis=0) / np.float32(len(voices) + self.shrinkage)
        return shared


@dataclass(frozen=True)
class Match:
    """What was decided about one voice.

    Parameters
    ----------
    name : str or None
        The person; None for a stranger, and where there is doubt.
    score, margin : float or None
        Cosine with the best candidate, accepted or not, and its lead over the next one; margin is
        None where only one person is enrolled.
    candidates : tuple of Candidate
        Best first.
    proposal : Candidate or None
        Whom an unnamed voice may be.
    """

    name: str | None = None
    score: float | None = None
    margin: float | None = None
    candidates: tuple[Candidate, ...] = ()
    proposal: Candidate | None = None


def match(
    voices: Float32,
    gallery: Gallery,
    options: MatchOptions,
    apart: Bool | None = None,
    candidates: int = CANDIDATES,
    windows: Sequence[Float32] | None = None,
) -> list[Match]:
    """Decide for each voice of one recording which enrolled person it is, if any.

    Parameters
    ----------
    voices : (C, D) float32 array
        Unit centroids.
    apart : (C, C) bool array, optional
        Which voices cannot be one person, whatever they sound like; none may where not given.
    candidates : int
        How many to list for each.
    windows : sequence of (n, D) float32 array, optional
        The unit vectors behind each voice; not looked at where not given.

    Returns
    -------
    list of Match
        One a voice.
    """
    if not len(gallery) or not len(voices):
        return [Match() for _ in voices]
    channel = options.channel(voices)
    scores = gallery.scores(voices, channel)
    if apart is None:
        apart = np.ones((len(voices), len(voices)), bool)
    bar = options.bar(len(gallery), len(voices))
    possible = scores
    if windows is not None:
        people = gallery.centroids.T
        shares = [(unit(one - channel) @ people >= options.turn).mean(0) for one in windows]
        possible = np.where(np.array(shares) >= options.alike, scores, REJECTED)
    chosen = decide(possible, apart, options, bar)
    taken = {person for person in chosen if person is not None}
    return [
        _match(row, person, taken, gallery.names, bar - options.proposal, candidates)
        for row, person in zip(scores, chosen, strict=True)
    ]


def _match(
    scores: Float32,
    person: int | None,
    taken: set[int],
    names: Sequence[str],
    proposal_from: float,
    candidates: int,
) -> Match:
    """Return what was decided about a voice, with its (P,) scores."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > REJECTED]
    if not len(order):
        return Match()
    best = tuple(Candidate(names[who], float(scores[who])) for who in order[:candidates])
    lead = float(scores[order[0]] - scores[order[1]]) if len(order) > 1 else None
    proposal = None
    if person is None and scores[order[0]] >= proposal_from and order[0] not in taken:
        proposal = Candidate(names[order[0]], float(scores[order[0]]))
    name = None if person is None else names[person]
    return Match(name, float(scores[order[0]]), lead, best, proposal)


def decide(scores: Float32, apart: Bool, options: MatchOptions, bar: float) -> list[int | None]:
    """Return which person each voice is, from all scores at once.

    Parameters
    ----------
    scores : (C, P) array
        Cosines of voices and people.
    apart : (C, C) bool array
        Which voices cannot be one person.
    bar : float
        Least score.

    Examples
    --------
    The second voice passes the threshold, but both people sound alike to it.

    >>> scores = np.float32([[0.9, 0.2], [0.6, 0.58]])
    >>> decide(scores, np.ones((2, 2), bool), MatchOptions(0.5, margin=0.1), bar=0.5)
    [0, None]
    """
    from scipy.optimize import linear_sum_assignment

    best = scores.argmax(axis=1)
    top = scores.max(axis=1)
    lead = top - np.sort(scores, axis=1)[:, -2] if scores.shape[1] > 1 else np.inf
    passed = (top >= bar) & (lead >= options.margin)
    # Scores below the bar are worth nothing: no stranger's loose likeness may outbid.
    # What is just at the bar is worth a trace, so that the order of people never decides.
    worth = np.where(scores >= bar, scores - bar + 1e-6, 0.0)
    holder = {
        int(person): int(voice)
        for voice, person in zip(*linear_sum_assignment(worth, maximize=True), strict=True)
        if passed[voice] and best[voice] == person
    }
    clear = passed & (top >= options.clear)
    chosen: list[int | None] = []
    for voice, person in enumerate(best.tolist()):
        first = holder.get(person)
        same = first == voice or (
            first is not None and clear[first] and clear[voice] and not apart[first, voice]
        )
        chosen.append(person if same else None)
    return chosen
