"""Open-set recognition scored from vectors: pairs, draws of who is enrolled, and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diarize.arrays import Bool, Float32, Float64, unit
from diarize.speakers.calibration import threshold_at
from diarize.speakers.voiceprints import voice_samples
from models.benchmark.enrollment_trials import ENROLLMENTS, TESTS, Material

#: Share of impostors, and of strangers, that may be accepted where thresholds are chosen.
FALSE_ACCEPT_RATE = 0.01
#: Margins tried.
MARGINS = tuple(np.round(np.arange(0.0, 0.41, 0.02), 2).tolist())
#: Shares of the false-accept rate tried for identification, where many people can be mistaken for.
STRICTER = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.0)
#: Random choices of who is enrolled.
DRAWS = 20
#: Nearest members of the cohort that a score is normalized by.
NEAREST = 50

Condition = tuple[float, float]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a (D,) unit vector, and how near it is to the cohort."""

    vector: Float32
    mean: float
    spread: float


@dataclass(frozen=True)
class Scoring:
    """How the centroids of a voice and of a person's samples are compared.

    With a cohort of background speakers, cosines are normalized by it (adaptive symmetric, AS-norm:
    Matějka et al., "Analysis of Score Normalization in Multilingual Speaker Recognition",
    Interspeech 2017).
    """

    name: str = "cosine"
    cohort: Float32 | None = None

    def side(self, vectors: Float32) -> Side:
        """Return the mean of (n, D) vectors, ready for many comparisons."""
        centroid = unit(vectors.mean(axis=0))
        if self.cohort is None:
            return Side(centroid, 0.0, 1.0)
        nearest = np.sort((self.cohort @ centroid).astype(np.float64))[-NEAREST:]
        return Side(centroid, float(nearest.mean()), float(nearest.std()) + 1e-6)

    def __call__(self, voice: Side, person: Side) -> float:
        """Return the (normalized) cosine."""
        cosine = float(voice.vector @ person.vector)
        left = (cosine - voice.mean) / voice.spread
        return 0.5 * (left + (cosine - person.mean) / person.spread)


@dataclass(frozen=True)
class Trials:
    """All scores of one condition.

    Parameters
    ----------
    scores : (N, P) float64 array
        Test pieces against people; people beyond the ``people`` list are background.
    speakers : tuple of N str
        Who speaks.
    people : tuple of str
        Who can be enrolled, in the order of the first columns.
    corpora : mapping of name to corpus
    """

    scores: Float64
    speakers: tuple[str, ...]
    people: tuple[str, ...]
    corpora: dict[str, str]

    def pairs(self, *, within: bool = True) -> tuple[Float64, Float64]:
        """Return genuine and impostor scores; impostors of the same corpus only, or all."""
        truth = np.array(self.speakers)[:, None] == np.array(self.people)[None, :]
        mine = np.array([self.corpora[name] for name in self.speakers])
        theirs = np.array([self.corpora[name] for name in self.people])
        fair = (mine[:, None] == theirs[None, :]) | (not within)
        scores = self.scores[:, : len(self.people)]
        return scores[truth], scores[~truth & fair]


def score_all(
    halves: Sequence[Material], others: Sequence[Float32], condition: Condition, scoring: Scoring
) -> Trials:
    """Score every test piece against everybody who can be enrolled, and against ``others``."""
    enroll, test = condition
    people = [one for one in halves if enroll in one.enrollment]
    galleries = [
        scoring.side(
            np.array([sample.embedding for sample in voice_samples(*one.enrollment[enroll])])
        )
        for one in people
    ]
    galleries += [scoring.side(vectors) for vectors in others]
    rows, speakers = [], []
    for one in halves:
        for windows in one.tests[test]:
            voice = scoring.side(windows)
            rows.append([scoring(voice, person) for person in galleries])
            speakers.append(one.name)
    shape = (len(rows), len(galleries))
    return Trials(
        np.array(rows, np.float64).reshape(shape),
        tuple(speakers),
        tuple(one.name for one in people),
        {one.name: one.corpus for one in halves},
    )


def halves_of(people: Sequence[Material]) -> tuple[list[Material], list[Material]]:
    """Divide people in two, every second one of each corpus."""
    ordered = sorted(people, key=lambda one: (one.corpus, one.name))
    return ordered[0::2], ordered[1::2]


@dataclass(frozen=True)
class Outcome:
    """Shares of test pieces, counted over all draws of who is enrolled."""

    right: float
    wrong: float
    strangers_named: float
    accuracy: float


@dataclass(frozen=True)
class Decisions:
    """Each test piece's best person, for several draws of who is enrolled.

    Parameters
    ----------
    enrolled : (N,) bool array
        Whether the speaker is.
    correct : (N,) bool array
        Whether the best person is the speaker.
    top, lead : (N,) float64 arrays
        The best score, and by how much it leads the second best.
    """

    enrolled: Bool
    correct: Bool
    top: Float64
    lead: Float64

    def outcome(self, threshold: float, margin: float) -> Outcome:
        """Return what comes of these lines."""
        named = (self.top >= threshold) & (self.lead >= margin)
        right = named & self.correct
        known, unknown = max(self.enrolled.sum(), 1), max((~self.enrolled).sum(), 1)
        hits, invented = right.sum(), (named & ~self.enrolled).sum()
        return Outcome(
            float(hits / known),
            float((named & self.enrolled & ~right).sum() / known),
            float(invented / unknown),
            float((hits + (~self.enrolled & ~named).sum()) / max(len(named), 1)),
        )


