"""What training minimises: distance to the teacher, and a margin between speakers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def distillation(embedding: Tensor, target: Tensor) -> Tensor:
    """Mean cosine distance, (n, d) against unit (n, d)."""
    return (1.0 - functional.cosine_similarity(embedding, target, dim=1)).mean()


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
