"""What conversations are made of, computed once and kept in files: rooms, noises, speech frames.

Everything here is slow to make, needs packages that a training machine may lack, or both. So each
thing lies in a file of the cache folder, is made where the file is missing, and may be carried
from one machine to another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.autospeech.data import Speech, load
from models.simulation import acoustics
from models.simulation.voices import speech_runs

Samples = NDArray[np.float32]
Room = list[Samples]
RATE = 16_000
HOP = 160
TALKERS = 4
# Share of the rooms, metres to the microphone, seconds of reverberation, chance of a talker to face
# anywhere: a table, a hall, a desk.
KINDS = (
    (0.40, (0.3, 2.5), (0.1, 0.6), 0.5),
    (0.40, (1.2, 5.0), (0.3, 0.9), 0.7),
    (0.20, (0.1, 0.8), (0.1, 0.5), 0.0),
)
# A response ends here, or earlier where what follows is 42 dB below the whole.
LONGEST_ROOM = round(0.6 * RATE)
FAINT = 10.0**-4.2
# Of longer noise recordings, so many seconds of each minute are kept.
NOISE_KEPT = 30.0


def rooms(path: Path, count: int, seed: int) -> list[Room]:
    """Responses of simulated rooms, four talkers each; made where `path` (.npz) is missing.

    Parameters
    ----------
    path : Path
        Holds `samples` (n,) float16 and `ends` (rooms * 4,) int64.
    count, seed : int
        How many to make, and from which seed. A file that is there is used as it is.
    """
    if not path.exists():
        rng = np.random.default_rng([seed, 1])
        made = [response for _ in range(count) for response in _room(rng)]
        ends = np.cumsum([response.size for response in made])
        samples = np.concatenate(made).astype(np.float16)
        _store(path, lambda file: np.savez(file, samples=samples, ends=ends))
    with np.load(path) as stored:
        pieces = np.split(stored["samples"].astype(np.float32), stored["ends"][:-1])
    return [pieces[i : i + TALKERS] for i in range(0, len(pieces), TALKERS)]


def _room(rng: np.random.Generator) -> Room:
    """Draw a room; the nearest talker has unit gain, nobody is below −14 dB (unheard else)."""
    kind = int(rng.choice(len(KINDS), p=[share for share, *_ in KINDS]))
    _, distance, rt60, turned = KINDS[kind]
    responses = acoustics.shared_room(rng, TALKERS, distance=distance, rt60=rt60, turned=turned)
    cut = [_cut(response) for response in responses]
    gains = [float(np.sqrt(np.square(response).sum())) for response in cut]
    nearest = max(gains)
    return [
        response * np.float32(max(gain, 0.2 * nearest) / (gain * nearest))
        for response, gain in zip(cut, gains, strict=True)
    ]


def _cut(response: Samples) -> Samples:
    """Return a response from its direct sound to where it is faint."""
    start = max(0, acoustics.direct_path(response))
    whole = response[start : start + LONGEST_ROOM]
    left = np.cumsum(np.square(whole[::-1], dtype=np.float64))[::-1]
    return whole[: max(1, int((left > left[0] * FAINT).sum()))]


def recordings(path: Path, folder: Path) -> dict[str, Samples]:
    """Recorded noises by name; decoded from `folder` where `path` (.npz, int16) is missing."""
    if not path.exists():
        pieces: dict[str, Any] = {}
        for name, samples in acoustics.load_noises(folder).items():
            whole = np.clip(np.round(samples * 32767.0), -32768, 32767).astype(np.int16)
            for part, start in enumerate(range(0, whole.size, 60 * RATE)):
                kept = whole[start : start + round(NOISE_KEPT * RATE)]
                if not part or kept.size >= 5 * RATE:
                    pieces[f"{name}-{part}"] = kept
        _store(path, lambda file: np.savez_compressed(file, **pieces))
    with np.load(path) as stored:
        return {name: stored[name].astype(np.float32) / 32768.0 for name in stored.files}


def speech_frames(path: Path, cache: Path, part: str) -> list[NDArray[np.bool_]]:
    """Speech frames of 10 ms of each voice of a decoded part; found where `path` is missing.

    A file that does not fit the part (of another decoding) is made again.
    """
    speech = load(cache, part)
    sizes = [voice.length // HOP + 1 for voice in speech.voices]
    ends = np.cumsum(sizes)
    fits = False
    if path.exists():
        with np.load(path) as stored:
            packed = stored["packed"]
            fits = bool(np.array_equal(stored["ends"], ends))
    if not fits:
        packed = np.packbits(np.concatenate(_find(speech, cache, part)))
        _store(path, lambda file: np.savez(file, packed=packed, ends=ends))
    whole = np.unpackbits(packed, count=int(ends[-1])).astype(bool)
    return np.split(whole, ends[:-1])


def _find(speech: Speech, cache: Path, part: str) -> list[NDArray[np.bool_]]:
    """Find the speech frames of all voices, by several processes where there are many."""
    count = len(speech.voices)
    workers = min(os.cpu_count() or 1, count // 50)
    if workers < 2:
        return _voices_frames(cache, part, range(count))
    shares = [range(first, min(first + 20, count)) for first in range(0, count, 20)]
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(_voices_frames, *zip(*((cache, part, s) for s in shares), strict=True))
        return [mask for share in found for mask in share]


def _voices_frames(cache: Path, part: str, indices: Sequence[int]) -> list[NDArray[np.bool_]]:
    speech = load(cache, part)
    return [voice_frames(speech, index) for index in indices]


def voice_frames(speech: Speech, index: int) -> NDArray[np.bool_]:
    """Speech frames of one voice's whole recording, clip by clip as the evaluation finds them."""
    voice = speech.voices[index]
    mask = np.zeros(voice.length // HOP + 1, dtype=bool)
    for first, last, _ in voice.clips:
        piece = speech.samples[voice.start + first : voice.start + last]
        for start, stop in speech_runs(piece.astype(np.float32) / 32768.0):
            mask[(first + start) // HOP : (first + stop) // HOP] = True
    return mask


def _store(path: Path, write: Callable[[Any], None]) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    with partial.open("wb") as file:
        write(file)
    partial.replace(path)
