"""How the linking of an archive grows: synthetic centroids, each size in a process of its own.

``python -m models.benchmark archive`` makes people at random, uniformly on the sphere, and voices
around them whose average cosine is that of one person's recordings. Half of the people speak once;
the others so often that there are five voices a person on average, three to a recording. Then one
voice more for every hundred is added to what is known by then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from diarize.arrays import Float32, Int64, unit
from diarize.clustering.archive import link_vectors
from diarize.onnx.session import available_processors
from diarize.settings import DEFAULTS
from models.benchmark.options import notify
from models.benchmark.pages import FOLDER, head

DIMENSION = 192
#: Average cosine of two recordings of one person, and the least of a link, as with the model.
LIKENESS = 0.65
THRESHOLD = 0.438
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
_ADDED = 0.01


@dataclass(frozen=True)
class Cost:
    """What linking so many voices took, and what came out."""

    voices: int
    people: int
    found: int
    wrong: int
    seconds: float
    cpu: float
    megabytes: float
    adding: float


def make(count: int, seed: int = 1) -> tuple[Float32, Int64]:
    """Return voices as unit vectors, and who each is of."""
    rng = np.random.default_rng(seed)
    once = count // 10
    people = 2 * once
    who = np.concatenate([np.arange(once), rng.integers(once, people, size=count - once)])
    base = unit(rng.normal(size=(people, DIMENSION)))
    spread = np.sqrt((1 / LIKENESS - 1) / DIMENSION)
    order = rng.permutation(count)
    vectors = base[who[order]] + spread * rng.normal(size=(count, DIMENSION))
    return unit(vectors), who[order]


def measure(count: int) -> Cost:
    """Link so many voices in this process."""
    added = max(1, int(_ADDED * count))
    vectors, who = make(count + added)
    places = [frozenset([number // 3]) for number in range(count + added)]
    neighbors = DEFAULTS.linking.neighbors
    start, cpu = perf_counter(), process_time()
    groups = link_vectors(vectors[:count], places[:count], THRESHOLD, neighbors=neighbors)
    seconds, cpu = perf_counter() - start, process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )
    labels, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members)
    means = np.zeros((len(labels), DIMENSION), np.float32)
    np.add.at(means, members, vectors[:count])
    known: list[set[int]] = [set() for _ in labels]
    for number, group in enumerate(members.tolist()):
        known[group] |= places[number]
    start = perf_counter()
    link_vectors(
        np.concatenate([means / sizes[:, None].astype(np.float32), vectors[count:]]),
        [*map(frozenset, known), *places[count:]],
        THRESHOLD,
        sizes=np.concatenate([sizes, np.ones(added, np.int64)]),
        fixed=len(labels),
        neighbors=neighbors,
    )
    adding = perf_counter() - start
    return Cost(
        count,
        len(np.unique(who[:count])),
        len(labels),
        wrong_voices(groups, who[:count]),
        round(seconds, 2),
        round(cpu, 2),
        round(peak),
        round(adding, 2),
    )


def wrong_voices(groups: Int64, who: Int64) -> int:
    """Return how many voices are in a group that is mainly somebody else's, or not in their own.

    Examples
    --------
    >>> wrong_voices(np.array([0, 0, 0, 3]), np.array([7, 7, 8, 7]))
    2
    """
    pairs, counts = np.unique(np.stack([groups, who]), axis=1, return_counts=True)
    right = 0
    owned: set[int] = set()
    used: set[int] = set()
    for at in np.argsort(-counts, kind="stable").tolist():
        group, person = int(pairs[0, at]), int(pairs[1, at])
        if group not in used and person not in owned:
            used.add(group)
            owned.add(person)
            right += int(counts[at])
    return len(who) - right


def page(costs: list[Cost]) -> str:
    """Return the result page."""
    rows = [
        f"| {one.voices:,} | {one.people:,} | {one.found:,} | {one.wrong:,} | {one.seconds:.1f} | "
        f"{one.cpu:.1f} | {one.megabytes:.0f} | {one.adding:.1f} |".replace(",", " ")
        for one in costs
    ]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return "\n".join(
        [
            "# Linking an archive",
            "",
            head("LINKING.md"),
            "",
            "Made by `python -m models.benchmark archive`: synthetic centroids of "
            f"{DIMENSION} numbers, average cosine {LIKENESS} within a person and 0 between people, "
            f"linked from {THRESHOLD} on with {DEFAULTS.linking.neighbors} neighbors each. *Wrong* "
            "voices are in a group that is mainly somebody else's, or apart from their own. Each "
            "size is a process of its own; megabytes are its peak. *Adding* is the time for one "
            "voice in a hundred more, beside the people found. The page is about cost: real voices "
            "are nearer to each other (`python -m models.benchmark linking` has those).",
            "",
            f"Machine: {platform.processor() or platform.machine()}, {available_processors()} "
            f"processors; load average at the end {load:.1f} (above the number of processors, "
            "other programmes took part of the time: CPU is the fairer figure).",
            "",
            "| voices | people | found | wrong | seconds | CPU | MB | adding, s |",
            "|--:|--:|--:|--:|--:|--:|--:|--:|",
            *rows,
            "",
            "The table of cosines is made a block at a time, so that memory grows with the voices "
            "and not with their pairs; time grows with the pairs, a hundredfold from 100 000 to a "
            "million. Beside the hours that diarizing so many recordings takes that is little, and "
            "what is added later is compared with people, not with all voices: so no approximate "
            "index is used.",
            "",
        ]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("-o", "--output-dir", default=str(FOLDER), metavar="DIR")
    parser.add_argument("--one", type=int, metavar="N", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Measure each size, and write the page."""
    if args.one:
        print(json.dumps(asdict(measure(args.one))))
        return 0
    costs = []
    for size in args.sizes:
        words = [sys.executable, "-m", "models.benchmark", "archive", "--one", str(size)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        costs.append(Cost(**json.loads(done.stdout)))
        notify(f"{size} voices: {costs[-1].seconds} s")
    path = Path(args.output_dir) / "LINKING.md"
    path.write_text(page(costs), encoding="utf-8")
    notify(f"wrote {path}")
    return 0
