"""Choose the thresholds of a model: ``python -m models.segmentation.tune --model FILE``.

On simulated conversations of the people of part ``dev``, other seeds than the evaluation's. Prints
the options for :mod:`models.segmentation.export`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np

from diarize import powerset
from diarize.segmentation import NeuralSegmenter, SegmentationOptions, decide, load_segmentation
from models.segmentation.evaluate import Recording, Score, add, simulated
from models.segmentation.export import TARGET

FIRST_SEED = 1000
# A second turn that is wrong costs as much as a right one brings: overlap has to be likelier than
# not, and some second turns go to the wrong speaker besides.
PRECISION = 0.6


def total(
    tracks: Sequence[tuple[Recording, powerset.FrameTrack]], options: SegmentationOptions
) -> Score:
    """Score one choice of options on all recordings."""
    score = Score()
    for recording, track in tracks:
        add(score, recording, decide(track, options, recording.waveform.duration))
    return score


def speech_error(score: Score) -> float:
    """Missed and false speech, relative to speech."""
    return (score.missed + score.false) / score.speech


def overlap_precision(score: Score) -> float:
    """Share of the overlap found that is overlap; 1 where none was found."""
    return score.pair_hit / score.pair_found if score.pair_found else 1.0


def overlap_f1(score: Score) -> float:
    """Harmonic mean of precision and recall of overlap."""
    return 2.0 * score.pair_hit / max(score.pair + score.pair_found, 1e-9)


def tune(
    tracks: Sequence[tuple[Recording, powerset.FrameTrack]], options: SegmentationOptions
) -> SegmentationOptions:
    """Best options of a grid: first for speech, then for overlap.

    Durations are kept as they are given: what is best for frames (short silences kept apart) cuts
    speech into pieces too short for the embedding.
    """
    speech = (
        replace(options, onset=onset, offset=onset - low)
        for onset, low in product((0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), (0.0, 0.1, 0.2))
    )
    options = min(speech, key=lambda o: speech_error(total(tracks, o)))
    overlap = [
        replace(options, overlap_onset=onset, overlap_offset=onset - low)
        for onset, low in product(np.arange(0.3, 0.96, 0.05), (0.0, 0.1, 0.2))
    ]
    scores = [(total(tracks, o), o) for o in overlap]
    sure = [pair for pair in scores if overlap_precision(pair[0]) >= PRECISION]
    if sure:
        options = max(sure, key=lambda pair: overlap_f1(pair[0]))[1]
    else:
        options = max(scores, key=lambda pair: overlap_precision(pair[0]))[1]
    return SegmentationOptions(**{k: round(float(v), 3) for k, v in asdict(options).items()})


def main(argv: list[str] | None = None) -> None:
    """Print the chosen options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--model", type=Path, default=TARGET)
    parser.add_argument("--conversations", type=int, default=12)
    args = parser.parse_args(argv)
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    segmenter = load_segmentation(args.model, threads=1)
    if not isinstance(segmenter, NeuralSegmenter):
        parser.error(f"{args.model}: not a model with overlaps")
    seeds = range(FIRST_SEED, FIRST_SEED + args.conversations)
    tracks = [
        (recording, powerset.run(segmenter.network, recording.waveform))
        for recording in simulated(args.speech, seeds, minutes=2.0, most=5)
    ]
    options = tune(tracks, segmenter.options)
    score = total(tracks, options)
    print(f"missed + false speech {speech_error(score):.3f}")
    print(f"overlap precision {overlap_precision(score):.3f}, F1 {overlap_f1(score):.3f}")
    print(" ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in asdict(options).items()))


if __name__ == "__main__":
    main()
