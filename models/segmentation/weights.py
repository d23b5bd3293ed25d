"""Read an exported segmentation model back into weights that training can go on from.

Exporting folds every batch normalisation into the convolution before it. Here the convolution keeps
what was folded in, and the normalisation is made to change nothing: its running mean and variance
are those that the convolution's output has on some input, its scale and shift undo them. Then it
normalises in training as it did. The parts that only training needs are not in the file.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.segmentation.network import SegmentationNet, Shape


def read_onnx(path: Path, mels: Tensor) -> dict[str, Tensor]:
    """Return the state of a network that computes what the file does.

    Parameters
    ----------
    path : Path
        Written by :mod:`models.segmentation.export`.
    mels : Tensor (N, T, 64)
        Log-mel windows from which the normalisations' statistics are taken.

    Raises
    ------
    SystemExit
        When the file is no such model.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    values = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    nodes = {node.name: node for node in graph.node}
    try:
        shape = _shape(values, nodes)
        network = SegmentationNet(shape).eval()
        state = network.state_dict()
        for name, node in nodes.items():
            _take(state, name, [values.get(i) for i in node.input])
    except (KeyError, IndexError, StopIteration, RuntimeError) as error:
        raise SystemExit(f"{path}: not an exported segmentation model ({error!r})") from error
    network.load_state_dict(state)
    _settle(network, mels)
    kept = network.state_dict()
    return {name: value for name, value in kept.items() if not name.startswith(("alike", "voice"))}


def _shape(values: dict[str, np.ndarray], nodes: dict[str, Any]) -> Shape:
    """Sizes of the network in the file."""
    memory = [name for name in nodes if re.fullmatch(r"/network/memory/LSTM(_\d+)?", name)]
    recurrent = values[nodes[memory[0]].input[2]]
    fine, wide = values["network.up.weight"].shape[:2]
    hidden = recurrent.shape[2]
    context = [n for name, n in nodes.items() if re.match(r"/network/context/.*/Conv$", name)]
    dilations = [a.ints[-1] for n in context for a in n.attribute if a.name == "dilations"]
    return Shape(fine, wide - 2 * hidden, hidden, tuple(dilations), len(memory))


def _take(state: dict[str, Tensor], node: str, inputs: list[np.ndarray | None]) -> None:
    """Put a node's values where they belong in the state."""
    parts = node.strip("/").split("/")
    if parts[0] != "network" or len(parts) < 3:
        return
    kind = parts[-1]
    # A member of a sequence repeats the sequence's name: ``stem/stem.0``.
    path = [part for part, after in pairwise(parts) if not after.startswith(part + ".")]
    owner = ".".join(path[1:])
    if kind == "Conv":
        weight = inputs[1]
        if weight is not None and weight.ndim == 4:  # over images of height one
            weight = weight.squeeze(2)
        _set(state, f"{owner}.weight", weight)
        _set(state, f"{owner}.bias", inputs[2])
    elif kind == "BatchNormalization":
        for name, value in zip(
            ("weight", "bias", "running_mean", "running_var"), inputs[1:], strict=False
        ):
            _set(state, f"{owner}.{name}", value)
    elif kind.startswith("LSTM"):
        layer = int(kind[5:] or 0)
        _set_memory(state, layer, inputs)


def _set(state: dict[str, Tensor], name: str, value: np.ndarray | None) -> None:
    if value is None or tuple(state[name].shape) != value.shape:
        raise KeyError(name)
    state[name] = torch.from_numpy(value.copy())


def _set_memory(state: dict[str, Tensor], layer: int, inputs: list[np.ndarray | None]) -> None:
    """ONNX orders the gates input, output, forget, cell; PyTorch input, forget, cell, output."""
    for direction, suffix in enumerate(("", "_reverse")):
        for name, value in zip(("weight_ih", "weight_hh"), inputs[1:3], strict=True):
            if value is None:
                raise KeyError(name)
            _set(state, f"memory.{name}_l{layer}{suffix}", _gates(value[direction]))
        if inputs[3] is None:
            raise KeyError("bias")
        for name, bias in zip(
            ("bias_ih", "bias_hh"), np.split(inputs[3][direction], 2), strict=True
        ):
            _set(state, f"memory.{name}_l{layer}{suffix}", _gates(bias))


def _gates(value: np.ndarray) -> np.ndarray:
    i, o, f, c = np.split(value, 4)
    return np.concatenate([i, f, c, o])


@torch.no_grad()
def _settle(network: SegmentationNet, mels: Tensor) -> None:
    """Give every normalisation after a convolution the statistics of its input, and undo them."""

    def measure(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm1d)
        x = inputs[0]
        mean, variance = x.mean(dim=(0, 2)), x.var(dim=(0, 2))
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)

    found = [
        m for m in network.modules() if isinstance(m, nn.BatchNorm1d) and m is not network.entry
    ]
    hooks = [norm.register_forward_pre_hook(measure) for norm in found]
    network(mels)
    for hook in hooks:
        hook.remove()
