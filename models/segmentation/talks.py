"""Finished conversations of the evaluation's simulator, of training people, as training material.

``python -m models.segmentation.talks --speech DIR`` makes them and keeps them in the cache, from
where :class:`models.segmentation.data.Conversations` cuts a part of its windows. They hold what its
own windows lack: real codecs, and levels and turns as the evaluation has them.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.autospeech.data import CACHE, MORE
from models.simulation.conversations import SimulatedConversation, simulate
from models.simulation.scenes import SimulationOptions
from models.simulation.voices import VoiceBank

# Length of a conversation in seconds, people in one at most, conversations to make.
SECONDS, PEOPLE, COUNT = 60, 4, 1800
# Seeds far from those that anything is measured or tuned on.
FIRST_SEED = 1_000_000
RATE = 16_000
# Samples a label frame.
FRAME = 320


class Talks:
    """The conversations of a cache, opened; windows are cut from them anywhere.

    Parameters
    ----------
    folder : Path
        Written by :func:`make`.
    voices : mapping of str to int
        Index of each speaker's voice; who is not in it is a voice that nothing is known of (−1).
    """

    def __init__(self, folder: Path, voices: Mapping[str, int]) -> None:
        self.samples = np.load(folder / "samples.npy", mmap_mode="r")
        with np.load(folder / "labels.npz") as stored:
            self.activity: NDArray[np.bool_] = stored["activity"]
        names = json.loads((folder / "speakers.json").read_text())
        self.voices = [[voices.get(name, -1) for name in people] for people in names]

    def __len__(self) -> int:
        return len(self.samples)

    def cut(
        self, rng: np.random.Generator, frames: int, local: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]:
        """Cut a window: samples (n,), who talks each 10 ms (frames, local), voices (local,).

        The local speakers are those who talk most in the window, in order of appearance.
        """
        which = int(rng.integers(len(self.samples)))
        whole = self.activity[which]
        first = int(rng.integers(len(whole) - frames // 2 + 1))
        activity = whole[first : first + frames // 2]
        samples = self.samples[which, first * FRAME : first * FRAME + frames * FRAME // 2]
        said = activity.sum(axis=0)
        most = [int(who) for who in np.argsort(-said, kind="stable")[:local] if said[who]]
        present = sorted(most, key=lambda who: int(activity[:, who].argmax()))
        labels = np.zeros((frames, local), dtype=bool)
        labels[:, : len(present)] = np.repeat(activity[:, present], 2, axis=0)
        voices = np.full(local, -1, dtype=np.int64)
        voices[: len(present)] = [self.voices[which][who] for who in present]
        return samples.astype(np.float32) / 32768.0, labels, voices


def labelled(talk: SimulatedConversation) -> tuple[NDArray[np.bool_], list[str]]:
    """Who talks in each 20 ms, (T, 4), and their names."""
    names = list(talk.speakers)
    activity = np.zeros((talk.samples.size // FRAME, PEOPLE), dtype=bool)
    for turn in talk.turns:
        first, last = (round(edge * RATE / FRAME) for edge in (turn.start, turn.end))
        activity[first:last, names.index(turn.speaker)] = True
    return activity, names


def make(speech: Path, folder: Path, count: int = COUNT, part: str = "train") -> None:
    """Make conversations and write them: samples, who talks when, the speakers' names."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, SECONDS * RATE)
    samples = np.lib.format.open_memmap(folder / "samples.part", "w+", np.int16, shape)
    activity = np.zeros((count, shape[1] // FRAME, PEOPLE), dtype=bool)
    speakers: list[list[str]] = []
    shares = [range(first, min(first + 25, count)) for first in range(0, count, 25)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(partial(_some, speech, part), shares)
        for share, found in zip(shares, made, strict=True):
            for index, talk in zip(share, found, strict=True):
                samples[index] = talk.samples
                activity[index], names = labelled(talk)
                speakers.append(names)
            print(f"{share.stop} of {count} conversations", flush=True)
    samples.flush()
    np.savez_compressed(folder / "labels.npz", activity=activity)
    (folder / "speakers.json").write_text(json.dumps(speakers))
    (folder / "samples.part").replace(folder / "samples.npy")


def _some(speech: Path, part: str, indices: Sequence[int]) -> list[SimulatedConversation]:
    minutes = SECONDS / 60
    options = SimulationOptions(speakers=(2, PEOPLE), minutes=(minutes, minutes))
    bank = VoiceBank(speech, part)
    if part == "train" and (speech / MORE).is_dir():
        bank.voices |= VoiceBank(speech / MORE, "").voices
    return [simulate(speech, part, FIRST_SEED + i, options, bank=bank) for i in indices]


def main() -> None:
    """Make the conversations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--count", type=int, default=COUNT)
    args = parser.parse_args()
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    make(args.speech, args.cache / "talks", args.count)


if __name__ == "__main__":
    main()
