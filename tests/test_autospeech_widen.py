"""Wider networks that begin as narrower ones."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="pip install torch")

from models.autospeech import export, widen  # noqa: E402
from models.autospeech.network import AutoSpeech, NetworkConfig  # noqa: E402


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = AutoSpeech(NetworkConfig(8, 8, 40, 16)).train()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn_like(value))
        for _ in range(3):
            network(torch.rand(8, 64, 257) * 3)
    return network.eval()


def test_a_wider_network_computes_the_same(network):
    wide = widen.widened(network, 12)
    assert wide.config.channels == 12
    x = torch.rand(4, 100, 257) * 3
    with torch.no_grad():
        assert torch.allclose(wide(x), network(x), atol=1e-4)
        # Normalisation by the batch, too, so that training begins where the other one ended.
        assert torch.allclose(wide.train()(x), network.train()(x), atol=1e-3)


def test_the_copies_of_a_channel_learn_different_things(network):
    wide = widen.widened(network, 12).train()
    x = torch.rand(4, 100, 257) * 3
    wide.raw(x).square().sum().backward()
    copies = widen.Copies.drawn(8, 12, torch.Generator().manual_seed(0))
    twice = [i for i in range(8) if (copies.source == i).sum() > 1]
    assert twice
    assert torch.allclose(torch.zeros(8).index_add_(0, copies.source, copies.share), torch.ones(8))
    gradient = wide.head.weight.grad
    same = [torch.allclose(a, b) for a, b in zip(gradient.T[:-1], gradient.T[1:], strict=True)]
    pointwise = wide.trunk.cells[0].entrance[1].conv.weight.grad.flatten(1)
    distances = torch.cdist(pointwise, pointwise).fill_diagonal_(1.0)
    assert not all(same)
    assert float(distances.min()) > 0


def test_narrower_is_refused(network):
    with pytest.raises(SystemExit, match="only wider"):
        widen.widened(network, 4)


def test_a_checkpoint_with_other_bands(network, tmp_path, monkeypatch):
    export.write_weights(network, tmp_path / "narrow.npz")
    out = tmp_path / "wide.pt"
    options = ["--init", str(tmp_path / "narrow.onnx"), "--channels", "10", "--bands", "32"]
    monkeypatch.setattr("sys.argv", ["widen", *options, "--out", str(out)])
    widen.main()
    wide = export.read_weights(out)
    assert (wide.config.channels, wide.config.bands) == (10, 32)
    assert torch.isfinite(wide(torch.rand(1, 80, 257))).all()
    assert wide.front.mel.shape == (257, 32)
