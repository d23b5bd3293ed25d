"""How long it takes to match one voice with very many enrolled samples.

``python -m diarize.evaluation.matching_speed`` makes index files of random voices (10 samples a
person), maps them as a book's are mapped, and times complete decisions: one voice, formed as the
package forms it, against everybody, threshold, margin and assignment included. Wall time far above
processor time means that other programs had the processor; the line below the table says so.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diarize.errors import DiarizeError
from diarize.speakers.index import SampleIndex, read_index, write_index
from diarize.speakers.matching import BEST_WINDOWS, MatchOptions, match
from diarize.speakers.records import Vectors

#: Samples of one person.
EACH = 10
#: Wall time over processor time from which the figures say more about other programs.
BUSY = 1.5


def crowd(samples: int, dimension: int, seed: int = 0) -> SampleIndex:
    """Return an index of random people, ``EACH`` samples around each one's centre."""
    rng = np.random.default_rng(seed)
    people = -(-samples // EACH)
    vectors = np.empty((people * EACH, dimension), np.float32)
    for first in range(0, people, 10_000):
        centres = rng.standard_normal((min(10_000, people - first), 1, dimension), np.float32)
        block = centres + 0.5 * rng.standard_normal((len(centres), EACH, dimension), np.float32)
        block /= np.linalg.norm(block, axis=2, keepdims=True)
        vectors[first * EACH : (first + len(centres)) * EACH] = block.reshape(-1, dimension)
    starts = np.arange(0, people * EACH + 1, EACH, dtype=np.int64)
    return SampleIndex(vectors, starts, [f"person {number}" for number in range(people)])


def voice_of(index: SampleIndex, person: int, seed: int) -> Vectors:
    """Return a voice of ``person`` (its centroid, and windows if any), as noisy as its samples."""
    rng = np.random.default_rng(seed)
    centre = index.samples(person).mean(axis=0)
    centre = centre / np.linalg.norm(centre)
    noise = rng.standard_normal((1 + BEST_WINDOWS, len(centre)), np.float32)
    noise *= 0.5 / np.sqrt(len(centre))
    rows = centre + noise
    voice: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return voice


@dataclass(frozen=True)
class Timing:
    """Seconds: mapping the file; matching a voice (median, least); processor time of matching."""

    mapping: float
    median: float
    least: float
    processor: float


def measure(samples: int, dimension: int, folder: Path, repeats: int) -> Timing:
    """Time ``repeats`` decisions among so many samples."""
    path = folder / f"{samples}.index"
    write_index(path, crowd(samples, dimension), "benchmark", 1)
    begin = time.perf_counter()
    index = read_index(path, "benchmark", 1)
    mapped = time.perf_counter() - begin
    if index is None:
        raise DiarizeError(f"{path}: could not be written; choose another --folder")
    options = MatchOptions(threshold=0.5, margin=0.05)
    taken, worked = [], []
    for repeat in range(repeats + 1):
        person = (repeat * 7919) % len(index)
        voice = voice_of(index, person, repeat)
        begin, work = time.perf_counter(), time.process_time()
        (found,) = match([voice], index, options)
        taken.append(time.perf_counter() - begin)
        worked.append(time.process_time() - work)
        if found.name != index.names[person]:
            raise DiarizeError(f"person {person} of {samples} samples was not recognised")
    path.unlink()
    # The first one, which also brings the file into memory and loads scipy, does not count.
    return Timing(mapped, float(np.median(taken[1:])), min(taken[1:]), float(np.median(worked[1:])))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m diarize.evaluation.matching_speed", description=__doc__
    )
    parser.add_argument(
        "--samples", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="where to put the files (default: temporary)")
    args = parser.parse_args(argv)
    print("| samples | people | index MB | map ms | match ms (median) | least | processor ms |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    busy = 0.0
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for samples in args.samples:
            took = measure(samples, args.dimension, Path(folder), args.repeats)
            busy = max(busy, took.median / max(took.processor, 1e-3))
            shown = (took.mapping, took.median, took.least, took.processor)
            size = samples * args.dimension * 4 / 1e6
            print(
                f"| {samples} | {-(-samples // EACH)} | {size:.0f} | "
                + " | ".join(f"{1000 * seconds:.1f}" for seconds in shown)
                + " |",
                flush=True,
            )
    if busy > BUSY:
        print(f"\nThe machine was busy: wall time up to {busy:.1f} times the processor time.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
