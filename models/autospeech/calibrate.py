"""Thresholds of a model from the ``dev`` speakers, written into its metadata.

``python -m models.autospeech.calibrate --speech DIR --write`` prints and stores

- the verification threshold: 1 % false accepts between people of one corpus;
- the identification margin: the lead over the second best person that keeps an enrolled person
  from getting another one's name in 99 % of the trials (strangers are the threshold's business);
- the clustering distance: the middle of the least diarization errors of the default pipeline on
  simulated conversations (:mod:`diarize.evaluation.tuning`), none of which the benchmark has.

The conversations are kept in the folder ``--work``, so that calibrating again is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diarize.evaluation import tuning
from models.autospeech import data, export
from models.autospeech.evaluate import (
    RATE,
    Segments,
    cut_segments,
    error_rates,
    in_batches,
    onnx_embedder,
    trials,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FALSE_ACCEPTS = 0.01
WRONG_NAMES = 0.005
# A piece that is compared: what a person says in a few turns.
SECONDS = 4.8
ENROLLED = 8
MARGINS = np.arange(0.0, 0.201, 0.01)
DISTANCES = tuple(round(0.2 + 0.02 * step, 2) for step in range(31))


def threshold_at(
    scores: NDArray[np.float32], same: NDArray[np.bool_], rate: float = FALSE_ACCEPTS
) -> float:
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


def choose_margin(rows: Sequence[Naming]) -> float:
    """The least margin that keeps wrong names at :data:`WRONG_NAMES`; else the most careful one."""
    good = [row.margin for row in rows if row.wrong <= WRONG_NAMES]
    return min(good) if good else rows[-1].margin


def clustering_points(model: Path, speech: Path, work: Path) -> list[tuning.Point]:
    """Diarization error by distance, of the whole default pipeline, speakers not told."""
    from diarize.pipeline import Diarizer

    diarizer = Diarizer(embedder=str(model), threads=1)
    items = tuning.conversations(speech, work)
    heard = tuning.listen(diarizer, items, lambda uri: print(uri, file=sys.stderr, flush=True))
    return tuning.curve(diarizer, heard, DISTANCES)


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


def verification_and_margin(model: Path, speech: data.Speech) -> dict[str, str]:
    """Print both curves; return what they decide as metadata."""
    segments = cut_segments(speech, SECONDS)
    vectors = in_batches(onnx_embedder(model), segments.samples)
    scores, same = trials(vectors, segments)["pooled"]
    threshold = threshold_at(scores, same)
    print(f"Verification, {SECONDS} s against {SECONDS} s inside a corpus ({same.size} pairs):\n")
    print(report_verification(scores, same, threshold))
    rows = naming(vectors, segments, threshold)
    margin = choose_margin(rows)
    print("\n| margin | wrong name % | right name % | strangers named % |\n|---|---|---|---|")
    for row in rows[::2]:
        shares = (100 * share for share in (row.wrong, row.right, row.strangers))
        print(f"| {row.margin:.2f} | " + " | ".join(f"{share:.2f}" for share in shares) + " |")
    return {
        "diarize.threshold.verification": f"{threshold:.3f}",
        "diarize.threshold.margin": f"{margin:.2f}",
    }


def main() -> None:
    """Calibrate one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "autospeech.onnx")
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    parser.add_argument(
        "--work", type=Path, default=data.CACHE / "tuning", help="keeps the conversations"
    )
    parser.add_argument("--no-clustering", action="store_true", help="leave the distance as it is")
    parser.add_argument("--write", action="store_true", help="store in the model's metadata")
    args = parser.parse_args()
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    if not (args.cache / "dev.json").exists():
        data.prepare(Path(args.speech), "dev", args.cache, (1.0,))
    found = verification_and_margin(args.model, data.load(args.cache, "dev"))
    if not args.no_clustering:
        points = clustering_points(args.model, Path(args.speech), args.work)
        found["diarize.threshold.clustering"] = f"{tuning.best(points):.2f}"
        print("\n" + tuning.as_markdown(points))
    found["diarize.threshold.note"] = (
        f"dev speakers: verification at {FALSE_ACCEPTS:.0%} false accepts inside a corpus "
        f"({RATE // 1000} kHz, {SECONDS} s pieces); margin at {100 * WRONG_NAMES:g}% confusions of "
        f"{ENROLLED} enrolled; clustering: middle of the least DER on {tuning.CONVERSATIONS} "
        f"simulated conversations, seeds {tuning.FIRST_SEED} and up"
    )
    print("\n" + "\n".join(f"{key} = {value}" for key, value in found.items()))
    if args.write:
        export.stamp(args.model, found)


if __name__ == "__main__":
    main()
