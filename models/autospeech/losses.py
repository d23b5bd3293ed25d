"""What training minimises: distance to the teacher, moments included, and a margin of speakers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def distillation(embedding: Tensor, target: Tensor) -> Tensor:
    """Mean cosine distance, (n, d) against unit (n, d)."""
    return (1.0 - functional.cosine_similarity(embedding, target, dim=1)).mean()


def similarity(embedding: Tensor, target: Tensor, group: Tensor) -> Tensor:
    """Mean squared difference of the cosines of all pairs of a group to their targets' cosines.

    Parameters
    ----------
    embedding : Tensor (n, d)
        Of any length but zero.
    target : Tensor (n, e)
        Unit vectors.
    group : Tensor (n,) int
        Only pairs inside a group count.

    Examples
    --------
    >>> right, wrong = torch.tensor([[2.0, 0], [0, 3]]), torch.tensor([[1.0, 0], [1, 0]])
    >>> [float(similarity(x, torch.eye(2), torch.zeros(2))) for x in (right, wrong)]
    [0.0, 1.0]
    """
    unit = functional.normalize(embedding, dim=1)
    pairs = (group[:, None] == group).float()
    pairs.fill_diagonal_(0.0)
    error = (unit @ unit.t() - target @ target.t()).square()
    return (pairs * error).sum() / pairs.sum().clamp_min(1.0)


class MarginSoftmax(nn.Module):
    """Additive angular margin softmax (Deng et al., ArcFace, 2019).

    The class directions can start at known places, here the teacher's mean of each speaker:
    starting at random, thousands of classes with few windows each learn next to nothing.
    """

    def __init__(self, directions: Tensor, scale: float = 30.0) -> None:
        super().__init__()
        self.directions = nn.Parameter(directions.clone())
        self.scale = scale

    def forward(self, embedding: Tensor, label: Tensor, margin: float) -> Tensor:
        """(n, d) embeddings and (n,) class numbers to the mean loss."""
        cosine = (
            functional.normalize(embedding, dim=1)
            @ functional.normalize(self.directions, dim=1).t()
        )
        own = cosine.gather(1, label[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        shifted = own * math.cos(margin) - (1 - own * own).sqrt() * math.sin(margin)
        # Past the point where the angle plus the margin leaves the half circle, a line goes on.
        shifted = torch.where(
            own > math.cos(math.pi - margin), shifted, own - math.sin(margin) * margin
        )
        logits = self.scale * cosine.scatter(1, label[:, None], shifted)
        return functional.cross_entropy(logits, label)


class HintLoss(nn.Module):
    """How badly the last map foretells the teacher's features: 1 is no better than their means.

    One linear layer, for training only, on the map's mean over frequency (Romero et al., FitNets,
    2015).

    Parameters
    ----------
    features : int
        Channels of the map.
    mean, deviation : Tensor (d,)
        Of the teacher's features.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.foretell = nn.Linear(features, mean.numel())
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, last: Tensor, hints: Tensor) -> Tensor:
        """Maps (n, features, t, f) and teacher's features (n, t, d) to the mean squared error."""
        moments = last.mean(dim=3).transpose(1, 2)
        known = self.foretell(self.norm(moments.reshape(-1, moments.shape[2])))
        wanted = (hints.reshape(known.shape) - self.mean) / self.deviation
        return functional.mse_loss(known, wanted)
