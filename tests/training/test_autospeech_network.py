"""The network: size and wiring as published, and the fast path equal to the plain one."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from models.autospeech import fast
from models.autospeech.network import (
    NORMAL,
    REDUCTION,
    AutoSpeech,
    Cell,
    Join,
    NetworkConfig,
    PaperNetwork,
    Separable,
    count_parameters,
    mel_matrix,
)


def test_published_size():
    network = PaperNetwork(channels=128, cells=8, speakers=1211)
    assert round(count_parameters(network) / 1e6, 1) == 17.6
    network.eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 300, 257)).shape == (1, 2048)
    network.train()
    with torch.inference_mode():
        assert network(torch.zeros(2, 64, 257)).shape == (2, 1211)


def test_wiring_of_both_cells():
    def spelled(wiring):
        return " ".join(f"{operation}:{source}" for operation, source in wiring)

    assert spelled(NORMAL) == "dil5:1 dil3:0 dil5:0 sep3:1 sep3:1 sep3:2 dil3:2 max3:1"
    assert spelled(REDUCTION) == "max3:1 max3:0 dil5:2 max3:1 dil5:3 dil3:2 dil5:4 dil5:2"


def test_cells_in_the_stack():
    trunk = PaperNetwork(channels=8).trunk
    cells = list(trunk.cells)
    assert [cell.wiring is REDUCTION for cell in cells] == [i in (2, 5) for i in range(8)]
    assert [cell.entrance[1].conv.out_channels for cell in cells] == [8, 8, 16, 16, 16, 32, 32, 32]
    # The cell after each halving (and the first, after the stem) halves its older input.
    assert [cell.entrance[0].conv.stride[0] for cell in cells] == [2, 1, 1, 2, 1, 1, 2, 1]
    assert trunk.features == 16 * 8


def test_operations_of_a_reduction_cell():
    cell = Cell(8, 8, 8, reduction=True, halve=False)
    strides = []
    for layer in cell.operations:
        if isinstance(layer, torch.nn.MaxPool2d):
            assert layer.kernel_size == 3
            strides.append(layer.stride)
        else:
            assert isinstance(layer, Separable)
            assert layer.depthwise.dilation == (2, 2)
            assert layer.depthwise.groups == 8
            strides.append(layer.depthwise.stride[0])
    assert strides == [2, 2, 1, 2, 1, 1, 1, 1]
    x = torch.randn(2, 8, 10, 6)
    assert cell(x, x).shape == (2, 32, 5, 3)


def test_a_node_is_the_sum_of_its_two_operations():
    torch.manual_seed(0)
    cell = Cell(4, 6, 4, reduction=False, halve=False).eval()
    older, last = torch.randn(1, 4, 8, 8), torch.randn(1, 6, 8, 8)
    with torch.inference_mode():
        states = [cell.entrance[0](older), cell.entrance[1](last)]
        first = cell.operations[0](states[1]) + cell.operations[1](states[0])
        assert torch.allclose(cell(older, last)[:, :4], first, atol=1e-6)


@pytest.mark.parametrize(("n", "t"), [(1, 9), (3, 97), (2, 160)])
def test_any_length_gives_unit_vectors(n, t):
    network = AutoSpeech(NetworkConfig(channels=8, dimension=12)).eval()
    with torch.inference_mode():
        out = network(torch.rand(n, t, 257))
    assert out.shape == (n, 12)
    assert np.allclose(out.norm(dim=1), 1.0, atol=1e-5)


def test_level_does_not_matter():
    network = AutoSpeech(NetworkConfig(channels=8, dimension=12)).eval()
    x = torch.rand(1, 100, 257)
    with torch.inference_mode():
        assert torch.allclose(network(x), network(1000 * x), atol=1e-4)
        assert torch.isfinite(network(torch.zeros(1, 100, 257))).all()


@pytest.mark.parametrize("bands", [40, 80, 128])
def test_mel_bands_cover_the_spectrum(bands):
    matrix = mel_matrix(bands)
    assert np.allclose(matrix.sum(axis=0), 1.0, atol=1e-5)
    centres = (matrix * np.arange(257)[:, None]).sum(axis=0)
    assert np.all(np.diff(centres) > 0)
    assert (matrix[3:250].sum(axis=1) > 0).all()


@pytest.mark.parametrize("t", [96, 104, 160])
@pytest.mark.parametrize("training", [False, True])
def test_fast_path_equals_the_plain_one(t, training):
    torch.manual_seed(1)
    network = AutoSpeech(NetworkConfig(channels=8, bands=40, dimension=16)).train(training)
    other = copy.deepcopy(network)
    x = network.front(torch.rand(4, t, 257)).detach()
    before, last = other.trunk.stem0(x), None
    last = other.trunk.stem1(before)
    rows = [part.permute(1, 0, 2, 3).contiguous() for part in (before, last)]
    for cell in other.trunk.cells:
        rows = [rows[1], fast.cell(rows[0], rows[1], cell)]
    got = rows[1].permute(1, 0, 2, 3)
    want = network.trunk(x)
    assert torch.allclose(got, want, atol=2e-4, rtol=1e-3)
    want.square().mean().backward()
    got.square().mean().backward()
    for (name, a), (_, b) in zip(
        network.trunk.named_parameters(), other.trunk.named_parameters(), strict=True
    ):
        assert torch.allclose(a.grad, b.grad, atol=1e-4, rtol=1e-2), name
    if training:
        norms = [m for m in network.modules() if isinstance(m, Join)]
        others = [m for m in other.modules() if isinstance(m, Join)]
        for a, b in zip(norms, others, strict=True):
            assert torch.allclose(a.norm.running_var, b.norm.running_var, rtol=1e-3)


@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 0.999), (torch.bfloat16, 0.95)])
def test_fast_path_in_either_precision_is_close(dtype, least):
    torch.manual_seed(2)
    network = AutoSpeech(NetworkConfig(channels=16, dimension=32))
    x = torch.rand(16, 96, 257)
    close = torch.nn.functional.cosine_similarity(fast.raw(network, x, dtype), network.raw(x))
    assert close.min() > least
