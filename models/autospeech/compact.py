"""Smaller files, and what they cost: ``python -m models.autospeech.compact --speech DIR``.

The trained weights are written in four ways, and each is measured as the model itself is:

- ``float32``: as trained, normalisation folded in;
- ``half``: stored in half precision, computed in single;
- ``8 bits, static``: convolutions in whole numbers, with ranges of what passes through them taken
  from training speech;
- ``8 bits, dynamic``: the same with ranges taken from every window as it comes.

Error rates are those of :mod:`models.autospeech.evaluate`, diarization errors those of
:mod:`models.autospeech.conversations`, all at the clustering distance in the bundled file: whoever
swaps the file keeps the thresholds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from diarize import spectrogram
from models.autospeech import conversations, data, evaluate, export

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SAMPLES = 256  # windows of training speech that give the ranges
CHUNK = 16


def windows(speech: data.Speech, count: int = SAMPLES, seed: int = 0) -> NDArray[np.float32]:
    """Magnitudes (count, t, 257) of windows of different voices at their own speed."""
    rng = np.random.default_rng(seed)
    voices = [voice for voice in speech.voices if voice.speed == 1.0]
    size = int(export.WINDOW * evaluate.RATE)
    pieces = []
    for index in rng.permutation(len(voices))[:count]:
        voice = voices[int(index)]
        start = int(rng.integers(max(1, voice.length - size)))
        # Levels differ more in the wild than in a corpus; the graph evens them out itself.
        gain = np.float32(10.0 ** (rng.uniform(-20.0, 0.0) / 20.0))
        pieces.append(spectrogram.magnitude(gain * speech.cut(voice, start, size)))
    return np.stack(pieces)


class Feed:
    """Hands windows to the quantiser, some at a time."""

    def __init__(self, frames: NDArray[np.float32]) -> None:
        self._parts = iter(np.array_split(frames, max(1, len(frames) // CHUNK)))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next input of the network, None after the last."""
        part = next(self._parts, None)
        return None if part is None else {"magnitude": part}


def quantise(
    source: Path, target: Path, frames: NDArray[np.float32] | None, kinds: Iterable[str] = ("Conv",)
) -> None:
    """Write `source` with convolutions of 8 bits; static with windows to listen to, else dynamic.

    Weights have a scale per output channel and 7 bits of range, because older processors overflow
    otherwise. Front end and head stay as they are.
    """
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    options: dict[str, Any] = {
        "op_types_to_quantize": list(kinds),
        "per_channel": True,
        "reduce_range": True,
    }
    ready = target.with_suffix(".ready.onnx")
    with contextlib.redirect_stdout(sys.stderr):
        quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        if frames is None:
            quantization.quantize_dynamic(ready, target, **options)
        else:
            quantization.quantize_static(ready, target, Feed(frames), **options)
    ready.unlink()


def write_all(weights: Path, frames: NDArray[np.float32], folder: Path) -> dict[str, Path]:
    """Write every version of the weights; return their files."""
    files = {
        "float32": folder / "float32.onnx",
        "half": folder / "half.onnx",
        "8 bits, static": folder / "static.onnx",
        "8 bits, dynamic": folder / "dynamic.onnx",
    }
    network = export.read_weights(weights)
    for name in ("float32", "half"):
        export.write_onnx(network, files[name], {})
    export.halve(files["half"])
    quantise(files["float32"], files["8 bits, static"], frames)
    quantise(files["float32"], files["8 bits, dynamic"], None)
    return files


def measure(
    files: dict[str, Path], distance: float, speech: data.Speech, voices: Path, work: Path
) -> dict[str, Any]:
    """Size, cost, equal-error rates and diarization errors of every version."""
    models = {name: evaluate.onnx_embedder(path) for name, path in files.items()}
    report = evaluate.evaluate(models, speech)
    report["megabytes"] = {name: path.stat().st_size / 1e6 for name, path in files.items()}
    test_on = conversations.conversations(voices, work / "oracle")
    report["talk"] = {}
    for name, embed in models.items():
        print(name, file=sys.stderr, flush=True)
        row = conversations.measure(name, embed, [], test_on, distance=distance)
        report["talk"][name] = row
    return report


def markdown(report: dict[str, Any]) -> str:
    """One row a version."""
    durations = list(report["eer"])
    corpora = list(report["trials"][durations[0]])
    head = ["stored as", "MB", "ms per s of audio", *(f"EER {corpus}" for corpus in corpora)]
    head += ["DER, number known", "DER, unknown"]
    lines = [
        f"EER % at {' / '.join(durations)} s; DER % Full / Forgiving with speech from the "
        "reference; milliseconds on one thread.",
        "",
        "| " + " | ".join(head) + " |",
        "|---|" + "--:|" * (len(head) - 1),
    ]
    for name, size in report["megabytes"].items():
        cells = [f"{size:.1f}", f"{report['cost_ms_per_second'][name]:.2f}"]
        cells += [
            " / ".join(f"{report['eer'][d][name][c]:.2f}" for d in durations) for c in corpora
        ]
        for kind in ("known", "unknown"):
            row = report["talk"][name][kind]
            cells.append(" / ".join(f"{100 * row[p]['der']:.2f}" for p in ("full", "forgiving")))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure one model's weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=Path(__file__).parent / "autospeech.npz")
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    parser.add_argument(
        "--work", type=Path, default=data.CACHE, help="keeps the simulated conversations"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    torch.set_num_threads(1)
    for part in ("train", "dev"):
        if not (args.cache / f"{part}.json").exists():
            data.prepare(Path(args.speech), part, args.cache, (1.0,))
    frames = windows(data.load(args.cache, "train"))
    with tempfile.TemporaryDirectory() as folder:
        files = write_all(args.weights, frames, Path(folder))
        bundled = export.read_metadata(args.weights.with_suffix(".onnx"))
        distance = float(bundled["diarize.threshold.clustering"])
        speech = data.load(args.cache, "dev")
        report = measure(files, distance, speech, Path(args.speech), args.work)
    print(json.dumps(report, indent=1) if args.json else markdown(report))


if __name__ == "__main__":
    main()
