"""What training minimises: distance to the teachers, cosines of pairs, a margin of speakers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.autospeech import fast
from models.autospeech.batches import NOBODY, Batch
from models.autospeech.network import AutoSpeech
from models.autospeech.recipe import LossSettings


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

    The class directions start at known places, the teachers' mean of each speaker: starting at
    random, thousands of classes with few windows each learn next to nothing.
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


class Distillation:
    """The objective: all three losses of a batch, weighted.

    Parameters
    ----------
    network : AutoSpeech
    margin : MarginSoftmax
    settings : LossSettings
    """

    names = ("distillation", "margin", "similarity")

    def __init__(self, network: AutoSpeech, margin: MarginSoftmax, settings: LossSettings) -> None:
        self.network, self.margin, self.settings = network, margin, settings
        self.dtype: torch.dtype = getattr(torch, settings.precision)

    def __call__(self, batch: Batch, step: int) -> tuple[Tensor, Tensor]:
        """The loss, and its three parts."""
        features, target, label, corpus = batch
        embedding = fast.from_features(self.network, features, self.dtype)
        near = distillation(embedding, target)
        alike = similarity(embedding, target, corpus)
        known = label != NOBODY
        apart = embedding.sum() * 0.0
        if bool(known.any()):
            apart = self.margin(embedding[known], label[known], self.settings.margin)
        weighted = self.settings.margin_weight * apart + self.settings.similarity * alike
        return near + weighted, torch.stack([near, apart, alike])
