"""Equal-error rates on speakers never heard: ``python -m models.autospeech.evaluate --speech DIR``.

Segments of 1.6 s and 3 s of the ``dev`` part; every pair of segments inside a corpus is a trial
(channel and language would give trials across corpora away). All models see the same segments.
Prints Markdown, or JSON with ``--json``. The cost of a second of audio is measured in the same run
on one thread, front ends included.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from diarize.audio import spectrogram
from models.autospeech import data
from models.autospeech.teachers import Resemblyzer, Teachers

if TYPE_CHECKING:
    from numpy.typing import NDArray

Embed = Callable[["NDArray[np.float32]"], "NDArray[np.float32]"]
RATE = 16_000
DURATIONS = (1.6, 3.0)
PER_SPEAKER = 24


@dataclass(frozen=True)
class Segments:
    """Equally long pieces of speech with their speakers' numbers and corpora."""

    samples: NDArray[np.float32]
    speaker: NDArray[np.int64]
    corpus: NDArray[np.str_]


def cut_segments(speech: data.Speech, seconds: float, seed: int = 0) -> Segments:
    """Up to 24 segments a speaker without overlap, each inside one session."""
    rng = np.random.default_rng(seed)
    length = int(seconds * RATE)
    pieces, speakers, corpora = [], [], []
    for number, voice in enumerate(speech.voices):
        starts = [s for a, b in _sessions(voice) for s in range(a, b - length + 1, length)]
        for start in sorted(rng.permutation(starts)[:PER_SPEAKER].astype(int)):
            pieces.append(speech.cut(voice, int(start), length))
            speakers.append(number)
            corpora.append(voice.corpus)
    return Segments(np.stack(pieces), np.array(speakers), np.array(corpora))


def _sessions(voice: data.Voice) -> list[tuple[int, int]]:
    """First and last sample of each run of clips of one session."""
    spans: list[tuple[int, int, str]] = []
    for start, end, session in sorted(voice.clips):
        if spans and spans[-1][2] == session:
            spans[-1] = (spans[-1][0], end, session)
        else:
            spans.append((start, end, session))
    return [(a, b) for a, b, _ in spans]


def error_rates(
    scores: NDArray[np.float32], same: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Thresholds in falling order with the false accepts and false rejects at each.

    >>> _, accepts, rejects = error_rates(np.array([.9, .8, .3]), np.array([True, False, True]))
    >>> accepts.tolist(), rejects.tolist()
    ([0.0, 1.0, 1.0], [0.5, 0.5, 0.0])
    """
    order = np.argsort(-scores, kind="stable")
    hit = same[order]
    accepts = np.cumsum(~hit) / max(1, int((~hit).sum()))
    rejects = 1.0 - np.cumsum(hit) / max(1, int(hit.sum()))
    return scores[order], accepts, rejects


def equal_error_rate(scores: NDArray[np.float32], same: NDArray[np.bool_]) -> float:
    """Where false accepts and false rejects meet, 0..1.

    >>> equal_error_rate(np.array([.9, .8, .2, .1]), np.array([True, True, False, False]))
    0.0
    """
    _, accepts, rejects = error_rates(scores, same)
    at = int(np.argmin(np.abs(accepts - rejects)))
    return float(accepts[at] + rejects[at]) / 2.0


def trials(
    vectors: NDArray[np.float32], segments: Segments
) -> dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Scores and truth of every pair inside each corpus, and of all of them as ``pooled``."""
    out = {}
    for corpus in sorted(set(segments.corpus.tolist())):
        inside = segments.corpus == corpus
        score = vectors[inside] @ vectors[inside].T
        same = segments.speaker[inside][:, None] == segments.speaker[inside][None]
        upper = np.triu_indices(int(inside.sum()), 1)
        out[corpus] = (score[upper], same[upper])
    scores, truths = zip(*out.values(), strict=True)
    out["pooled"] = (np.concatenate(scores), np.concatenate(truths))
    return out


def onnx_embedder(path: Path, window: float = 4.8, hop: float = 2.4, threads: int = 1) -> Embed:
    """A model of ours as the package runs it: up to `window` seconds in one piece.

    What is longer is the mean of such pieces every `hop` seconds, of unit length.
    """
    from diarize.onnx.session import runtime

    options = runtime().SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime().InferenceSession(str(path), options)

    def embed(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        length, step = int(window * RATE), int(hop * RATE)
        last = max(0, batch.shape[1] - length)
        starts = sorted({*range(0, last + 1, step), last})
        total = np.zeros(1, dtype=np.float32)
        for start in starts:
            rows = batch[:, start : start + length]
            frames = np.stack([spectrogram.magnitude(row) for row in rows])
            total = total + session.run(None, {"magnitude": frames})[0]
        return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))

    return embed


