"""Export: the graph equals the network, axes are free, weights survive."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")
onnx = pytest.importorskip("onnx", reason="pip install onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install onnxruntime")

from models.autospeech import export  # noqa: E402
from models.autospeech.network import AutoSpeech, NetworkConfig, PaperNetwork  # noqa: E402


def trained_a_little(config: NetworkConfig) -> AutoSpeech:
    """Random weights with running statistics that are not the defaults."""
    torch.manual_seed(0)
    network = AutoSpeech(config).train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(8, 64, 257) * 3)
        for offsets in network.trunk.offsets:
            offsets.normal_()
    return network.eval()


@pytest.mark.parametrize("pooling", ["mean", "attentive"])
@pytest.mark.parametrize("bands", [0, 80])
@pytest.mark.parametrize("positions", [False, True])
def test_export_equals_pytorch_at_any_length(tmp_path, pooling, bands, positions):
    network = trained_a_little(NetworkConfig(8, 8, bands, 16, pooling, positions))
    path = tmp_path / "model.onnx"
    export.write_onnx(network, path, export.describe(network, "7", "a test"))
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


def test_training_goes_on_from_exactly_the_exported_weights(tmp_path):
    network = trained_a_little(NetworkConfig(8, 8, 80, 16))
    export.write_onnx(network, tmp_path / "model.onnx", {})
    export.write_weights(network, tmp_path / "model.npz")
    again = export.read_weights(tmp_path / "model.onnx")
    assert again.config == network.config
    for (name, a), b in zip(network.state_dict().items(), again.state_dict().values(), strict=True):
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(a, b), name
    with pytest.raises(SystemExit, match=r"nothing\.npz"):
        export.read_weights(tmp_path / "nothing.onnx")


def test_several_checkpoints_become_their_mean(tmp_path, monkeypatch, capsys):
    networks = [trained_a_little(NetworkConfig(8, 8, 80, 16)) for _ in range(2)]
    with torch.no_grad():
        for value in networks[1].parameters():
            value.add_(0.02)
    paths = [tmp_path / f"{i}.pt" for i in range(2)]
    for network, path in zip(networks, paths, strict=True):
        shape = network.config.to_dict()
        training = {"step": 3, "training": {"batch": 64}}
        torch.save({"average": network.state_dict(), "shape": shape} | training, path)
    out = tmp_path / "mean.onnx"
    arguments = ["--checkpoint", *map(str, paths), "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["export", *arguments])
    export.main()
    assert "differs from PyTorch by" in capsys.readouterr().out
    mean = export.read_weights(out)
    first, second, middle = (
        dict(one.named_parameters())["head.weight"] for one in (*networks, mean)
    )
    assert torch.allclose(middle, (first + second) / 2, atol=1e-6)
    assert not torch.allclose(first, second, atol=1e-3)
    assert export.check(mean, out) < 1e-4


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


def test_the_bundled_model_is_its_weights_in_single_precision():
    folder = Path(export.__file__).parent
    model = folder / "autospeech.onnx"
    assert export.check(export.read_weights(model), model) < 1e-4
    assert model.stat().st_size <= 25_000_000
    kinds = {t.data_type for t in onnx.load(str(model)).graph.initializer}
    assert onnx.TensorProto.FLOAT in kinds and onnx.TensorProto.FLOAT16 not in kinds
    metadata = export.read_metadata(model)
    shape = NetworkConfig(**json.loads(metadata["diarize.shape"]))
    assert shape == export.read_weights(model).config
    for name in ("clustering", "verification", "margin"):
        assert 0.0 < float(metadata[f"diarize.threshold.{name}"]) < 1.0
