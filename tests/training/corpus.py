"""A tiny corpus of synthetic voices, and teachers that hear it; needs torch."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from diarize.arrays import unit

RATE = 16_000
TRAIN, DEV = 6, 4


def buzz(pitch: int, seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """A voice made of harmonics in syllables, with a formant of its own; pitch in whole hertz."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE) / RATE
    formant = 400.0 + 1500.0 * np.random.default_rng(pitch).random()
    tone = np.zeros_like(time)
    for k in range(1, 25):
        gain = 1.0 / (1.0 + ((pitch * k - formant) / 400.0) ** 2)
        tone += gain * np.sin(2 * np.pi * (pitch * k * time + rng.random()))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4.0 * time)
    # Whole periods fit into a second.
    spoken = np.resize(0.1 * tone * syllables, round(seconds * RATE))
    return (spoken + 0.002 * rng.normal(size=spoken.size)).astype(np.float32)


def write_corpus(folder: Path) -> Path:
    """Six people to train on, two of them in ``more``, four of part ``dev``, and a noise.

    Those to train on say 12 s each, the others 45 s, enough for a conversation.
    """
    rows, more = [], []
    for number in range(TRAIN + DEV):
        part = "train" if number < TRAIN else "dev"
        seconds = 12.0 if part == "train" else 45.0
        further = part == "train" and number >= TRAIN - 2
        name = f"cv-{number}" if further else f"toy_{number:03d}"
        samples = buzz(85 + 22 * number, seconds, number)
        place = folder / ("more" if further else part)
        place.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / f"{name}.opus", samples, RATE, format="OGG", subtype="OPUS")
        half = seconds / 2
        for session, (start, end) in enumerate(((0.0, half - 0.1), (half, seconds))):
            clip = {"speaker": name, "corpus": "toy", "session": f"{name}_{session}"}
            clip |= {"start": f"{start}", "end": f"{end}"}
            if further:
                more.append(clip | {"rate": "16000"})
            else:
                rows.append(clip | {"part": part})
    _table(folder / "clips.csv", rows)
    _table(folder / "more" / "clips.csv", more)
    languages = [{"speaker": f"cv-{n}", "language": "pl"} for n in range(TRAIN - 2, TRAIN)]
    _table(folder / "more" / "people.csv", languages)
    (folder / "noise").mkdir()
    hum = 0.1 * np.random.default_rng(9).normal(size=6 * RATE)
    soundfile.write(folder / "noise" / "hum.opus", hum, RATE, format="OGG", subtype="OPUS")
    return folder


def _table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


class FirstEar(torch.nn.Module):
    """In place of CAM++, (n, frames, 80) to (n, 16): the spread of the spectrum over time."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = torch.nn.Linear(80, 16)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.mix(features.std(dim=1))
        return mixed


class SecondEar:
    """In place of Resemblyzer: 160 short frames of the samples by a network."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(160 * 40, 24))
        self.run = lambda x: self.network(torch.from_numpy(x)).detach().numpy()

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        length = 160 * 160
        padded = np.pad(batch, ((0, 0), (0, max(0, length - batch.shape[1]))))[:, :length]
        return unit(self.run(padded.reshape(-1, 160, 160)[:, :, :40].copy()))
