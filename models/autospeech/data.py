"""Speech on disk for training: every recording decoded once to one int16 file.

``python -m models.autospeech.data --speech DIR --cache DIR`` decodes one part of the corpus.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE
from models.simulation.acoustics import decode
from models.training.checkpoints import write_whole

CACHE = Path(__file__).parent / "runs" / "cache"
# Folder of further people to train on, beside the parts.
MORE = "more"


@dataclass(frozen=True)
class Voice:
    """One speaker: a stretch of the int16 file.

    Attributes
    ----------
    speaker, corpus : str
        Name in ``clips.csv`` and its prefix without the speaker's number.
    start, length : int
        Samples in the int16 file.
    clips : tuple of (int, int, str)
        First and last sample (relative to `start`) and the session of each clip.
    language : str
        As ``people.csv`` has it; empty where it is not said.
    """

    speaker: str
    corpus: str
    start: int
    length: int
    clips: tuple[tuple[int, int, str], ...]
    language: str = ""


@dataclass(frozen=True)
class Person:
    """One speaker of the corpus: file, and clips (start, end, session) in seconds."""

    name: str
    file: Path
    language: str
    clips: tuple[tuple[float, float, str], ...]

    @property
    def corpus(self) -> str:
        """The prefix of the name."""
        return re.split("[-_]", self.name)[0]


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


def read_people(speech_dir: Path, part: str) -> list[Person]:
    """The people of a part in order of name; to ``train`` belongs the folder ``more``, if any.

    Raises
    ------
    SystemExit
        Nobody is in that part.
    """
    people = _listed(speech_dir / "clips.csv", speech_dir / part, part)
    more = speech_dir / MORE
    if part == "train" and (more / "clips.csv").exists():
        people += _listed(more / "clips.csv", more)
    if not people:
        raise SystemExit(f"{speech_dir / 'clips.csv'}: no clips of part {part!r}")
    return sorted(people, key=lambda person: person.name)


def _listed(table: Path, folder: Path, part: str | None = None) -> list[Person]:
    """The people of a table of clips, with their languages where ``people.csv`` is beside it."""
    languages = {row["speaker"]: row["language"] for row in _rows(table.with_name("people.csv"))}
    clips: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for row in _rows(table):
        if part is None or row["part"] == part:
            clips[row["speaker"]].append((float(row["start"]), float(row["end"]), row["session"]))
    return [
        Person(name, folder / f"{name}.opus", languages.get(name, ""), tuple(spans))
        for name, spans in clips.items()
    ]


def _rows(table: Path) -> list[dict[str, str]]:
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _decoded(person: Person) -> NDArray[np.int16]:
    floats = decode(person.file.read_bytes())
    return np.clip(np.round(floats * 32767.0), -32768, 32767).astype(np.int16)


def prepare(speech_dir: Path, part: str, cache: Path, workers: int = 2) -> None:
    """Decode `part` into ``cache/part.i16`` and ``cache/part.json``; speakers in order of name."""
    people = read_people(speech_dir, part)
    cache.mkdir(parents=True, exist_ok=True)
    voices: list[Voice] = []

    def write(path: Path) -> None:
        position = 0
        with path.open("wb") as out, ProcessPoolExecutor(workers) as pool:
            pieces: Iterable[NDArray[np.int16]] = pool.map(_decoded, people, chunksize=8)
            for person, samples in zip(people, pieces, strict=True):
                clips = tuple(
                    (int(a * SAMPLE_RATE), min(int(b * SAMPLE_RATE), samples.size), session)
                    for a, b, session in person.clips
                )
                place = (position, samples.size, clips)
                voices.append(Voice(person.name, person.corpus, *place, person.language))
                out.write(samples.tobytes())
                position += samples.size

    write_whole(cache / f"{part}.i16", write)
    listing = json.dumps([asdict(voice) for voice in voices])
    write_whole(cache / f"{part}.json", lambda path: path.write_text(listing, encoding="utf-8"))


def load(cache: Path, part: str) -> Speech:
    """Open what :func:`prepare` wrote."""
    listing = cache / f"{part}.json"
    if not listing.exists():
        raise SystemExit(f"{listing}: missing; run python -m models.autospeech.data first")
    voices = tuple(
        Voice(**{**entry, "clips": tuple((a, b, s) for a, b, s in entry["clips"])})
        for entry in json.loads(listing.read_text(encoding="utf-8"))
    )
    return Speech(np.memmap(cache / f"{part}.i16", dtype=np.int16, mode="r"), voices)


def main() -> None:
    """Decode one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--part", default="train")
    parser.add_argument("--cache", type=Path, default=CACHE)
    args = parser.parse_args()
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    prepare(Path(args.speech), args.part, args.cache)
    speech = load(args.cache, args.part)
    hours = speech.samples.size / SAMPLE_RATE / 3600
    print(f"{len(speech.voices)} voices, {hours:.2f} h in {args.cache / args.part}.i16")


if __name__ == "__main__":
    main()
