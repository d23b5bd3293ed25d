"""Read an exported embedding back into weights that training can go on from.

Exporting folds every batch normalization into the convolution before it. Here each normalization
is put back so that it changes nothing: its running mean and variance are those that the
convolution's output has on some input, its scale and shift undo them. In training it then
normalizes as it did.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.autospeech.network import AutoSpeech, NetworkConfig


def read_onnx(path: Path, features: Tensor) -> AutoSpeech:
    """Return a network that computes what the file does.

    Parameters
    ----------
    path : Path
        Written by :mod:`models.autospeech.export`.
    features : Tensor (n, 1, t, bands)
        Windows as training has them, after the front end; the normalizations' statistics are
        theirs.

    Raises
    ------
    SystemExit
        The file is no such model.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in values:  # kept in half precision
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
    kept = {entry.key: entry.value for entry in model.metadata_props}
    try:
        network = AutoSpeech(NetworkConfig(**json.loads(kept["diarize.shape"]))).eval()
        found = {name: values[name] for name in ("head.weight", "head.bias")}
        for node in model.graph.node:
            if node.op_type == "Conv":
                owner = _owner(node.name)
                found[f"{owner}.weight"] = values[node.input[1]]
                if len(node.input) > 2:
                    found[f"{_norm(owner)}.bias"] = values[node.input[2]]
        state = network.state_dict()
        absent = {name for name, _ in network.named_parameters()} - found.keys()
        if not all(value.shape == tuple(state[name].shape) for name, value in found.items()):
            raise ValueError("other shapes")
        if any(state[name].ndim > 1 for name in absent):
            raise ValueError(f"no {min(absent)}")
    except (KeyError, ValueError, TypeError) as error:
        raise SystemExit(f"{path}: not an exported embedding ({error!r})") from error
    network.load_state_dict(
        state | {name: torch.from_numpy(value.copy()) for name, value in found.items()}
    )
    _settle(network, features)
    return network


def _owner(node: str) -> str:
    """Return the module that a node's name says, such as ``/trunk/stem0/stem0.0/Conv``."""
    parts = node.strip("/").split("/")
    # A member of a sequence repeats the sequence's name.
    return ".".join(part for part, after in pairwise(parts) if not after.startswith(f"{part}."))


def _norm(owner: str) -> str:
    """Return the normalization after a convolution: its name, or in a sequence the next number."""
    around, _, own = owner.rpartition(".")
    return f"{around}.{int(own) + 1}" if own.isdigit() else f"{around}.norm"


@torch.no_grad()
def _settle(network: AutoSpeech, features: Tensor) -> None:
    """Give every normalization the statistics of its input, and let it undo them."""

    def measure(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        x = inputs[0].transpose(0, 1).flatten(1)
        mean, variance = x.mean(dim=1), x.var(dim=1)
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)  # what was folded in, once more

    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    network.from_map(network.trunk(features))
    for hook in hooks:
        hook.remove()
