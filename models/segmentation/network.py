"""The segmentation network: log-mel frames in, powerset classes each 20 ms out.

A strided convolution stem (20 ms), dilated residual convolutions and a bidirectional LSTM at 40 ms
for the context that tells voices apart, and a skip connection back to 20 ms. The classes are those
of Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization"
(Interspeech 2023): nobody, one of three local speakers, or two of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

LOCAL_SPEAKERS = 3
# Which local speakers talk in each class.
POWERSET = ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
ORDERS = tuple(permutations(range(LOCAL_SPEAKERS)))
BINS = 257
MELS = 64
# Log-mel values further than this below the loudest one of a window are cut off: 8 nepers = 69 dB.
DYNAMIC_RANGE = 8.0
LOG_FLOOR = 1e-7


@dataclass(frozen=True)
class Shape:
    """Sizes of the network.

    Attributes
    ----------
    fine, channels : int
        Channels at 20 ms and at 40 ms.
    hidden, layers : int
        Of the LSTM, in each direction.
    dilations : tuple of int
        Of the residual convolutions at 40 ms.
    dropout : float
    voice : int
        Length of the vectors that say, in training, whose voice a frame is: the teachers'.
    """

    fine: int = 64
    channels: int = 128
    hidden: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4)
    layers: int = 2
    dropout: float = 0.1
    voice: int = 192


def mel_filters(bins: int = BINS, mels: int = MELS, rate: int = 16_000) -> NDArray[np.float32]:
    """Triangular filters (bins, mels), even on the mel scale from 60 to 7800 Hz, each of sum 1."""
    low, high = (2595.0 * float(np.log10(1.0 + edge / 700.0)) for edge in (60.0, 7800.0))
    points = np.linspace(low, high, mels + 2)
    hertz = 700.0 * (10.0 ** (points / 2595.0) - 1.0)
    frequency = np.linspace(0.0, rate / 2, bins)[:, None]
    rising = (frequency - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    falling = (hertz[2:] - frequency) / (hertz[2:] - hertz[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    # The lowest filters are narrower than a bin: give those that caught none the nearest one.
    for mel in np.flatnonzero(filters.sum(0) == 0):
        filters[int(np.argmin(np.abs(frequency[:, 0] - hertz[mel + 1]))), mel] = 1.0
    return np.asarray(filters / filters.sum(0), dtype=np.float32)


def normalise(mels: Tensor) -> Tensor:
    """Make log-mel (N, T, M) independent of level and channel: limit its range, centre bands."""
    mels = torch.maximum(mels, mels.amax(dim=(1, 2), keepdim=True) - DYNAMIC_RANGE)
    return mels - mels.mean(dim=1, keepdim=True)


class Residual(nn.Module):
    """Dilated convolution over time with batch normalisation around a shortcut."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T) → (N, C, T)."""
        added: Tensor = self.dropout(F.relu(self.norm(self.convolution(x))))
        return x + added


