"""A trained network as ONNX.

The graph takes plain magnitudes ``(n, t, 257)`` of audio at any level, n and t free, and gives unit
vectors ``(n, dimension)``. Batch normalization is folded into the convolutions, which cannot be
undone exactly; so the weights as trained go beside the model (.npz), for training to go on from.
"""

from __future__ import annotations

import copy
import json
import warnings
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from models.autospeech.network import AutoSpeech, NetworkConfig, PaperNetwork
from models.training import checkpoints

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPSET = 17
LICENCE = "CC BY-SA 4.0"
WINDOW, HOP = 1.6, 0.8


def fold_head(network: AutoSpeech) -> AutoSpeech:
    """A copy in evaluation mode whose last normalisation is part of the head."""
    folded = copy.deepcopy(network).eval()
    norm, head = folded.norm, folded.head
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    with torch.no_grad():
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        shift = norm.bias - mean * scale
        head.bias.add_(head.weight @ shift)
        head.weight.mul_(scale)
    folded.add_module("norm", nn.Identity())
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


def describe(network: AutoSpeech, version: str) -> dict[str, str]:
    """Metadata of a file that is not calibrated yet."""
    return {
        "diarize.kind": "autospeech",
        "diarize.frontend": "log",
        "diarize.window": str(WINDOW),
        "diarize.hop": str(HOP),
        "diarize.dimension": str(network.config.dimension),
        "diarize.shape": json.dumps(asdict(network.config)),
        "diarize.threshold.clustering": "0.5",
        "diarize.threshold.verification": "0.5",
        "diarize.threshold.margin": "0.05",
        "diarize.threshold.note": "not calibrated",
        "diarize.licence": LICENCE,
        "diarize.version": version,
    }


def mean_network(first: AutoSpeech, second: AutoSpeech, share: float) -> AutoSpeech:
    """A network whose weights lie `share` of the way from the first to the second.

    Where one goes on from the other, the middle is often better than either: Izmailov et al.,
    "Averaging weights leads to wider optima and better generalization", UAI 2018.
    """
    out = copy.deepcopy(first)
    other = second.state_dict()
    with torch.no_grad():
        for name, value in out.state_dict().items():
            if value.is_floating_point():
                value.lerp_(other[name], share)
    return out


def write_weights(network: AutoSpeech, path: Path) -> None:
    """The weights as trained, and the shape they belong to (.npz)."""
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    arrays = {name: a for name, a in arrays.items() if not name.endswith("num_batches_tracked")}
    shape = np.array(json.dumps(asdict(network.config)))
    checkpoints.write_whole(path, lambda part: _save_arrays(part, shape=shape, **arrays))


def _save_arrays(path: Path, **arrays: Any) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_weights(path: Path) -> AutoSpeech:
    """A network from what :func:`write_weights` wrote, or the average of a run's checkpoint (.pt).

    Raises
    ------
    SystemExit
        There is no such file.
    """
    if not path.exists():
        raise SystemExit(f"{path}: no such file of weights")
    if path.suffix == ".pt":
        stored = checkpoints.load(path)
        shape, state = stored["shape"], stored["average"]
    else:
        with np.load(path) as arrays:
            shape = json.loads(str(arrays["shape"]))
            state = {k: torch.from_numpy(arrays[k]) for k in arrays.files if k != "shape"}
    known = {field.name for field in fields(NetworkConfig)}
    network = AutoSpeech(NetworkConfig(**{k: v for k, v in shape.items() if k in known}))
    network.load_state_dict(state, strict=False)
    return network.eval()


def check(network: AutoSpeech, path: Path) -> float:
    """Largest difference between PyTorch and ONNX Runtime over several lengths and levels."""
    from diarize.onnx.session import runtime

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
