"""The AutoSpeech network (Ding et al., Interspeech 2020, arXiv 2005.03215).

A stem of three stride-2 convolutions, a stack of the two searched cells, global average pooling
and a head. The cells' wiring is the paper's; the sizes (`channels`, `cells`) are free. Input is a
magnitude spectrogram; :class:`FrontEnd` turns it into what the convolutions see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# (operation, input) pairs; inputs 0 and 1 are the two cells before, 2.. the nodes of this cell.
NORMAL = (
    ("dil5", 1), ("dil3", 0),
    ("dil5", 0), ("sep3", 1),
    ("sep3", 1), ("sep3", 2),
    ("dil3", 2), ("max3", 1),
)  # fmt: skip
REDUCTION = (
    ("max3", 1), ("max3", 0),
    ("dil5", 2), ("max3", 1),
    ("dil5", 3), ("dil3", 2),
    ("dil5", 4), ("dil5", 2),
)  # fmt: skip
NODES = 4
BINS = 257


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that decides the network's shape.

    Attributes
    ----------
    channels : int
        C of the first cells; doubled at each of the two reductions.
    cells : int
        Number of cells; reductions at cells//3 and 2*cells//3.
    bands : int
        Mel bands that the front end folds the 257 bins into; 0 keeps the linear bins.
    dimension : int
        Length of the embedding.
    """

    channels: int = 32
    cells: int = 8
    bands: int = 80
    dimension: int = 256


class Separable(nn.Module):
    """ReLU, depthwise K×K, pointwise 1×1, batch normalisation."""

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.depthwise = nn.Conv2d(
            channels, channels, kernel, stride, reach, dilation, groups=channels, bias=False
        )
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, t, f) to (n, c, t/stride, f/stride)."""
        out: Tensor = self.norm(self.pointwise(self.depthwise(functional.relu(x))))
        return out


class Join(nn.Module):
    """ReLU, 1×1 convolution, batch normalisation: a cell's entrance.

    With stride 2 it halves an input that is twice as large as the other one; the width is made of
    two half-wide convolutions in the reference network, which is one convolution.
    """

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, t, f) to (n, channels, t/stride, f/stride)."""
        out: Tensor = self.norm(self.conv(functional.relu(x)))
        return out


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """One of the searched operations by its short name."""
    if name == "max3":
        return nn.MaxPool2d(3, stride, 1)
    if name == "sep3":
        return nn.Sequential(Separable(channels, 3, stride, 1), Separable(channels, 3, 1, 1))
    return Separable(channels, {"dil3": 3, "dil5": 5}[name], stride, 2)


class Cell(nn.Module):
    """One searched cell: four nodes, each the sum of two operations; the nodes are concatenated."""

    def __init__(
        self, before_last: int, last: int, channels: int, *, reduction: bool, halve: bool
    ) -> None:
        super().__init__()
        self.entrance = nn.ModuleList(
            [Join(before_last, channels, 2 if halve else 1), Join(last, channels, 1)]
        )
        self.wiring = REDUCTION if reduction else NORMAL
        self.operations = nn.ModuleList(
            operation(name, channels, 2 if reduction and source < 2 else 1)
            for name, source in self.wiring
        )

    def forward(self, before_last: Tensor, last: Tensor) -> Tensor:
        """Outputs of the two cells before to this cell's output."""
        states = [self.entrance[0](before_last), self.entrance[1](last)]
        for node in range(NODES):
            parts = [
                self.operations[i](states[self.wiring[i][1]]) for i in (2 * node, 2 * node + 1)
            ]
            states.append(parts[0] + parts[1])
        return torch.cat(states[2:], dim=1)


