"""The clustering distance of an embedding model, chosen on conversations that score nothing else.

The seeds here are neither the benchmark's nor the ablation's, so that a distance which was chosen
here is judged there on talk that it never saw. Every embedder that is compared gets its distance by
this one rule.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diarize.evaluation.scoring import Score, score
from models.benchmark import options
from models.benchmark.recordings import Recording, simulated
from models.simulation.scenes import SimulationOptions

if TYPE_CHECKING:
    from diarize.pipeline.intermediate import WindowEmbeddings
    from diarize.speakers.diarizer import Diarizer

FIRST_SEED = 7000
CONVERSATIONS = 21  # two to eight people three times over
MINUTES = (3.0, 3.4)
DISTANCES = tuple(round(0.02 * step, 2) for step in range(1, 51))
# Sum of both error rates by which points of a curve still count as equal: a point of DER each, less
# than what another set of as many conversations changes.
WITHIN = 0.02

Tell = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_quick(options.add_speech(parser))
    parser.add_argument(
        "--embedding-model",
        metavar="PATH",
        help="default: the bundled one; resemblyzer, with an interpreter that has it",
    )
    options.add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Print the error by clustering distance, and the best one."""
    from diarize.speakers.diarizer import Diarizer
    from models.benchmark.systems_run import ResemblyzerEmbedder

    resemblyzer = args.embedding_model == "resemblyzer"
    embedder = ResemblyzerEmbedder() if resemblyzer else args.embedding_model
    diarizer = Diarizer(embedder=embedder, threads=args.threads)
    folder, count = options.work_folder(args) / "distance", 1 if args.quick else CONVERSATIONS
    items = conversations(options.speech_folder(args), folder, count)
    points = curve(diarizer, listen(diarizer, items, options.notify))
    print(f"{as_markdown(points)}\n\nchosen: {best(points):.2f}")
    return 0


@dataclass(frozen=True)
class Point:
    """What a clustering distance gives on all conversations together, speakers not told."""

    distance: float
    score: Score

    @property
    def error(self) -> float:
        """The sum of both protocols' error rates, which is what is made small."""
        return sum(error.rate for error in self.score.errors.values())


def conversations(speech_dir: Path, folder: Path, count: int = CONVERSATIONS) -> list[Recording]:
    """Make the conversations of ``dev`` people in ``folder``, or find them there."""
    options = SimulationOptions(minutes=MINUTES)
    return simulated(speech_dir, folder, count=count, first_seed=FIRST_SEED, options=options)


def listen(
    diarizer: Diarizer, items: Iterable[Recording], tell: Tell | None = None
) -> list[tuple[Recording, WindowEmbeddings]]:
    """Hear every recording once: finding speech and embedding is what takes the time."""
    from diarize.audio import loading

    heard = []
    for item in items:
        if tell:
            tell(item.uri)
        heard.append((item, diarizer.extract_embeddings(loading.load(item.audio))))
    return heard


def curve(
    diarizer: Diarizer,
    heard: Iterable[tuple[Recording, WindowEmbeddings]],
    distances: Sequence[float] = DISTANCES,
) -> list[Point]:
    """Repeat only the clustering and what follows, once for each distance."""
    sums = [Score() for _ in distances]
    for item, listening in heard:
        for index, distance in enumerate(distances):
            turns = diarizer.cluster(listening, threshold=distance).diarization.turns
            sums[index] = sums[index] + score(item.turns, turns)
    return [Point(distance, own) for distance, own in zip(distances, sums, strict=True)]


def best(points: Sequence[Point], within: float = WITHIN) -> float:
    """Return the middle of the widest stretch of distances that are as good as the best one.

    A few conversations make a rough curve, whose deepest point is a lucky one. It is smoothed over
    two neighbors on both sides first; then what is ``within`` of the least error is as good. The
    middle of a wide stretch is what a recording unlike these moves away from least.
    """
    errors = np.pad(np.array([point.error for point in points]), 2, mode="edge")
    weights = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0
    smooth = np.convolve(errors, weights, mode="valid")
    good = np.flatnonzero(smooth <= smooth.min() + within)
    stretches = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)
    widest = max(stretches, key=len)
    return points[int(widest[len(widest) // 2])].distance


def as_markdown(points: Iterable[Point]) -> str:
    """Return the curve as a table."""
    lines = [
        "| distance | DER Full % | DER Forgiving % | count right | count off by |",
        "|--:|--:|--:|--:|--:|",
    ]
    for point in points:
        rates = " | ".join(f"{100 * error.rate:.1f}" for error in point.score.errors.values())
        lines.append(
            f"| {point.distance:.2f} | {rates} | {100 * point.score.count_exact:.0f} % "
            f"| {point.score.count_error:.2f} |"
        )
    return "\n".join(lines)
