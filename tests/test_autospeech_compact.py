"""Smaller files: what is written runs, and says nearly the same."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")
onnx = pytest.importorskip("onnx", reason="pip install onnx")

from models.autospeech import compact, data, evaluate, export  # noqa: E402
from models.autospeech.network import AutoSpeech, NetworkConfig  # noqa: E402


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    network = AutoSpeech(NetworkConfig(16, 8, 80, 16)).train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(8, 64, 257) * 3)
    export.write_weights(network, tmp_path / "weights.npz")
    return tmp_path / "weights.npz"


@pytest.fixture
def speech():
    """Two voices of noise, one of them with a copy of another speed."""
    samples = np.random.default_rng(0).normal(0, 2000, 12 * evaluate.RATE).astype(np.int16)
    third = 4 * evaluate.RATE
    voices = tuple(
        data.Voice(name, "x", speed, index * third, third, ((0, third, "s"),))
        for index, (name, speed) in enumerate([("a", 1.0), ("b", 1.0), ("b", 1.1)])
    )
    return data.Speech(samples, voices)


def test_windows_are_of_voices_at_their_own_speed(speech):
    frames = compact.windows(speech, count=8)
    assert frames.shape == (2, 157, 257)
    assert np.array_equal(frames, compact.windows(speech, count=8))


def test_feed_gives_every_window_once():
    feed = compact.Feed(np.arange(40, dtype=np.float32)[:, None, None])
    seen = []
    while (part := feed.get_next()) is not None:
        seen += part["magnitude"].ravel().tolist()
    assert seen == list(range(40))


def test_every_version_runs_and_is_smaller(weights, speech, tmp_path):
    files = compact.write_all(weights, compact.windows(speech), tmp_path)
    pieces = np.stack([speech.cut(voice, 0, 25_600) for voice in speech.voices])
    vectors = {name: evaluate.onnx_embedder(path)(pieces) for name, path in files.items()}
    plain = files["float32"].stat().st_size
    for name, path in files.items():
        alike = np.einsum("nd,nd->n", vectors[name], vectors["float32"])
        assert alike.min() > (0.9999 if name in ("float32", "half") else 0.9), name
        assert name == "float32" or path.stat().st_size < 0.75 * plain
    kinds = {
        name: {node.op_type for node in onnx.load(str(path)).graph.node}
        for name, path in files.items()
    }
    assert "QuantizeLinear" in kinds["8 bits, static"]
    assert "ConvInteger" in kinds["8 bits, dynamic"]
    assert not {"QuantizeLinear", "ConvInteger", "Cast"} & kinds["float32"]
    assert not list(tmp_path.glob("*.ready.onnx"))


def test_report_is_a_row_a_version():
    rates = {"full": {"der": 0.25}, "forgiving": {"der": 0.125}}
    report = {
        "eer": {d: {"half": {"north": 12.345, "pooled": 5.0}} for d in ("1.6", "3.0")},
        "trials": {"1.6": {"north": {}, "pooled": {}}},
        "cost_ms_per_second": {"half": 1.5},
        "megabytes": {"half": 4.83},
        "talk": {"half": {"distance": 0.5, "known": rates, "unknown": rates}},
    }
    row = "| half | 4.8 | 1.50 | 12.35 / 12.35 | 5.00 / 5.00 | 25.00 / 12.50 | 25.00 / 12.50 |"
    assert compact.markdown(report).endswith(row)
