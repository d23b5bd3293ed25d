"""Tiny networks in ONNX files whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

OURS = {
    "diarize.kind": "autospeech",
    "diarize.frontend": "linear",
    "diarize.window": "1.6",
    "diarize.hop": "0.8",
    "diarize.dimension": "257",
    "diarize.threshold.clustering": "0.3",
    "diarize.threshold.verification": "0.5",
    "diarize.threshold.margin": "0.05",
    "diarize.version": "7",
}


def write_mean_network(
    path: Path,
    shape: tuple[int | str, int | str, int] = ("n", "t", 257),
    metadata: Mapping[str, str] = OURS,
) -> Path:
    """Write a network that answers with the mean of its input over time."""
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    from onnx import TensorProto, helper

    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    node = helper.make_node("ReduceMean", ["input", "axes"], ["output"], keepdims=0)
    graph = helper.make_graph(
        [node],
        "mean",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], shape[2]])],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, str(path))
    return path
