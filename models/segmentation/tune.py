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

from diarize import powerset
from diarize.segmentation import NeuralSegmenter, SegmentationOptions, decide, load_segmentation
from models.segmentation.evaluate import Recording, Score, add, simulated
from models.segmentation.export import TARGET

FIRST_SEED = 1000


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


def overlap_error(score: Score) -> float:
    """One minus the F1 of overlap."""
    return 1.0 - 2.0 * score.pair_hit / max(score.pair + score.pair_found, 1e-9)


def tune(
    tracks: Sequence[tuple[Recording, powerset.FrameTrack]], options: SegmentationOptions
) -> SegmentationOptions:
    """Best options of a grid: first for speech, then for overlap."""
    speech = (
        replace(options, onset=onset, offset=onset - low, min_silence=silence, pad=pad)
        for onset, low, silence, pad in product(
            (0.3, 0.4, 0.5, 0.6, 0.7), (0.0, 0.1, 0.2), (0.1, 0.2, 0.3), (0.0, 0.02)
        )
    )
    options = min(speech, key=lambda o: speech_error(total(tracks, o)))
    overlap = (
        replace(options, overlap_onset=onset, overlap_offset=onset - low, min_overlap=shortest)
        for onset, low, shortest in product(
            (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7), (0.0, 0.1, 0.2), (0.05, 0.1, 0.2)
        )
    )
    options = min(overlap, key=lambda o: overlap_error(total(tracks, o)))
    return SegmentationOptions(**{k: round(v, 3) for k, v in asdict(options).items()})


def main(argv: list[str] | None = None) -> None:
    """Print the chosen options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--model", type=Path, default=TARGET)
    parser.add_argument("--conversations", type=int, default=16)
    args = parser.parse_args(argv)
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    segmenter = load_segmentation(args.model, threads=1)
    if not isinstance(segmenter, NeuralSegmenter):
        parser.error(f"{args.model}: not a model with overlaps")
    seeds = range(FIRST_SEED, FIRST_SEED + args.conversations)
    tracks = [
        (recording, powerset.run(segmenter.network, recording.waveform))
        for recording in simulated(args.speech, seeds)
    ]
    options = tune(tracks, segmenter.options)
    score = total(tracks, options)
    print(f"missed + false speech {speech_error(score):.3f}")
    print(f"overlap F1 {1.0 - overlap_error(score):.3f}")
    print(" ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in asdict(options).items()))


if __name__ == "__main__":
    main()