class Trunk(nn.Module):
    """Stem and cells: (n, 1, t, f) to (n, features, about t/32, about f/32)."""

    def __init__(self, channels: int, cells: int) -> None:
        super().__init__()
        c = channels
        self.stem0 = nn.Sequential(
            nn.Conv2d(1, c // 2, 3, 2, 1, bias=False),
            nn.BatchNorm2d(c // 2),
            nn.ReLU(),
            nn.Conv2d(c // 2, c, 3, 2, 1, bias=False),
            nn.BatchNorm2d(c),
        )
        self.stem1 = nn.Sequential(
            nn.ReLU(), nn.Conv2d(c, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c)
        )
        self.cells = nn.ModuleList()
        before_last, last, halve = c, c, True
        for i in range(cells):
            reduction = i in (cells // 3, 2 * cells // 3)
            c = 2 * c if reduction else c
            self.cells.append(Cell(before_last, last, c, reduction=reduction, halve=halve))
            before_last, last, halve = last, NODES * c, reduction
        self.features = last

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, t, f) to (n, features, t', f')."""
        before_last: Tensor = self.stem0(x)
        last: Tensor = self.stem1(before_last)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        return last


def mel_matrix(bands: int, low: float = 50.0, high: float = 7900.0) -> np.ndarray:
    """(257, bands) triangles evenly spaced in mel (HTK's formula); each sums to one.

    Triangles narrower than a bin become linear interpolation between bins.
    """

    def mel(hertz: np.ndarray | float) -> np.ndarray:
        return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)

    bins = np.arange(BINS) * 8000.0 / (BINS - 1)
    edges = 700.0 * (10.0 ** (np.linspace(mel(low), mel(high), bands + 2) / 2595.0) - 1.0)
    width = 8000.0 / (BINS - 1)
    out = np.zeros((BINS, bands), dtype=np.float32)
    for band, centre in enumerate(edges[1:-1]):
        rise = max(centre - edges[band], width)
        fall = max(edges[band + 2] - centre, width)
        slope = np.where(bins < centre, 1 - (centre - bins) / rise, 1 - (bins - centre) / fall)
        out[:, band] = np.maximum(slope, 0.0)
    return np.asarray(out / out.sum(axis=0))


class FrontEnd(nn.Module):
    """Plain magnitudes at any level to scaled log magnitudes.

    The window's mean power is brought to a fixed level, the bins are folded into mel bands, the
    logarithm is taken, half of each band's mean over the window is taken away (the colour of the
    microphone) along with half of the overall mean, and the rest is scaled.
    """

    FLOOR = 1e-3
    SCALE = 1.5
    mel: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands
        if bands:
            self.register_buffer("mel", torch.from_numpy(mel_matrix(bands)))

    def forward(self, magnitude: Tensor) -> Tensor:
        """(n, t, 257) to (n, 1, t, bands or 257)."""
        power = magnitude.square().mean(dim=(1, 2), keepdim=True)
        x = magnitude / (power.sqrt() + 1e-7)
        if self.bands:
            x = x @ self.mel
        x = torch.log(x + self.FLOOR)
        # Half of each band's mean over time is taken away: less channel, some timbre kept.
        x = x - 0.5 * x.mean(dim=1, keepdim=True) - 0.5 * x.mean(dim=(1, 2), keepdim=True)
        return (x / self.SCALE).unsqueeze(1)


class AutoSpeech(nn.Module):
    """Front end, trunk, pooling and head: magnitudes to unit embeddings."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.front = FrontEnd(config.bands)
        self.trunk = Trunk(config.channels, config.cells)
        self.norm = nn.BatchNorm1d(self.trunk.features)
        self.head = nn.Linear(self.trunk.features, config.dimension)

    def raw(self, magnitude: Tensor) -> Tensor:
        """The embedding before it is brought to unit length, for the losses."""
        return self.from_map(self.trunk(self.front(magnitude)))

    def from_map(self, last: Tensor) -> Tensor:
        """Mean over time and frequency of the trunk's map, normalization and head."""
        out: Tensor = self.head(self.norm(last.mean(dim=(2, 3))))
        return out

    def forward(self, magnitude: Tensor) -> Tensor:
        """(n, t, 257) float32 to (n, dimension) unit vectors."""
        return functional.normalize(self.raw(magnitude), dim=1)


class PaperNetwork(nn.Module):
    """The network as published: linear magnitudes, already scaled per bin, and a plain classifier.

    In evaluation mode it returns the pooled vector, (n, 16 * channels): the public port's output.
    """

    def __init__(self, channels: int = 128, cells: int = 8, speakers: int = 1211) -> None:
        super().__init__()
        self.trunk = Trunk(channels, cells)
        self.classifier = nn.Linear(self.trunk.features, speakers)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """(n, t, 257) to logits (training) or pooled features (evaluation)."""
        pooled: Tensor = self.trunk(spectrogram.unsqueeze(1)).mean(dim=(2, 3))
        if self.training:
            pooled = self.classifier(pooled)
        return pooled


def count_parameters(network: nn.Module) -> int:
    """Trainable values."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
