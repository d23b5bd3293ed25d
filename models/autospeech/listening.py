"""Teachers that hear what the network hears.

The stored vectors (``teacher.py``, ``pool.py``) are of clean speech around a window, and half of
them of the whole voice: to answer them from a degraded second and a half, a network has to know
the person. Here CAM++ and Resemblyzer hear the very window, degradations and all, so that the same
function is asked for whoever speaks: "consistent" teaching in Beyer et al., "Knowledge
distillation: A good teacher is patient and consistent" (CVPR 2022).

Both run on one thread: of OpenVINO in bfloat16, which takes half the time where the processor has
instructions for it, or of ONNX Runtime. OpenVINO crashes with jemalloc preloaded, and may in a
process that forks after it was used.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from diarize.arrays import unit
from diarize.fbank import HOP
from models.autospeech.bank import centred_fbank
from models.autospeech.teacher import Resemblyzer, as_onnx, campplus, on_onnxruntime

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from models.autospeech.teacher import Run


class Listener:
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
        self.weights, self.engine = weights, engine or found
        self.compiled: dict[tuple[str, int, int], Run] = {}
        self.networks: tuple[nn.Module, Resemblyzer] | None = None

    def __call__(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """(n, samples) in [-1, 1] to unit vectors (n, 192) and (n, 256)."""
        if self.networks is None:
            self.networks = with_static_segments(campplus(self.weights)), Resemblyzer()
            self.networks[1].run = partial(self._run, "resemblyzer", self.networks[1].network)
        first, second = self.networks
        features = centred_fbank(torch.from_numpy(batch)).numpy()
        # Resemblyzer pads what it hears: so much has as many frames for it.
        inner = batch[:, : (features.shape[1] - 1) * HOP]
        return [unit(self._run("campplus", first, features)), second(inner)]

    def _run(
        self, name: str, network: nn.Module, batch: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        key = (name, len(batch), batch.shape[1])
        if key not in self.compiled:
            self.compiled[key] = compiled(network, batch.shape, self.engine)
        return self.compiled[key](batch)


def compiled(network: nn.Module, shape: tuple[int, ...], engine: str) -> Run:
    """A network for inputs of just this shape."""
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


def with_static_segments(network: nn.Module) -> nn.Module:
    """CAM++ with its means over segments as plain slices, which any length may have.

    As it is, it pools with a kernel that may be longer than the input, which is not allowed
    everywhere.
    """
    for layer in network.modules():
        if hasattr(layer, "seg_pooling"):
            layer.seg_pooling = segment_means
    return network


def segment_means(x: Tensor, seg_len: int = 100) -> Tensor:
    """Means of (n, c, t) over segments of `seg_len`, the last one what is left, at every t.

    Examples
    --------
    >>> segment_means(torch.tensor([[[1.0, 3, 5]]]), 2)
    tensor([[[2., 2., 5.]]])
    """
    pieces = x.split(seg_len, dim=2)
    return torch.cat([piece.mean(2, keepdim=True).expand_as(piece) for piece in pieces], dim=2)
