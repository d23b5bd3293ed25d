"""Speech with its voices changed or mixed, and what the teacher hears in it.

``python -m models.autospeech.pool --weights campplus_cn_en_common.pt --count N`` cuts windows from
the training recordings, gives most of them another pitch, another vocal tract or a second voice,
and asks the teacher about each one: a network that only ever meets 819 people learns their vectors
by heart (see MODEL_CARD.md), and the teacher answers for voices that nobody has. Teacher and
student then hear the same window, after Beyer et al., "Knowledge distillation: A good teacher is
patient and consistent" (CVPR 2022).

Shards of 256 windows go to ``cache/pool``; several processes with different seeds may fill it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from models.autospeech import data
from models.autospeech.bank import ENVELOPE_BINS, reshape_envelope, teach
from models.autospeech.morph import FARTHEST, morph
from models.autospeech.targets import CORPUS_WEIGHT, family
from models.autospeech.teacher import SAMPLE_RATE, WINDOW, campplus

if TYPE_CHECKING:
    from numpy.typing import NDArray

LENGTH = int(WINDOW * SAMPLE_RATE)
SHARD = 256
# Shares of windows as they were recorded, and of windows with a second voice of the same corpus.
ORIGINAL_SHARE, MIXED_SHARE = 0.2, 0.15
# Natural logarithms of the largest changes: pitch and formants together, formants alone, and how
# far single stretches of the spectrum stray from that.
PITCH, FORMANTS, STRAY = 0.26, 0.15, 0.05
# Of a change of pitch, the part that the formants follow: small people have both higher.
FOLLOW = 0.35
# Peaks of the envelope are made so much sharper or flatter.
CONTRAST = 0.2
# Speech that another voice is taken from, and how far on the way to it a morph goes.
MORPH_SOURCE = 12 * SAMPLE_RATE
MORPH_SHARE = (0.7, 1.1)


def change_voice(rng: np.random.Generator, samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Another voice saying the same, three tenths shorter or longer at most.

    Parameters
    ----------
    rng : numpy.random.Generator
    samples : ndarray (n,) int16
        At 16 kHz.

    Returns
    -------
    ndarray (m,) float32 in [-1, 1]
    """
    pitch = float(np.exp(rng.uniform(-PITCH, PITCH)))
    formants = float(np.exp(rng.uniform(-FORMANTS, FORMANTS))) * pitch**FOLLOW
    moved = data.change_speed(samples, pitch).astype(np.float32) / 32768.0
    knots = np.exp(rng.uniform(-STRAY, STRAY, 6))
    stray = np.interp(np.linspace(0.0, 1.0, ENVELOPE_BINS) ** 0.5, np.linspace(0.0, 1.0, 6), knots)
    at = torch.from_numpy(
        (np.arange(ENVELOPE_BINS) * pitch / (formants * stray)).astype(np.float32)
    )
    contrast = float(np.exp(rng.uniform(-CONTRAST, CONTRAST)))
    out: NDArray[np.float32] = reshape_envelope(torch.from_numpy(moved), at, contrast).numpy()
    return out


def needed(length: int) -> int:
    """Samples of which, with whatever voice, `length` are left."""
    return int(length * np.exp(PITCH)) + 1024


