"""A teacher for tests of the embedding's training; needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from models.autospeech import bank, pool, teacher

if TYPE_CHECKING:
    from pathlib import Path

    from models.autospeech.data import Speech


class Ear(torch.nn.Module):
    """The spread of the spectrum over time, mixed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = torch.nn.Linear(80, 16)

    def forward(self, features):
        return self.mix(features.std(dim=1))


def write_vectors(speech: Speech, path: Path) -> None:
    """What the ear hears in the planned windows of some speech, as a teacher's file."""
    rows = teacher.plan(speech)
    pieces = np.stack([speech.cut(speech.voices[v], int(s), pool.LENGTH) for v, s in rows])
    heard = bank.teach(Ear(), torch.from_numpy((pieces * 32767.0).astype(np.int16)))
    np.savez(path, rows=rows, vectors=heard.numpy())
