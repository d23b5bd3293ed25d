"""Thresholds of a model from people that it was not trained on.

- The verification threshold: so many false accepts between people of one corpus.
- The identification margin: the lead over the second best person that keeps an enrolled person from
  getting another one's name (strangers are the threshold's business).
- The clustering distance: the middle of the least diarization errors of the default pipeline on
  simulated conversations (:mod:`models.benchmark.distance`), none of which the benchmark has; or
  the one that the recipe names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.autospeech import data
from models.autospeech.evaluate import (
    RATE,
    Segments,
    cut_segments,
    error_rates,
    in_batches,
    onnx_embedder,
    trials,
)
from models.autospeech.recipe import CalibrationSettings
from models.benchmark import distance as tuning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ENROLLED = 8
MARGINS = np.arange(0.0, 0.201, 0.01)
DISTANCES = tuple(round(0.2 + 0.02 * step, 2) for step in range(31))


def threshold_at(scores: NDArray[np.float32], same: NDArray[np.bool_], rate: float) -> float:
    """The least score that accepts at most `rate` of the pairs of different people.

    >>> threshold_at(np.array([.9, .6, .4, .2]), np.array([True, False, True, False]), 0.5)
    0.6
    """
    impostors = np.sort(scores[~same])[::-1]
    allowed = int(rate * impostors.size)
    if allowed < impostors.size and allowed > 0:
        return float(impostors[allowed - 1])
    return float(np.nextafter(impostors[0], 2.0)) if allowed == 0 else -1.0


def curve(
    scores: NDArray[np.float32], same: NDArray[np.bool_], thresholds: Sequence[float]
) -> list[tuple[float, float, float]]:
    """(threshold, false accepts, false rejects) at given thresholds."""
    return [
        (float(t), float((scores[~same] >= t).mean()), float((scores[same] < t).mean()))
        for t in thresholds
    ]


@dataclass(frozen=True)
class Naming:
    """Shares of the trials at one margin.

    Attributes
    ----------
    margin : float
    wrong, right : float
        Of the trials of enrolled people: another person's name, the own name.
    strangers : float
        Of the trials of people who are not enrolled: given a name.
    """

    margin: float
    wrong: float
    right: float
    strangers: float


def naming(
    vectors: NDArray[np.float32], segments: Segments, threshold: float, seed: int = 0
) -> list[Naming]:
    """Open-set identification inside each corpus, by margin.

    Eight people of a corpus (half of them if there are fewer than sixteen) are enrolled with three
    pieces each; their other pieces and everybody else's are the trials. Repeated twenty times.
    """
    rng = np.random.default_rng(seed)
    results: list[tuple[float, float, bool, bool]] = []
    for corpus in sorted(set(segments.corpus.tolist())):
        people = np.unique(segments.speaker[segments.corpus == corpus])
        if people.size < 4:
            continue
        for _ in range(20):
            known = rng.permutation(people)[: min(ENROLLED, people.size // 2)]
            results += _one_round(rng, vectors, segments, people, known)
    score, lead, right, enrolled = (np.array(column) for column in zip(*results, strict=True))
    rows = []
    for margin in MARGINS:
        named = (score >= threshold) & (lead >= margin)
        wrong = float((named & ~right)[enrolled].mean())
        own = float((named & right)[enrolled].mean())
        rows.append(Naming(float(margin), wrong, own, float(named[~enrolled].mean())))
    return rows


def _one_round(
    rng: np.random.Generator,
    vectors: NDArray[np.float32],
    segments: Segments,
    people: NDArray[np.int64],
    known: NDArray[np.int64],
) -> list[tuple[float, float, bool, bool]]:
    """(best score, lead over the second, name is right, person is enrolled) of every trial."""
    out, book, left = [], [], {}
    for person in people:
        rows = rng.permutation(np.flatnonzero(segments.speaker == person))
        if person in known:
            mean = vectors[rows[:3]].mean(axis=0)
            book.append((person, mean / np.linalg.norm(mean)))
            rows = rows[3:]
        left[person] = rows[:5]
    names = np.array([person for person, _ in book])
    centroids = np.stack([vector for _, vector in book])
    for person, rows in left.items():
        for row in rows:
            scores = centroids @ vectors[row]
            second, best = np.argsort(scores)[-2:]
            lead = float(scores[best] - scores[second])
            right = bool(names[best] == person)
            out.append((float(scores[best]), lead, right, person in known))
    return out


def choose_margin(rows: Sequence[Naming], wrong_names: float) -> float:
    """The least margin that keeps wrong names at a share; else the most careful one."""
    good = [row.margin for row in rows if row.wrong <= wrong_names]
    return min(good) if good else rows[-1].margin


def clustering_points(
    model: Path, speech: Path, work: Path, count: int, notify: Callable[[str], None]
) -> list[tuning.Point]:
    """Diarization error by distance, of the whole default pipeline, speakers not told."""
    from diarize.speakers.diarizer import Diarizer

    diarizer = Diarizer(embedder=str(model), threads=1)
    items = tuning.conversations(speech, work, count)
    return tuning.curve(diarizer, tuning.listen(diarizer, items, notify), DISTANCES)


def report_verification(
    scores: NDArray[np.float32], same: NDArray[np.bool_], threshold: float
) -> str:
    """The error curve around the threshold as Markdown."""
    at = sorted({*np.round(np.arange(0.1, 0.91, 0.1), 2).tolist(), round(threshold, 3)})
    lines = ["| threshold | false accepts % | false rejects % |", "|---|---|---|"]
    lines += [f"| {t:.3f} | {100 * a:.2f} | {100 * r:.2f} |" for t, a, r in curve(scores, same, at)]
    _, accepts, rejects = error_rates(scores, same)
    middle = int(np.argmin(np.abs(accepts - rejects)))
    lines.append(f"\nEqual-error rate {100 * (accepts[middle] + rejects[middle]) / 2:.2f} %")
    return "\n".join(lines)


def report_naming(rows: Sequence[Naming]) -> str:
    """What margins do to names as Markdown."""
    lines = ["\n| margin | wrong name % | right name % | strangers named % |", "|---|---|---|---|"]
    for row in rows[::2]:
        shares = (100 * share for share in (row.wrong, row.right, row.strangers))
        lines.append(f"| {row.margin:.2f} | " + " | ".join(f"{s:.2f}" for s in shares) + " |")
    return "\n".join(lines)


def calibrate(
    model: Path,
    people: data.Speech,
    speech: Path,
    work: Path,
    settings: CalibrationSettings,
    notify: Callable[[str], None],
) -> dict[str, str]:
    """Choose all three thresholds.

    Parameters
    ----------
    model : Path
        The exported file.
    people : Speech
        Of the part ``dev``, decoded.
    speech, work : Path
        The corpus, for simulated conversations, and where these are kept.
    settings : CalibrationSettings
    notify : callable
        Gets the curves as Markdown.

    Returns
    -------
    dict of str to str
        Metadata for the file.
    """
    segments = cut_segments(people, settings.seconds)
    vectors = in_batches(onnx_embedder(model), segments.samples)
    scores, same = trials(vectors, segments)["pooled"]
    threshold = threshold_at(scores, same, settings.false_accepts)
    notify(f"Verification, pieces of {settings.seconds} s inside a corpus ({same.size} pairs):\n")
    notify(report_verification(scores, same, threshold))
    rows = naming(vectors, segments, threshold)
    margin = choose_margin(rows, settings.wrong_names)
    notify(report_naming(rows))
    distance, chosen = settings.clustering, "by the recipe"
    if settings.conversations:
        chosen = f"{settings.conversations} simulated conversations"
        points = clustering_points(model, speech, work, settings.conversations, notify)
        distance = tuning.best(points)
        notify("\n" + tuning.as_markdown(points))
    return {
        "diarize.threshold.verification": f"{threshold:.3f}",
        "diarize.threshold.margin": f"{margin:.2f}",
        "diarize.threshold.clustering": f"{distance:.2f}",
        "diarize.threshold.note": (
            f"dev speakers: verification at {settings.false_accepts:.0%} false accepts inside a "
            f"corpus ({RATE // 1000} kHz, {settings.seconds} s pieces); margin at "
            f"{100 * settings.wrong_names:g}% confusions of {ENROLLED} enrolled; "
            f"clustering: {chosen}"
        ),
    }
