"""A trained network as ONNX, with thresholds and provenance in its metadata.

The graph reads |STFT| (n, t, 257), t a multiple of 4 frames of 10 ms, and holds the mel filters,
the logarithm and the normalization. ``python -m models.segmentation.export --graph FILE`` gives a
file other thresholds.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from diarize.settings import SegmentationSettings
from models.segmentation import TARGET
from models.segmentation.network import BINS, FromMagnitude, SegmentationNet, Shape
from models.training import checkpoints
from models.training.checkpoints import write_whole

WINDOW = 10.0
LICENCE = "CC-BY-SA-4.0"


class Flat(nn.Module):
    """A convolution over time written as one over an image of height one.

    ONNX Runtime has faster code for those: 10 % of the whole network.
    """

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight.unsqueeze(2))
        self.bias = convolution.bias
        (stride,), (dilation,) = convolution.stride, convolution.dilation
        self.stride, self.dilation = (1, stride), (1, dilation)
        self.padding = (0, int(convolution.padding[0]))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T) → (N, D, T / stride)."""
        wide: Tensor = F.conv2d(
            x.unsqueeze(2), self.weight, self.bias, self.stride, self.padding, self.dilation
        )
        return wide.squeeze(2)


def flat(network: SegmentationNet) -> SegmentationNet:
    """Return a copy for running alone: normalisations folded, convolutions over images."""
    network = copy.deepcopy(network).eval()
    for part in (network.stem, network.down, network.mix):
        part[0], part[1] = _folded(part[0], part[1]), nn.Identity()
    for block in (network.local, *network.context):
        block.add_module("convolution", _folded(block.convolution, block.norm))
        block.add_module("norm", nn.Identity())
    for name in ("up", "head"):
        network.add_module(name, Flat(getattr(network, name)))
    return network


def _folded(convolution: object, norm: object) -> Flat:
    """A convolution with the normalization behind it."""
    assert isinstance(convolution, nn.Conv1d) and isinstance(norm, nn.BatchNorm1d)
    return Flat(fuse_conv_bn_eval(convolution, norm))


def averaged(path: Path) -> SegmentationNet:
    """The averaged weights of a run's checkpoint, ready to use."""
    stored = checkpoints.load(path)
    shape = Shape(**{**stored["shape"], "dilations": tuple(stored["shape"]["dilations"])})
    network = SegmentationNet(shape)
    network.load_state_dict(stored["average"])
    return network.eval()


def export(
    network: SegmentationNet,
    options: SegmentationSettings,
    target: Path,
    facts: Mapping[str, str] | None = None,
) -> Path:
    """Write the ONNX file whole or not at all, and check that it computes the same.

    Parameters
    ----------
    network : SegmentationNet
        With its averaged weights.
    options : SegmentationSettings
        Thresholds.
    target : Path
    facts : mapping of str to str, optional
        Further metadata.

    Raises
    ------
    SystemExit
        When onnxruntime's log probabilities differ from torch's by more than 1e-4.
    """
    model = FromMagnitude(flat(network)).eval()
    example = torch.rand(2, 200, BINS)
    partial = target.with_suffix(".part")
    torch.onnx.export(
        model,
        (example,),
        str(partial),
        input_names=["magnitude"],
        output_names=["log_probabilities"],
        dynamic_axes={"magnitude": {0: "n", 1: "t"}, "log_probabilities": {0: "n", 1: "f"}},
        opset_version=17,
        dynamo=False,
    )
    kind = {"kind": "segmentation", "frontend": "linear", "window": str(WINDOW)}
    stamp(partial, partial, options, {**kind, "licence": LICENCE, **(facts or {})})
    error = parity(FromMagnitude(network).eval(), partial)
    if error > 1e-4:
        partial.unlink()
        raise SystemExit(f"{target}: onnxruntime differs from torch by {error:.1e}")
    partial.replace(target)
    return target


def stamp(
    graph: Path, target: Path, options: SegmentationSettings, facts: Mapping[str, str]
) -> None:
    """Write a graph to `target` with other thresholds and further metadata; the rest stays."""
    import onnx

    proto = onnx.load(str(graph))
    kept = {entry.key: entry.value for entry in proto.metadata_props}
    new = {f"diarize.{key}": str(value) for key, value in {**facts, **asdict(options)}.items()}
    onnx.helper.set_model_props(proto, kept | new)
    write_whole(target, lambda part: onnx.save(proto, str(part)))


def parity(model: FromMagnitude, path: Path) -> float:
    """Largest difference in log probability between torch and onnxruntime, on two lengths."""
    from diarize.onnx.session import runtime

    session = runtime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for frames in (400, 1000):
        torch.manual_seed(frames)
        magnitude = torch.rand(3, frames, BINS) ** 4
        with torch.no_grad():
            wanted = model(magnitude).numpy()
        (got,) = session.run(None, {"magnitude": magnitude.numpy()})
        worst = max(worst, float(np.abs(wanted - got).max()))
    return worst


def main(argv: list[str] | None = None) -> None:
    """Give a file other thresholds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graph", type=Path, default=TARGET)
    parser.add_argument("--output", type=Path, help="default: the same file")
    parser.add_argument("--note", required=True, help="on what the thresholds were chosen")
    for name, value in asdict(SegmentationSettings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=value, dest=name)
    args = parser.parse_args(argv)
    chosen = {name: vars(args)[name] for name in asdict(SegmentationSettings())}
    options = SegmentationSettings(**chosen)
    stamp(args.graph, args.output or args.graph, options, {"note": args.note})


if __name__ == "__main__":
    main()
