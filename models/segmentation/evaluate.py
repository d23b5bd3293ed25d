"""Compare the segmentation model with WebRTC's detector, the pipeline otherwise the same.

``python -m models.segmentation.evaluate --speech DIR`` prints a table for simulated conversations
of people that nothing was trained on, and one for the recordings of ``DIR/real``.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder
from diarize.embedding.embedder import OnnxEmbedder
from diarize.evaluation.metrics import DiarizationError, diarization_error
from diarize.rttm import read_rttm
from diarize.segmentation.activity import SpeechActivity
from diarize.segmentation.segmenters import load_segmentation
from diarize.segmentation.webrtc import WebRtcVad
from diarize.settings import WebRtcSettings
from diarize.speakers.diarizer import Diarizer
from diarize.timeline import Segment, Turn, union
from models.autospeech.data import CACHE
from models.segmentation import TARGET
from models.simulation.conversations import simulate_many, write
from models.simulation.scenes import SimulationOptions

# Conversations are kept here where no other folder is given.
WORK = CACHE / "conversations"

STEP = 0.01
# A change counts as found when a boundary lies so near, in seconds.
TOLERANCE = 0.25
# A voice takes over from another one that was heard at most so many seconds before.
HANDOVER = 0.5

Detector = Callable[[Waveform], SpeechActivity]


@dataclass(frozen=True)
class Recording:
    """A waveform and who really spoke when."""

    uri: str
    waveform: Waveform
    turns: list[Turn]


@dataclass
class Score:
    """Sums over recordings; times in seconds."""

    speech: float = 0.0
    missed: float = 0.0
    false: float = 0.0
    pair: float = 0.0
    pair_found: float = 0.0
    pair_hit: float = 0.0
    changes: int = 0
    changes_hit: int = 0
    boundaries: int = 0
    boundaries_hit: int = 0
    full: DiarizationError = field(default_factory=DiarizationError)
    forgiving: DiarizationError = field(default_factory=DiarizationError)
    audio: float = 0.0
    cpu: float = 0.0
    embed_cpu: float = 0.0


def simulated(
    speech: Path, work: Path, seeds: Sequence[int], minutes: float = 1.0, most: int = 4
) -> list[Recording]:
    """Conversations of two or more people of part ``dev``, every kind of scene.

    Those that `work` has no recording of are made and kept there. Delete the folder where the
    simulation has changed.
    """
    folder = work / f"dev-{minutes:g}min-2to{most}"
    missing = [seed for seed in seeds if not list(folder.glob(f"*-{seed:04d}.rttm"))]
    options = SimulationOptions(speakers=(2, most), minutes=(minutes, minutes))
    for talk in simulate_many(speech, "dev", missing, options) if missing else ():
        write(talk, folder)
    return [read(next(folder.glob(f"*-{seed:04d}.wav"))) for seed in seeds]


def real(speech: Path) -> list[Recording]:
    """Read the recordings with their references."""
    return [read(path) for path in sorted((speech / "real").glob("*.flac"))]


def read(path: Path) -> Recording:
    """Read a recording and the RTTM file beside it."""
    turns = [t for found in read_rttm(path.with_suffix(".rttm")).values() for t in found]
    return Recording(path.stem, load(path), turns)


def counts(turns: Iterable[Turn], duration: float) -> NDArray[np.int64]:
    """How many people talk in each frame of 10 ms."""
    out = np.zeros(int(np.ceil(duration / STEP)), dtype=np.int64)
    by_speaker: dict[str, list[Segment]] = {}
    for turn in turns:
        by_speaker.setdefault(turn.speaker, []).append(turn.segment)
    for segments in by_speaker.values():
        out += frames(union(segments), duration)
    return out


def frames(segments: Iterable[Segment], duration: float) -> NDArray[np.bool_]:
    """Frames of 10 ms that lie in any of the segments."""
    out = np.zeros(int(np.ceil(duration / STEP)), dtype=bool)
    for segment in segments:
        out[max(0, round(segment.start / STEP)) : max(0, round(segment.end / STEP))] = True
    return out


def reference_changes(turns: Iterable[Turn]) -> list[float]:
    """When a voice sets in while, or at most half a second after, another one was heard.

    >>> reference_changes([Turn(0, 2, "a"), Turn(2.3, 4, "b"), Turn(9, 10, "a")])
    [2.3]
    """
    ordered = sorted(turns)
    return [
        turn.start
        for turn in ordered
        if any(
            other.speaker != turn.speaker
            and other.start < turn.start
            and other.end > turn.start - HANDOVER
            for other in ordered
        )
    ]


def near(instants: Sequence[float], others: Sequence[float]) -> int:
    """How many instants have one of the others within the tolerance."""
    if not len(others):
        return 0
    gaps = np.abs(np.asarray(instants)[:, None] - np.asarray(others)[None, :])
    return int((gaps.min(axis=1) <= TOLERANCE).sum()) if len(instants) else 0


def add(score: Score, recording: Recording, activity: SpeechActivity) -> None:
    """Score what a detector found in a recording."""
    duration = recording.waveform.duration
    truth = counts(recording.turns, duration)
    said, both = frames(activity.speech, duration), frames(activity.overlaps, duration)
    score.speech += STEP * float((truth > 0).sum())
    score.missed += STEP * float(((truth > 0) & ~said).sum())
    score.false += STEP * float(((truth == 0) & said).sum())
    score.pair += STEP * float((truth > 1).sum())
    score.pair_found += STEP * float(both.sum())
    score.pair_hit += STEP * float(((truth > 1) & both).sum())
    found = sorted({*activity.changes, *(e for s in activity.speech for e in (s.start, s.end))})
    wanted = reference_changes(recording.turns)
    edges = [edge for turn in recording.turns for edge in (turn.start, turn.end)]
    score.changes += len(wanted)
    score.changes_hit += near(wanted, found)
    score.boundaries += len(found)
    score.boundaries_hit += near(found, edges)
    score.audio += duration


def judge(detector: Detector, recordings: Sequence[Recording], embedder: Embedder | None) -> Score:
    """Run a detector, and with an embedder the pipeline behind it, over recordings."""
    score = Score()
    for recording in recordings:
        began = time.process_time()
        activity = detector(recording.waveform)
        score.cpu += time.process_time() - began
        add(score, recording, activity)
        if embedder is not None:
            diarizer = Diarizer(vad=partial(known, activity), embedder=embedder)
            began = time.process_time()
            heard = diarizer.extract_embeddings(recording.waveform)
            score.embed_cpu += time.process_time() - began
            turns = diarizer.cluster(heard, waveform=recording.waveform).diarization.turns
            score.full += diarization_error(recording.turns, turns)
            score.forgiving += diarization_error(
                recording.turns, turns, collar=0.25, skip_overlap=True
            )
    return score


def percent(part: float, whole: float) -> str:
    """A share as a cell of the table."""
    return f"{100.0 * part / whole:6.1f}" if whole else "     –"


def row(name: str, score: Score) -> str:
    """One line of the table, in percent."""
    both = score.missed + score.false
    f1 = percent(2.0 * score.pair_hit, score.pair + score.pair_found)
    cells = [
        percent(score.missed, score.speech),
        percent(score.false, score.speech),
        percent(both, score.speech),
        percent(score.pair_hit, score.pair_found),
        percent(score.pair_hit, score.pair),
        f1,
        percent(score.changes_hit, score.changes),
        percent(score.boundaries_hit, score.boundaries),
        percent(score.full.rate, 1.0) if score.full.total else "     –",
        percent(score.forgiving.rate, 1.0) if score.forgiving.total else "     –",
        f"{1000.0 * score.cpu / max(score.audio, 1e-9):6.2f}",
        f"{1000.0 * score.embed_cpu / score.audio:6.2f}" if score.embed_cpu else "     –",
    ]
    return f"| {name:<9} | " + " | ".join(cells) + " |"


HEAD = (
    "| detector  |  miss  | false  |  sum   | ov.pre | ov.rec | ov.F1  | ch.rec | bd.pre |"
    " Full   | Forg.  | ms/s   | emb.   |\n"
    "|-----------|" + "--------|" * 12
)


def known(activity: SpeechActivity, _: Waveform) -> SpeechActivity:
    """What was found before."""
    return activity


def webrtc(mode: int) -> Detector:
    """WebRTC's detector as shipped, in one of its modes."""
    detector = WebRtcVad(WebRtcSettings(mode=mode))
    return lambda waveform: SpeechActivity.of(detector(waveform))


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--model", type=Path, nargs="+", default=[TARGET])
    parser.add_argument("--conversations", type=int, default=24)
    parser.add_argument("--work", type=Path, default=WORK, help="keeps the conversations")
    parser.add_argument("--embedder", type=Path, help="default: the bundled one")
    parser.add_argument("--no-pipeline", action="store_true", help="leave DER out")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="DETECTOR",
        help="of webrtc-1 … -3, model (or the files' stems)",
    )
    parser.add_argument("--skip", nargs="+", default=[], metavar="URI", help="leave out recordings")
    args = parser.parse_args(argv)
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    detectors: dict[str, Detector] = {f"webrtc-{mode}": webrtc(mode) for mode in (1, 2, 3)}
    for path in args.model:
        name = "model" if len(args.model) == 1 else path.stem
        detectors[name] = load_segmentation(path, threads=1)
    if args.only:
        detectors = {name: detectors[name] for name in args.only}
    embedder = None if args.no_pipeline else OnnxEmbedder(args.embedder, threads=1)
    if embedder is not None:
        print(f"embeddings by {embedder.name}, SHA-256 {embedder.checksum[:12]}…")
    sets = {
        f"{args.conversations} simulated conversations (part dev, seeds 0 …)": simulated(
            args.speech, args.work, range(args.conversations)
        ),
        "real meetings": real(args.speech),
    }
    for title, found in sets.items():
        recordings = [recording for recording in found if recording.uri not in args.skip]
        print(f"\n{title}, {sum(r.waveform.duration for r in recordings) / 60:.0f} min\n\n{HEAD}")
        for name, detector in detectors.items():
            print(row(name, judge(detector, recordings, embedder)), flush=True)


if __name__ == "__main__":
    main()
