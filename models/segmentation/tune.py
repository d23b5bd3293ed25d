"""Choose the thresholds of a model: ``python -m models.segmentation.tune --model FILE``.

On simulated conversations of the people of part ``dev``, other seeds than the evaluation's. Prints
the options for :mod:`models.segmentation.export`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diarize.segmentation.aggregation import FrameScores, score_frames
from diarize.segmentation.binarization import binarize
from diarize.segmentation.segmenters import NeuralSegmenter, load_segmentation
from diarize.settings import SegmentationSettings
from models.segmentation import TARGET
from models.segmentation.evaluate import WORK, Recording, counts, frames, simulated

FIRST_SEED = 1000
# A second turn that is wrong costs as much as a right one brings: overlap has to be likelier than
# not, and some second turns go to the wrong speaker besides.
PRECISION = 0.6
Grid = dict[str, Sequence[float]]
# Options of one grid are chosen together; `drop` is how far an offset lies below its onset.
SPEECH_GRIDS: tuple[Grid, ...] = (
    {"onset": np.arange(0.3, 0.91, 0.05).tolist(), "drop": (0.0, 0.1, 0.2, 0.3)},
    {"min_silence": (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.6), "min_speech": (0.0, 0.1, 0.2)},
    {"pad": (0.0, 0.01, 0.02, 0.03, 0.05)},
)
OVERLAP_GRIDS: tuple[Grid, ...] = (
    {"overlap_onset": np.arange(0.2, 0.96, 0.05).tolist(), "overlap_drop": (0.0, 0.1, 0.2, 0.3)},
    {"min_overlap": (0.1, 0.15, 0.2, 0.3)},
)


@dataclass(frozen=True)
class Heard:
    """A recording, who talks in its frames of 10 ms, and what the network says of it."""

    recording: Recording
    truth: NDArray[np.int64]
    track: FrameScores


def hear(segmenter: NeuralSegmenter, recordings: Iterable[Recording], hop: float) -> list[Heard]:
    """Run the network over recordings."""
    return [
        Heard(
            recording,
            counts(recording.turns, recording.waveform.duration),
            score_frames(segmenter.network, recording.waveform, hop=hop),
        )
        for recording in recordings
    ]


def speech_error(heard: Sequence[Heard], options: SegmentationSettings) -> float:
    """Missed and false speech, relative to speech."""
    wrong = speech = 0
    for one in heard:
        duration = one.recording.waveform.duration
        said = frames(binarize(one.track, options, duration).speech, duration)
        wrong += int((said != (one.truth > 0)).sum())
        speech += int((one.truth > 0).sum())
    return wrong / speech


def overlap_scores(heard: Sequence[Heard], options: SegmentationSettings) -> tuple[float, float]:
    """Precision (1 where no overlap was found) and F1 of overlapped speech."""
    hit = found = wanted = 0
    for one in heard:
        duration = one.recording.waveform.duration
        said = frames(binarize(one.track, options, duration).overlaps, duration)
        hit += int((said & (one.truth > 1)).sum())
        found += int(said.sum())
        wanted += int((one.truth > 1).sum())
    return hit / found if found else 1.0, 2.0 * hit / max(found + wanted, 1)


def with_drops(options: SegmentationSettings, **values: float) -> SegmentationSettings:
    """Replace options, each offset following its onset."""
    now = {"drop": options.onset - options.offset}
    now |= {"overlap_drop": options.overlap_onset - options.overlap_offset, **values}
    drop, overlap_drop = now.pop("drop"), now.pop("overlap_drop")
    changed = replace(options, **now)
    return replace(
        changed,
        offset=changed.onset - drop,
        overlap_offset=changed.overlap_onset - overlap_drop,
    )


def descend(
    options: SegmentationSettings,
    grids: Sequence[Grid],
    cost: Callable[[SegmentationSettings], float],
    rounds: int = 2,
) -> SegmentationSettings:
    """Choose the options of one grid after the other, all grids in turn, the others held."""
    for _ in range(rounds):
        for grid in grids:
            tried = [options]
            for values in product(*grid.values()):
                tried.append(with_drops(options, **dict(zip(grid, values, strict=True))))
            options = min(tried, key=cost)
    return options


def tune(
    heard: Sequence[Heard], options: SegmentationSettings, precision: float = PRECISION
) -> SegmentationSettings:
    """Best options: for missed and false speech first, then for F1 of overlap.

    Parameters
    ----------
    heard : sequence of Heard
    options : SegmentationSettings
        To begin with; `min_turn` and `hop` are kept.
    precision : float
        Of overlap, at least.
    """
    options = descend(options, SPEECH_GRIDS, lambda o: speech_error(heard, o))

    def missing(o: SegmentationSettings) -> float:
        sure, f1 = overlap_scores(heard, o)
        return 1.0 - f1 if sure >= precision else 2.0 - sure

    options = descend(options, OVERLAP_GRIDS, missing)
    return SegmentationSettings(**{k: round(float(v), 3) for k, v in asdict(options).items()})


def main(argv: list[str] | None = None) -> None:
    """Print the chosen options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--model", type=Path, default=TARGET)
    parser.add_argument("--conversations", type=int, default=12)
    parser.add_argument("--work", type=Path, default=WORK, help="keeps the conversations")
    parser.add_argument("--hop", type=float, help="share of a window; default: the model's")
    parser.add_argument("--precision", type=float, default=PRECISION, help="of overlap, at least")
    args = parser.parse_args(argv)
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    segmenter = load_segmentation(args.model, threads=1)
    if not isinstance(segmenter, NeuralSegmenter):
        parser.error(f"{args.model}: not a model with overlaps")
    options = segmenter.settings
    if args.hop:
        options = replace(options, hop=args.hop)
    seeds = range(FIRST_SEED, FIRST_SEED + args.conversations)
    recordings = simulated(args.speech, args.work, seeds, minutes=2.0, most=5)
    heard = hear(segmenter, recordings, options.hop)
    options = tune(heard, options, args.precision)
    print(f"missed + false speech {speech_error(heard, options):.3f}")
    print("overlap precision {:.3f}, F1 {:.3f}".format(*overlap_scores(heard, options)))
    print(" ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in asdict(options).items()))


if __name__ == "__main__":
    main()
