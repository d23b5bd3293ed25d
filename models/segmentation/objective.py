"""What the segmentation's training minimises."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.segmentation.feeding import Batch, crop, mask_bands
from models.segmentation.network import (
    POWERSET,
    SegmentationNet,
    affinity_loss,
    count_loss,
    permutation_invariant_loss,
    voice_loss,
)
from models.segmentation.recipe import BatchSettings, LossSettings


class Segmentation:
    """Cross entropy under the best order of the local speakers, and both auxiliary losses.

    Parameters
    ----------
    network : SegmentationNet
    losses : LossSettings
    batches : BatchSettings
        Says for how long windows are cropped.
    steps : int
        Length of the run.
    voices : Tensor (V, D)
        Unit vectors of all voices.
    """

    names = ("loss", "alike", "voice")

    def __init__(
        self,
        network: SegmentationNet,
        losses: LossSettings,
        batches: BatchSettings,
        steps: int,
        voices: Tensor,
    ) -> None:
        self.network, self.losses, self.batches, self.steps = network, losses, batches, steps
        # The last row stands for nobody, whose number is −1.
        self.voices = F.pad(voices, (0, 0, 0, 1))
        self.weights = torch.ones(len(POWERSET))
        self.weights[4:] = losses.overlap

    def __call__(self, batch: Batch, step: int) -> tuple[Tensor, Tensor]:
        """The loss, and its three parts; crops, masks and dropout follow from the step alone."""
        seed = self.batches.seed * 1_000_003 + step
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        if step < self.batches.halves * self.steps:
            batch = crop(batch, generator)
        main, alike, voice = self.parts(mask_bands(batch, generator))
        whole = main + self.losses.alike * alike + self.losses.voice * voice
        return whole, torch.stack([main, alike, voice])

    def parts(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The segmentation's loss and both auxiliary ones of a batch."""
        half = self.losses.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            fine, coarse = self.network.features(batch.mels)
        both = self.network.remember(coarse.float())
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            scores = self.network.decide(fine, both).float()
        main = permutation_invariant_loss(scores, batch.activity, self.weights).mean()
        if self.losses.count:
            counted = count_loss(scores, batch.activity, self.weights[::3])
            main = main + self.losses.count * counted
        talk = batch.activity[:, ::2]
        alike = affinity_loss(self.network.alike(both), talk)
        known = self.voices[batch.voices]
        return main, alike, voice_loss(self.network.voice(both), talk, known)