def decisions(trials: Trials, size: int, extra: int = 0, draws: int = DRAWS) -> Decisions | None:
    """Find every piece's best person with ``size`` people enrolled; the others are strangers.

    Parameters
    ----------
    size : int
        People enrolled, drawn at random ``draws`` times (seeded).
    extra : int
        Background people enrolled as well, whom nobody is.

    Returns
    -------
    Decisions or None
        None where there are too few people.
    """
    if size > len(trials.people) or size + extra < 2 or not len(trials.speakers):
        return None
    rng = np.random.default_rng(0)
    speakers, people = np.array(trials.speakers), np.array(trials.people)
    parts: list[tuple[Bool, Bool, Float64, Float64]] = []
    for _ in range(draws):
        chosen = np.sort(rng.choice(len(people), size, replace=False))
        names = np.array([*people[chosen], *[""] * extra])
        columns = [*chosen, *range(len(people), len(people) + extra)]
        scores = trials.scores[:, columns]
        ordered = np.sort(scores, axis=1)
        correct = names[scores.argmax(axis=1)] == speakers
        lead = ordered[:, -1] - ordered[:, -2]
        parts.append((np.isin(speakers, names), correct, ordered[:, -1], lead))
    enrolled, correct, top, lead = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Decisions(enrolled, correct, top, lead)


@dataclass(frozen=True)
class Line:
    """Thresholds chosen on one half of the people.

    Parameters
    ----------
    verification : float
        For one person against another.
    identification, margin : float
        For naming one of several people, or nobody.
    """

    verification: float
    identification: float
    margin: float


def choose(tables: dict[Condition, Trials], rate: float, gallery: int) -> Line:
    """Choose thresholds on scores, each condition counting the same.

    Verification: the score that ``rate`` of impostors of the same corpus reach. Identification:
    of all thresholds at least that high and all margins, the two that name most people rightly
    while no more than ``rate`` of strangers get a name with ``gallery`` people enrolled.
    """
    rng = np.random.default_rng(0)
    impostor = [trials.pairs()[1] for trials in tables.values()]
    size = min((len(scores) for scores in impostor if len(scores)), default=0)
    pooled = np.concatenate(
        [rng.choice(scores, size, replace=False) for scores in impostor if len(scores)]
    )
    found = [decisions(trials, min(gallery, len(trials.people))) for trials in tables.values()]
    known = [one for one in found if one is not None]
    verification = threshold_at(pooled, rate)
    best: tuple[float, float, float] | None = None
    for share in STRICTER:
        threshold = threshold_at(pooled, rate * share)
        for margin in MARGINS:
            outcomes = [one.outcome(threshold, margin) for one in known]
            right = float(np.mean([one.right for one in outcomes]))
            strangers = float(np.mean([one.strangers_named for one in outcomes]))
            if strangers <= rate and (best is None or right > best[0]):
                best = (right, threshold, margin)
    if best is None:  # nothing keeps strangers out: the strictest there is
        best = (0.0, threshold_at(pooled, 0.0), MARGINS[-1])
    return Line(verification, best[1], best[2])


def equal_error_rate(genuine: Float64, impostor: Float64) -> float:
    """Return the rate at which as many genuine scores are rejected as impostors accepted."""
    lines = np.unique(np.concatenate([genuine, impostor]))
    rejected = np.searchsorted(np.sort(genuine), lines, side="left") / len(genuine)
    accepted = 1.0 - np.searchsorted(np.sort(impostor), lines, side="left") / len(impostor)
    at = int(np.argmin(np.abs(rejected - accepted)))
    return float((rejected[at] + accepted[at]) / 2)


@dataclass(frozen=True)
class Measured:
    """Both halves, scored one way, and the thresholds each gives to the other."""

    tables: tuple[dict[Condition, Trials], dict[Condition, Trials]]
    lines: tuple[Line, Line]

    def given(self, half: int) -> Line:
        """Return the thresholds in force in a half: those chosen on the other one."""
        return self.lines[1 - half]


def measure(people: Sequence[Material], others: Sequence[Float32], scoring: Scoring) -> Measured:
    """Score both halves under all conditions, and choose their thresholds."""
    conditions = [(enroll, test) for enroll in ENROLLMENTS for test in TESTS]
    scored = [
        {condition: score_all(half, others, condition, scoring) for condition in conditions}
        for half in halves_of(people)
    ]
    lines = [choose(tables, FALSE_ACCEPT_RATE, gallery=10) for tables in scored]
    return Measured((scored[0], scored[1]), (lines[0], lines[1]))