def in_batches(embed: Embed, samples: NDArray[np.float32], size: int = 32) -> NDArray[np.float32]:
    """Embed all rows, `size` at a time."""
    return np.concatenate([embed(samples[i : i + size]) for i in range(0, len(samples), size)])


def cost(embed: Embed, samples: NDArray[np.float32], repeats: int = 5) -> float:
    """CPU milliseconds per second of audio: the best of several passes over 1.6 s windows."""
    embed(samples[:8])
    best = np.inf
    for _ in range(repeats):
        begun = time.process_time()
        embed(samples)
        best = min(best, time.process_time() - begun)
    return 1000.0 * best / (samples.size / RATE)


def evaluate(models: dict[str, Embed], speech: data.Speech, seed: int = 0) -> dict[str, Any]:
    """EER in percent by duration, model and corpus, and the cost of each model."""
    report: dict[str, Any] = {"eer": {}, "trials": {}, "cost_ms_per_second": {}}
    for seconds in DURATIONS:
        segments = cut_segments(speech, seconds, seed)
        rows = {}
        for name, embed in models.items():
            vectors = in_batches(embed, segments.samples)
            pairs = trials(vectors, segments)
            rows[name] = {c: 100.0 * equal_error_rate(*pair) for c, pair in pairs.items()}
        report["eer"][str(seconds)] = rows
        report["trials"][str(seconds)] = {
            c: {
                "speakers": len(set(segments.speaker[(segments.corpus == c) | (c == "pooled")])),
                "same": int(same.sum()),
                "different": int((~same).sum()),
            }
            for c, (_, same) in pairs.items()
        }
    sample = cut_segments(speech, 1.6, seed).samples[:32]
    report["cost_ms_per_second"] = {name: cost(embed, sample) for name, embed in models.items()}
    return report


def markdown(report: dict[str, Any]) -> str:
    """The report as tables."""
    lines = []
    for seconds, rows in report["eer"].items():
        corpora = list(report["trials"][seconds])
        lines += [f"EER %, {seconds} s", "", "| model | " + " | ".join(corpora) + " |"]
        lines += ["|---" * (len(corpora) + 1) + "|"]
        for name, row in rows.items():
            lines.append(f"| {name} | " + " | ".join(f"{row[c]:.1f}" for c in corpora) + " |")
        counts = [report["trials"][seconds][c] for c in corpora]
        cells = [f"{c['speakers']} / {c['same']} / {c['different']}" for c in counts]
        lines += ["| speakers / same / different | " + " | ".join(cells) + " |", ""]
    lines += ["| model | CPU ms per second of audio |", "|---|---|"]
    lines += [f"| {name} | {ms:.2f} |" for name, ms in report["cost_ms_per_second"].items()]
    return "\n".join(lines)


def main() -> None:
    """Compare models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument(
        "--model", action="append", default=[], metavar="NAME=FILE", help="an ONNX file to compare"
    )
    parser.add_argument("--teacher", type=Path, help="the file of CAM++: both teachers as well")
    parser.add_argument("--resemblyzer", action="store_true", help="Resemblyzer as well")
    parser.add_argument("--part", default="dev")
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if not (args.cache / f"{args.part}.json").exists():
        if args.speech is None:
            parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
        data.prepare(Path(args.speech), args.part, args.cache)
    given = dict(entry.split("=", 1) for entry in args.model)
    given = given or {"autospeech": str(Path(__file__).parent / "autospeech.onnx")}
    models: dict[str, Embed] = {name: onnx_embedder(Path(path)) for name, path in given.items()}
    if args.resemblyzer:
        models["Resemblyzer"] = Resemblyzer()
    if args.teacher:
        teachers = Teachers(args.teacher)
        models["CAM++"] = lambda batch: teachers(batch)[0]
    report = evaluate(models, data.load(args.cache, args.part), args.seed)
    print(json.dumps(report, indent=1) if args.json else markdown(report))


if __name__ == "__main__":
    main()