class SegmentationNet(nn.Module):
    """Log-mel (N, T, 64) each 10 ms, T a multiple of 4 → class scores (N, T / 2, 7) each 20 ms."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        shape = shape or Shape()
        self.shape = shape
        f, c, h, p = shape.fine, shape.channels, shape.hidden, shape.dropout
        self.entry = nn.BatchNorm1d(MELS)
        self.stem = nn.Sequential(
            nn.Conv1d(MELS, f, 6, stride=2, padding=2), nn.BatchNorm1d(f), nn.ReLU()
        )
        self.local = Residual(f, 1, 0.0)
        self.down = nn.Sequential(
            nn.Conv1d(f, c, 4, stride=2, padding=1), nn.BatchNorm1d(c), nn.ReLU()
        )
        self.context = nn.Sequential(*(Residual(c, d, p) for d in shape.dilations))
        self.memory = nn.LSTM(
            c, h, shape.layers, batch_first=True, bidirectional=True,
            dropout=p if shape.layers > 1 else 0.0,
        )  # fmt: skip
        self.up = nn.Conv1d(c + 2 * h, f, 1)
        self.mix = nn.Sequential(nn.Conv1d(f, f, 3, padding=1), nn.BatchNorm1d(f), nn.ReLU())
        self.head = nn.Conv1d(f, len(POWERSET), 1)
        # Only for training: a vector a frame, alike for frames of the same talkers.
        self.alike = nn.Conv1d(c + 2 * h, 32, 1)
        # Likewise: whose voice a frame is, as a larger embedding network has it.
        self.voice = nn.Conv1d(c + 2 * h, shape.voice, 1)

    def features(self, mels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the 20 ms features (N, F, T / 2) and the 40 ms context (N, C, T / 4)."""
        x = self.entry(normalise(mels).transpose(1, 2))
        fine = self.local(self.stem(x))
        return fine, self.context(self.down(fine))

    def remember(self, coarse: Tensor) -> Tensor:
        """Add what the memory makes of the whole window: (N, C, T / 4) → (N, C + 2 H, T / 4)."""
        memory, _ = self.memory(coarse.transpose(1, 2))
        return torch.cat([coarse, memory.transpose(1, 2)], dim=1)

    def decide(self, fine: Tensor, both: Tensor) -> Tensor:
        """Return the class scores (N, T / 2, 7) from both kinds of features."""
        up = self.up(both)
        # Each step twice; the runtime does this faster than an interleaving repetition.
        wide = torch.stack([up, up], dim=-1).flatten(2)
        scores: Tensor = self.head(self.mix(F.relu(wide + fine)))
        return scores.transpose(1, 2)

    def forward(self, mels: Tensor) -> Tensor:
        """Return the scores before softmax."""
        fine, coarse = self.features(mels)
        return self.decide(fine, self.remember(coarse))


class FromMagnitude(nn.Module):
    """The network with its front end: |STFT| (N, T, 257) → log probabilities (N, T / 2, 7)."""

    filters: Tensor

    def __init__(self, network: SegmentationNet) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("filters", torch.from_numpy(mel_filters()))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return log probabilities."""
        mels = torch.log(magnitude @ self.filters + LOG_FLOOR)
        return F.log_softmax(self.network(mels), dim=-1)


def to_classes(activity: Tensor) -> Tensor:
    """Powerset class (N, T) int64 of activities (N, T, 3); where three talk, the first two count.

    >>> to_classes(torch.tensor([[[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]]])).tolist()
    [[0, 2, 5, 4]]
    """
    powers, table, _ = _tables(activity.device)
    return table[(activity.long() * powers).sum(-1)]


@cache
def _tables(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Constants on a device: binary code of speakers, code to class, orders of classes."""
    table = torch.zeros(8, dtype=torch.long)
    for index, members in enumerate(POWERSET):
        table[sum(1 << m for m in members)] = index
    table[7] = POWERSET.index((0, 1))
    return torch.tensor([1, 2, 4], device=device), table.to(device), class_orders().to(device)


def class_orders() -> Tensor:
    """(6, 7) int64: which class each class becomes under each order of the three speakers."""
    rows = [
        [POWERSET.index(tuple(sorted(order[m] for m in members))) for members in POWERSET]
        for order in ORDERS
    ]
    return torch.tensor(rows)


