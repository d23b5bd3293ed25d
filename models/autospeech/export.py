"""Checkpoint to ONNX: ``python -m models.autospeech.export --run NAME --out autospeech.onnx``.

``--weights autospeech.npz`` writes the graph of weights that were exported before once more; the
metadata of the file that it replaces stay.

The graph takes plain magnitudes ``(n, t, 257)`` of audio at any level, n and t free, and gives unit
vectors ``(n, dimension)``. Batch normalisation is folded into the convolutions, which cannot be
undone exactly; the weights as trained go beside the model (``autospeech.npz``), so that training
continues from exactly there with ``--init autospeech.onnx``.
"""

from __future__ import annotations

import argparse
import copy
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from models.autospeech.network import AutoSpeech, NetworkConfig, PaperNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPSET = 17
LICENCE = "CC BY-SA 4.0"
WINDOW, HOP = 1.6, 0.8


def fold_head(network: AutoSpeech) -> AutoSpeech:
    """A copy in evaluation mode whose last normalisation is part of the head."""
    folded = copy.deepcopy(network).eval()
    norm, head = folded.norm, folded.head
    with torch.no_grad():
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        head.bias.add_(head.weight @ shift)
        head.weight.mul_(scale)
    folded.norm = nn.Identity()
    return folded


def write_onnx(network: AutoSpeech, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the graph with free batch and time axes, and its metadata."""
    _export(
        fold_head(network),
        torch.rand(2, 158, 257),
        path,
        ("magnitude", "embedding"),
        {"magnitude": {0: "n", 1: "t"}, "embedding": {0: "n"}},
    )
    stamp(path, metadata)


def write_paper_onnx(network: PaperNetwork, path: Path) -> None:
    """Write the published network as its public port has it: ``(n, 300, 257)`` to ``(n, 16C)``.

    The input there is scaled per bin by ``mean.npy`` and ``std.npy``; the output has any length.
    """
    axes = {"input": {0: "n"}, "output": {0: "n"}}
    _export(network.eval(), torch.rand(2, 300, 257), path, ("input", "output"), axes)


def _export(
    network: nn.Module, example: Tensor, path: Path, names: tuple[str, str], axes: Any
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=[names[0]],
            output_names=[names[1]],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of an ONNX file."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    return {entry.key: entry.value for entry in model.metadata_props}


def stamp(path: Path, metadata: Mapping[str, str]) -> None:
    """Add to (or overwrite in) the metadata of an ONNX file."""
    import onnx

    model = onnx.load(str(path))
    kept = {entry.key: entry.value for entry in model.metadata_props} | dict(metadata)
    del model.metadata_props[:]
    for key in sorted(kept):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, kept[key]
    onnx.save(model, str(path))


def halve(path: Path, smallest: int = 64) -> None:
    """Store the weights in half precision; the graph turns them back, so it computes as before.

    ONNX Runtime does that once, when it loads the file.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < smallest:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def describe(network: AutoSpeech, version: str, training: str) -> dict[str, str]:
    """Metadata that does not depend on calibration."""
    return {
        "diarize.kind": "autospeech",
        "diarize.frontend": "log",
        "diarize.window": str(WINDOW),
        "diarize.hop": str(HOP),
        "diarize.dimension": str(network.config.dimension),
        "diarize.shape": json.dumps(network.config.to_dict()),
        "diarize.threshold.clustering": "0.5",
        "diarize.threshold.verification": "0.5",
        "diarize.threshold.margin": "0.05",
        "diarize.threshold.note": "not calibrated",
        "diarize.licence": LICENCE,
        "diarize.version": version,
        "diarize.training": training,
    }


def mean_network(networks: Sequence[AutoSpeech]) -> AutoSpeech:
    """A network whose weights are the means of several ones that go on from the same weights.

    Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
    """
    out = copy.deepcopy(networks[0])
    states = [network.state_dict() for network in networks]
    with torch.no_grad():
        for name, value in out.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.stack([state[name] for state in states]).mean(dim=0))
    return out


def write_weights(network: AutoSpeech, path: Path) -> None:
    """The weights as trained, and the shape they belong to (.npz)."""
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    arrays = {name: a for name, a in arrays.items() if not name.endswith("num_batches_tracked")}
    np.savez_compressed(path, shape=json.dumps(network.config.to_dict()), **arrays)


def read_weights(path: Path) -> AutoSpeech:
    """A network from what :func:`write_weights` wrote, the ``.onnx`` beside it, or a checkpoint."""
    path = Path(path)
    if path.suffix == ".pt":
        stored = torch.load(path, weights_only=True, map_location="cpu")
        network = AutoSpeech(NetworkConfig(**stored["shape"]))
        network.load_state_dict(stored["average"])
        return network.eval()
    source = path.with_suffix(".npz")
    if not source.exists():
        raise SystemExit(f"{source}: missing; training goes on from the weights beside the model")
    with np.load(source) as arrays:
        network = AutoSpeech(NetworkConfig(**json.loads(str(arrays["shape"]))))
        state = {k: torch.from_numpy(arrays[k]) for k in arrays.files if k != "shape"}
    network.load_state_dict(state, strict=False)
    return network.eval()


def check(network: AutoSpeech, path: Path) -> float:
    """Largest difference between PyTorch and ONNX Runtime over several lengths and levels."""
    from diarize.session import runtime

    session = runtime().InferenceSession(str(path))
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for n, t, level in ((1, 30, 10.0), (3, 158, 10.0), (2, 301, 10.0), (3, 158, 0.1)):
        x = torch.rand(n, t, 257, generator=generator) * level
        with torch.inference_mode():
            want = network.eval()(x).numpy()
        got = session.run(None, {"magnitude": x.numpy()})[0]
        worst = max(worst, float(np.abs(got - want).max()))
    return worst


def main() -> None:
    """Export a run's checkpoint, or weights that were exported before."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="main", help="name of the run's folder")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", help="elsewhere; of several, the mean"
    )
    parser.add_argument("--weights", type=Path, help="an .npz of an earlier export instead")
    parser.add_argument("--out", type=Path, default=here / "autospeech.onnx")
    parser.add_argument("--version", default="1")
    parser.add_argument("--training", default="", help="one line on how it was trained")
    parser.add_argument(
        "--half", action="store_true", help="store in half precision (not done for the bundled one)"
    )
    args = parser.parse_args()
    if args.weights:
        network, kept = read_weights(args.weights), {}
        if args.out.is_file():
            kept = read_metadata(args.out)
        write_onnx(network, args.out, kept or describe(network, args.version, args.training))
    else:
        checkpoints = args.checkpoint or [here / "runs" / args.run / "checkpoint.pt"]
        network = mean_network([read_weights(path) for path in checkpoints])
        stored = torch.load(checkpoints[0], weights_only=True)
        windows = stored["step"] * stored["training"]["batch"]
        training = args.training or f"{stored['step']} steps, {windows} windows"
        write_onnx(network, args.out, describe(network, args.version, training))
        write_weights(network, args.out.with_suffix(".npz"))
    if args.half:
        halve(args.out)
    size = args.out.stat().st_size / 1e6
    print(f"{args.out}: {size:.1f} MB, differs from PyTorch by {check(network, args.out):.1e}")


if __name__ == "__main__":
    main()
