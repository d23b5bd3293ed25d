"""Export: the graph equals the network, axes are free, weights survive."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from models.autospeech import export, weights
from models.autospeech.network import AutoSpeech, NetworkConfig, PaperNetwork


def trained_a_little(config: NetworkConfig) -> AutoSpeech:
    """Random weights with running statistics that are not the defaults."""
    torch.manual_seed(0)
    network = AutoSpeech(config).train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(8, 64, 257) * 3)
    return network.eval()


@pytest.mark.parametrize("bands", [0, 80])
def test_export_equals_pytorch_at_any_length(tmp_path, bands):
    network = trained_a_little(NetworkConfig(8, 8, bands, 16))
    path = tmp_path / "model.onnx"
    export.write_onnx(network, path, export.describe(network, "7"))
    assert export.check(network, path) < 1e-4
    session = onnxruntime.InferenceSession(str(path))
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.shape[2], target.name) == ("magnitude", 257, "embedding")
    kinds = [n.op_type for n in __import__("onnx").load(str(path)).graph.node]
    assert "BatchNormalization" not in kinds
    metadata = export.read_metadata(path)
    assert metadata["diarize.kind"] == "autospeech"
    assert metadata["diarize.frontend"] == "log"
    assert metadata["diarize.dimension"] == "16"


def test_weights_in_half_precision_move_next_to_nothing(tmp_path):
    network = trained_a_little(NetworkConfig(16, 8, 80, 16))
    path = tmp_path / "model.onnx"
    export.write_onnx(network, path, {"diarize.kind": "autospeech"})
    before = path.stat().st_size
    export.halve(path)
    assert path.stat().st_size < 0.65 * before
    assert export.check(network, path) < 5e-3
    assert export.read_metadata(path) == {"diarize.kind": "autospeech"}


def test_one_at_a_time_equals_a_batch(tmp_path):
    network = trained_a_little(NetworkConfig(8, 8, 80, 16))
    path = tmp_path / "model.onnx"
    export.write_onnx(network, path, {})
    session = onnxruntime.InferenceSession(str(path))
    x = np.random.default_rng(0).random((5, 120, 257), dtype=np.float32)
    whole = session.run(None, {"magnitude": x})[0]
    single = [session.run(None, {"magnitude": x[i : i + 1]})[0][0] for i in range(5)]
    assert np.allclose(whole, single, atol=1e-5)


def test_stamp_keeps_what_it_does_not_name(tmp_path):
    network = trained_a_little(NetworkConfig(8, 8, 80, 16))
    path = tmp_path / "model.onnx"
    export.write_onnx(network, path, {"diarize.version": "1", "diarize.kind": "autospeech"})
    export.stamp(path, {"diarize.version": "2"})
    assert export.read_metadata(path) == {"diarize.version": "2", "diarize.kind": "autospeech"}


def test_read_weights_gives_exactly_what_was_written(tmp_path):
    network = trained_a_little(NetworkConfig(8, 8, 80, 16))
    export.write_weights(network, tmp_path / "model.npz")
    again = export.read_weights(tmp_path / "model.npz")
    assert again.config == network.config
    for (name, a), b in zip(network.state_dict().items(), again.state_dict().values(), strict=True):
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(a, b), name
    with pytest.raises(SystemExit, match=r"nothing\.npz"):
        export.read_weights(tmp_path / "nothing.npz")


@pytest.mark.parametrize(("bands", "half"), [(80, False), (80, True), (0, False)])
def test_an_exported_file_can_be_trained_on(tmp_path, bands, half):
    network = trained_a_little(NetworkConfig(8, 8, bands, 16))
    path = tmp_path / "model.onnx"
    export.write_onnx(network, path, export.describe(network, "7"))
    if half:
        export.halve(path)
    sounds = torch.rand(8, 64, 257) * 3
    again = weights.read_onnx(path, network.front(sounds))
    assert again.config == network.config
    assert export.check(again, path) < 1e-4
    # In training, too: the same windows are normalized by their own statistics as by those kept.
    with torch.no_grad():
        torch.testing.assert_close(again.train()(sounds), again.eval()(sounds), atol=2e-2, rtol=0)


def test_other_files_are_no_embedding_to_go_on_from(tmp_path):
    network = trained_a_little(NetworkConfig(8, 8, 80, 16))
    path, features = tmp_path / "model.onnx", torch.rand(2, 1, 64, 80)
    export.write_onnx(network, path, {})
    with pytest.raises(SystemExit, match=r"model\.onnx: not an exported embedding"):
        weights.read_onnx(path, features)
    larger = export.describe(AutoSpeech(NetworkConfig(16, 8, 80, 16)), "7")
    export.stamp(path, larger)
    with pytest.raises(SystemExit, match="other shapes"):
        weights.read_onnx(path, features)
    path.write_bytes(b"")
    with pytest.raises(SystemExit, match="not an exported embedding"):
        weights.read_onnx(path, features)


def test_mean_network_lies_between_two(tmp_path):
    first = trained_a_little(NetworkConfig(8, 8, 80, 16))
    second = copy.deepcopy(first)
    with torch.no_grad():
        for value in second.parameters():
            value.add_(0.02)
    mean = export.mean_network(first, second, 0.25)
    assert torch.allclose(mean.head.weight, first.head.weight + 0.005, atol=1e-6)
    export.write_onnx(mean, tmp_path / "mean.onnx", {})
    assert export.check(mean, tmp_path / "mean.onnx") < 1e-4


def test_published_network_in_the_public_ports_shape(tmp_path):
    torch.manual_seed(0)
    network = PaperNetwork(channels=128, cells=8).eval()
    path = tmp_path / "port.onnx"
    export.write_paper_onnx(network, path)
    session = onnxruntime.InferenceSession(str(path))
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    assert source.shape[1:] == [300, 257]
    assert target.shape[1:] == [2048]
    x = np.random.default_rng(0).normal(size=(2, 300, 257)).astype(np.float32)
    with torch.inference_mode():
        want = network(torch.from_numpy(x)).numpy()
    assert np.abs(session.run(None, {source.name: x})[0] - want).max() < 1e-4


def test_the_bundled_model_has_its_thresholds():
    model = Path(export.__file__).parent / "autospeech.onnx"
    assert model.stat().st_size <= 10_000_000
    metadata = export.read_metadata(model)
    assert metadata["diarize.version"]
    for name in ("clustering", "verification", "margin"):
        assert 0.0 < float(metadata[f"diarize.threshold.{name}"]) < 1.0