def unclipped(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples, quiet enough not to clip."""
    peak = float(np.abs(samples).max())
    return samples * np.float32(min(1.0, 0.99 / max(peak, 1e-6)))


class Inventor:
    """Draws windows (LENGTH,) and the corpora that they are from."""

    def __init__(
        self, speech: data.Speech, weight: NDArray[np.float64], morphs: float = 0.0
    ) -> None:
        self.speech, self.weight, self.morphs = speech, weight / weight.sum(), morphs
        self.corpus = np.array([family(voice.corpus) for voice in speech.voices])

    def __call__(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], str]:
        """One window, quiet enough not to clip."""
        voice = int(rng.choice(len(self.weight), p=self.weight))
        samples = self._window(rng, voice)
        if rng.random() < MIXED_SHARE:
            other = self._another(rng, voice)
            if other is not None:
                second = self._window(rng, other)
                samples = _together(samples, second, float(rng.uniform(0.0, 12.0)))
        return unclipped(samples), str(self.corpus[voice])

    def _another(self, rng: np.random.Generator, voice: int) -> int | None:
        """Somebody else of the corpus, or None."""
        inside = np.where(self.corpus == self.corpus[voice], self.weight, 0.0)
        inside[voice] = 0.0
        return int(rng.choice(len(inside), p=inside / inside.sum())) if inside.any() else None

    def _window(self, rng: np.random.Generator, number: int) -> NDArray[np.float32]:
        asked = self.morphs > 0 and rng.random() < self.morphs
        other = self._another(rng, number) if asked else None
        return self._changed(rng, number) if other is None else self._morph(rng, number, other)

    def _morph(self, rng: np.random.Generator, number: int, other: int) -> NDArray[np.float32]:
        words = self._cut(rng, number, int(LENGTH * FARTHEST) + 1024)
        voice = self._cut(rng, other, min(MORPH_SOURCE, self.speech.voices[other].length))
        return morph(rng, words, voice, float(rng.uniform(*MORPH_SHARE)))[:LENGTH]

    def _cut(self, rng: np.random.Generator, number: int, length: int) -> NDArray[np.int16]:
        voice = self.speech.voices[number]
        start = int(rng.integers(max(1, voice.length - length)))
        return (self.speech.cut(voice, start, length) * 32767.0).round().astype(np.int16)

    def _changed(self, rng: np.random.Generator, number: int) -> NDArray[np.float32]:
        samples = self._cut(rng, number, needed(LENGTH))
        if rng.random() < ORIGINAL_SHARE:
            return samples[:LENGTH].astype(np.float32) / 32768.0
        return change_voice(rng, samples)[:LENGTH]


def _together(
    first: NDArray[np.float32], second: NDArray[np.float32], ratio_db: float
) -> NDArray[np.float32]:
    """Two voices at once, the second one so much quieter."""
    powers = [float(np.mean(np.square(x))) + 1e-9 for x in (first, second)]
    return first + second * np.float32((powers[0] / powers[1] / 10.0 ** (ratio_db / 10.0)) ** 0.5)


def fill(
    inventor: Inventor,
    teacher: torch.nn.Module,
    folder: Path,
    *,
    count: int,
    seed: int,
    batch: int = 16,
) -> None:
    """Write shards until this seed has `count` windows; those already there stay."""
    for path, rng in data.missing_shards(folder, count, SHARD, seed):
        drawn = [inventor(rng) for _ in range(SHARD)]
        samples = (np.stack([piece for piece, _ in drawn]) * 32767.0).round().astype(np.int16)
        data.write_shard(
            path,
            samples=samples,
            vectors=teach(teacher, torch.from_numpy(samples), batch).numpy(),
            corpus=np.array([name for _, name in drawn]),
        )


@dataclass(frozen=True)
class Shard:
    """256 windows.

    Attributes
    ----------
    samples : ndarray (256, LENGTH) int16
    vectors : ndarray (256, d) float32
        The teacher's, of unit length.
    corpus : ndarray (256,) str
    """

    samples: NDArray[np.int16]
    vectors: NDArray[np.float32]
    corpus: NDArray[np.str_]


def shards(folder: Path) -> list[Path]:
    """The shards there are, in order of name."""
    return sorted(folder.glob("*-*.npz"))


def read(path: Path) -> Shard:
    """One shard."""
    with np.load(path) as stored:
        return Shard(stored["samples"], stored["vectors"], stored["corpus"])


def main() -> None:
    """Fill the pool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the teacher's file")
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    parser.add_argument("--count", type=int, default=100_000, help="windows")
    parser.add_argument("--seed", type=int, default=0, help="at most 999")
    parser.add_argument("--morphs", type=float, default=0.0, help="share of morphs (morph.py)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    speech = data.load(args.cache, "train")
    weight = np.array([CORPUS_WEIGHT.get(v.corpus, 1.0) * (v.speed == 1.0) for v in speech.voices])
    fill(
        Inventor(speech, weight, args.morphs),
        campplus(args.weights),
        args.cache / "pool",
        count=args.count,
        seed=args.seed,
    )


if __name__ == "__main__":
    main()