def permutation_invariant_loss(
    scores: Tensor, activity: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Cross entropy (N,) under the best order of the local speakers of each window.

    Parameters
    ----------
    scores : Tensor (N, T, 7)
        Before softmax.
    activity : Tensor (N, T, 3)
        Who talks.
    weights : Tensor (7,), optional
        How much a frame of each class counts.
    """
    logp = F.log_softmax(scores, dim=-1)
    _, _, orders = _tables(activity.device)
    target = to_classes(activity)
    picked = logp.gather(2, orders.T[target])  # (N, T, 6)
    if weights is None:
        return -picked.mean(dim=1).amax(dim=1)
    # Orders keep the number of speakers, so a frame's weight is the same under all of them.
    frame = weights[target].unsqueeze(2)
    return -((picked * frame).sum(dim=1) / frame.sum(dim=1)).amax(dim=1)


def count_loss(scores: Tensor, activity: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy of how many talk: nobody, one, or two.

    Parameters
    ----------
    scores : Tensor (N, T, 7)
        Before softmax.
    activity : Tensor (N, T, 3)
        Who talks.
    weights : Tensor (3,)
        How much a frame of each count counts.

    Examples
    --------
    >>> sure = torch.tensor([[[0.0, 9, 9, 9, 0, 0, 0]]]) * 9
    >>> round(float(count_loss(sure, torch.tensor([[[0, 1, 0]]]), torch.ones(3))), 4)
    0.0
    """
    logp = F.log_softmax(scores, dim=-1)
    parts = logp[..., :1], logp[..., 1:4], logp[..., 4:]
    counts = torch.stack([part.logsumexp(-1) for part in parts], dim=-1)
    target = activity.sum(-1).clamp(max=2).long()
    return F.nll_loss(counts.flatten(0, 1), target.flatten(), weight=weights)


def affinity_loss(vectors: Tensor, activity: Tensor) -> Tensor:
    """Mean squared error of the vectors' similarities within each window of speech.

    Deep clustering (Hershey et al., ICASSP 2016): vectors of two frames shall be equal where the
    same people talk and orthogonal where not. Breaks the long plateau in which a network trained
    with the permutation-invariant loss alone calls everybody by the same class.

    Parameters
    ----------
    vectors : Tensor (N, D, T)
        Of any length but zero.
    activity : Tensor (N, T, 3)
        Who talks; frames in which nobody does are left out.

    Examples
    --------
    >>> talk = torch.tensor([[[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]])
    >>> right = torch.tensor([[[1.0, 0.0, 0.0, 9.0], [0.0, 1.0, 1.0, 9.0]]])
    >>> float(affinity_loss(right, talk))
    0.0
    """
    target = to_classes(activity)
    speech = (target > 0).float().unsqueeze(1)
    v = F.normalize(vectors, dim=1) * speech
    y = F.one_hot(target, len(POWERSET)).float().transpose(1, 2) * speech
    pairs = speech.sum(dim=(1, 2)) ** 2
    parts = [
        sign * torch.square(a @ b.transpose(1, 2)).sum()
        for sign, a, b in ((1.0, v, v), (-2.0, v, y), (1.0, y, y))
    ]
    return torch.stack(parts).sum() / pairs.sum().clamp(min=1.0)


def voice_loss(vectors: Tensor, activity: Tensor, voices: Tensor) -> Tensor:
    """Mean cosine distance of the vectors to those of the voices that talk in each frame.

    Parameters
    ----------
    vectors : Tensor (N, D, T)
        Of any length but zero.
    activity : Tensor (N, T, 3)
        Who talks; frames in which nobody does are left out, those of two voices aim between them.
    voices : Tensor (N, 3, D)
        Unit vectors of the local speakers; zero for a voice that has none.

    Examples
    --------
    >>> talk = torch.tensor([[[1, 0, 0], [0, 1, 0], [0, 0, 0]]])
    >>> right = torch.tensor([[[2.0, 0.0, 5.0], [0.0, 3.0, 5.0]]])
    >>> float(voice_loss(right, talk, torch.tensor([[[1.0, 0], [0, 1], [0, 0]]])))
    0.0
    """
    wanted = activity.float() @ voices
    known = (wanted.square().sum(dim=2) > 1e-6).float()
    distance = 1.0 - F.cosine_similarity(vectors.transpose(1, 2), wanted, dim=2)
    return (distance * known).sum() / known.sum().clamp(min=1.0)
