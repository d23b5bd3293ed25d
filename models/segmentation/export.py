"""Write a checkpoint as ONNX: ``python -m models.segmentation.export --run DIR --output FILE``.

The graph reads |STFT| (n, t, 257), t a multiple of 4 frames of 10 ms, and holds the mel filters,
the logarithm and the normalisation. Thresholds and provenance lie in the metadata; ``--graph FILE``
gives new ones to a graph that was written before.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from diarize.segmentation import SegmentationOptions
from models.segmentation import RUNS, TARGET
from models.segmentation.network import BINS, FromMagnitude, SegmentationNet
from models.segmentation.trainer import averaged

VERSION = "5"
WINDOW = 10.0
LICENCE = "CC-BY-SA-4.0"
TRAINING = (
    "simulated conversations of 819 speakers of speechocean762, LibriSpeech, WUW Corpus II, "
    "DSPSpeech-20, Google Speech Commands, Arabic Speech Commands and FSDD; see MODEL_CARD.md"
)


class Flat(nn.Module):
    """A convolution over time written as one over an image of height one.

    ONNX Runtime has faster code for those: 10 % of the whole network.
    """

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight.unsqueeze(2))
        self.bias = convolution.bias
        (stride,), (dilation,) = convolution.stride, convolution.dilation
        self.steps = {"stride": (1, stride), "dilation": (1, dilation)}
        self.padding = (0, int(convolution.padding[0]))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T) → (N, D, T / stride)."""
        wide = F.conv2d(x.unsqueeze(2), self.weight, self.bias, padding=self.padding, **self.steps)
        return wide.squeeze(2)


def flat(network: SegmentationNet) -> SegmentationNet:
    """Return a copy for running alone: normalisations folded, convolutions over images."""
    network = copy.deepcopy(network).eval()
    for part in (network.stem, network.down, network.mix):
        part[0], part[1] = Flat(fuse_conv_bn_eval(part[0], part[1])), nn.Identity()
    for block in (network.local, *network.context):
        block.convolution = Flat(fuse_conv_bn_eval(block.convolution, block.norm))
        block.norm = nn.Identity()
    network.up, network.head = Flat(network.up), Flat(network.head)
    return network


def export(network: SegmentationNet, options: SegmentationOptions, note: str, target: Path) -> Path:
    """Write the ONNX file whole or not at all, and check that it computes the same.

    Parameters
    ----------
    network : SegmentationNet
        With its averaged weights.
    options : SegmentationOptions
        Thresholds tuned for it; `note` says on what.

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
    stamp(partial, options, note, partial)
    error = parity(FromMagnitude(network).eval(), partial)
    if error > 1e-4:
        partial.unlink()
        raise SystemExit(f"{target}: onnxruntime differs from torch by {error:.1e}")
    partial.replace(target)
    return target


def stamp(graph: Path, options: SegmentationOptions, note: str, target: Path) -> Path:
    """Write a graph with metadata of its own: thresholds, licence, what it was trained on."""
    import onnx

    proto = onnx.load(str(graph))
    values = {"kind": "segmentation", "frontend": "linear", "version": VERSION, "window": WINDOW}
    values |= {"licence": LICENCE, "training": TRAINING, "note": note, **asdict(options)}
    onnx.helper.set_model_props(proto, {f"diarize.{k}": str(v) for k, v in values.items()})
    onnx.save(proto, str(target))
    return target


def parity(model: FromMagnitude, path: Path) -> float:
    """Largest difference in log probability between torch and onnxruntime, on two lengths."""
    from diarize.session import runtime

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
    """Export the averaged weights of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=RUNS / "main")
    parser.add_argument("--graph", type=Path, help="an ONNX file of this kind, instead of a run")
    parser.add_argument("--output", type=Path, default=TARGET)
    parser.add_argument("--note", default="thresholds: defaults, not tuned")
    for name, value in asdict(SegmentationOptions()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=value, dest=name)
    args = parser.parse_args(argv)
    options = SegmentationOptions(
        **{name: vars(args)[name] for name in asdict(SegmentationOptions())}
    )
    if args.graph is not None:
        path = stamp(args.graph, options, args.note, args.output)
    else:
        path = export(averaged(args.run / "average.pt"), options, args.note, args.output)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
