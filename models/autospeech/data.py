"""Speech on disk for training: every recording decoded once to one int16 file.

``python -m models.autospeech.data --speech DIR`` decodes the ``train`` part with its
speed-perturbed copies. Such a copy counts as another speaker (Yamamoto et al., Interspeech 2019).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diarize.arrays import SAMPLE_RATE
from diarize.evaluation.acoustics import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SPEEDS = (1.0, 0.9, 1.1)
CACHE = Path(__file__).parent / "runs" / "cache"


@dataclass(frozen=True)
class Voice:
    """One speaker at one speed: a stretch of the int16 file.

    Attributes
    ----------
    speaker, corpus : str
        Name in ``clips.csv`` and its prefix without digits of the speaker's number.
    speed : float
        1.0 for the recording itself.
    start, length : int
        Samples in the int16 file.
    clips : tuple of (int, int, str)
        First and last sample (relative to `start`) and the session of each clip.
    """

    speaker: str
    corpus: str
    speed: float
    start: int
    length: int
    clips: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class Speech:
    """A decoded part: `samples` is a read-only memory map, `voices` says who is where."""

    samples: NDArray[np.int16]
    voices: tuple[Voice, ...]

    def cut(self, voice: Voice, start: int, length: int) -> NDArray[np.float32]:
        """`length` samples of a voice from `start` on, repeated where the voice is shorter."""
        if voice.length <= length:
            whole = self.samples[voice.start : voice.start + voice.length]
            piece = np.resize(np.roll(whole, -(start % max(1, voice.length))), length)
        else:
            first = voice.start + min(start, voice.length - length)
            piece = self.samples[first : first + length]
        return piece.astype(np.float32) / 32768.0


def read_clips(speech_dir: Path, part: str) -> dict[str, list[tuple[float, float, str]]]:
    """Clips (start, end, session) of every speaker of `part`, from ``clips.csv``."""
    clips: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    with (speech_dir / "clips.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["part"] == part:
                clips[row["speaker"]].append(
                    (float(row["start"]), float(row["end"]), row["session"])
                )
    if not clips:
        raise SystemExit(f"{speech_dir / 'clips.csv'}: no clips of part {part!r}")
    return dict(clips)


def change_speed(samples: NDArray[np.int16], speed: float) -> NDArray[np.int16]:
    """Play faster (`speed` > 1) or slower: pitch and formants move along."""
    if speed == 1.0:
        return samples
    import soxr  # here, because training from a decoded part does without it

    return np.asarray(soxr.resample(samples, SAMPLE_RATE * speed, SAMPLE_RATE))


def _decode_speaker(name: str, folder: Path, speeds: Sequence[float]) -> list[NDArray[np.int16]]:
    floats = decode((folder / f"{name}.opus").read_bytes())
    whole = np.clip(np.round(floats * 32767.0), -32768, 32767).astype(np.int16)
    return [change_speed(whole, speed) for speed in speeds]


def prepare(
    speech_dir: Path, part: str, cache: Path, speeds: Sequence[float] = SPEEDS, workers: int = 2
) -> None:
    """Decode `part` into ``cache/part.i16`` and ``cache/part.json``; speakers in order of name."""
    clips = read_clips(speech_dir, part)
    cache.mkdir(parents=True, exist_ok=True)
    job = partial(_decode_speaker, folder=speech_dir / part, speeds=tuple(speeds))
    voices, position = [], 0
    names = sorted(clips)
    partial_file = cache / f"{part}.i16.part"
    with partial_file.open("wb") as out, ProcessPoolExecutor(workers) as pool:
        for name, copies in zip(names, pool.map(job, names, chunksize=8), strict=True):
            for speed, samples in zip(speeds, copies, strict=True):
                scale = SAMPLE_RATE / speed
                spans = tuple(
                    (int(a * scale), min(int(b * scale), samples.size), s)
                    for a, b, s in clips[name]
                )
                corpus = name.split("_")[0]
                voices.append(Voice(name, corpus, speed, position, samples.size, spans))
                out.write(samples.tobytes())
                position += samples.size
    partial_file.rename(cache / f"{part}.i16")
    (cache / f"{part}.json").write_text(json.dumps([asdict(v) for v in voices]))


def load(cache: Path, part: str) -> Speech:
    """Open what :func:`prepare` wrote."""
    listing = cache / f"{part}.json"
    if not listing.exists():
        raise SystemExit(f"{listing}: missing; run python -m models.autospeech.data first")
    voices = tuple(
        Voice(**{**entry, "clips": tuple((a, b, s) for a, b, s in entry["clips"])})
        for entry in json.loads(listing.read_text())
    )
    return Speech(np.memmap(cache / f"{part}.i16", dtype=np.int16, mode="r"), voices)


def missing_shards(
    folder: Path, count: int, size: int, seed: int
) -> Iterator[tuple[Path, np.random.Generator]]:
    """The shards of `size` that this seed lacks for `count`, and what each is to be drawn with."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-count // size)):
        path = folder / f"{seed:03d}-{number:05d}.npz"
        if not path.exists():
            yield path, np.random.default_rng([seed, number])


def write_shard(path: Path, **arrays: NDArray[Any]) -> None:
    """Write whole or not at all."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as out:
        np.savez(out, **arrays)
    temporary.replace(path)


def main() -> None:
    """Decode one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--part", default="train")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--speeds", type=float, nargs="+", default=list(SPEEDS))
    args = parser.parse_args()
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    prepare(args.speech, args.part, args.cache, args.speeds)
    speech = load(args.cache, args.part)
    hours = speech.samples.size / SAMPLE_RATE / 3600
    print(f"{len(speech.voices)} voices, {hours:.2f} h in {args.cache / args.part}.i16")


if __name__ == "__main__":
    main()
