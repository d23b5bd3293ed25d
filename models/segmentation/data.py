"""Endless simulated conversations: log-mel windows and who talks in each frame.

Every window is drawn from ``(seed, index)`` alone, so that a run can stop, resume and be repeated.
The decoded speech comes from ``python -m models.autospeech.data``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from models.autospeech.data import Speech, load
from models.segmentation import channel, material, noises
from models.segmentation.network import LOCAL_SPEAKERS, LOG_FLOOR
from models.segmentation.talks import Talks
from models.segmentation.turns import schedule
from models.simulation import acoustics
from models.simulation.voices import LONGEST_INNER_PAUSE

Samples = NDArray[np.float32]
RATE = 16_000
HOP = 160
# Shorter pauses count as speech, as in the references of the evaluation's conversations.
PAUSE = round(LONGEST_INNER_PAUSE * 100)
# How often a window's speakers come from a corpus: connected speech first, lone words as a spice.
CORPORA = {"ocean": 0.26, "libri": 0.15, "libris": 0.03, "wuw": 0.2, "cv": 0.2}
OTHER_CORPORA = 0.16
# Share of the windows cut from conversations of the evaluation's simulator, where there are
# any (``python -m models.segmentation.talks``).
FINISHED = 0.3
# Share of the others in which nobody talks; there, breath and knocks are taken for speech first.
ALONE = 0.12
# Share of the conversations in which people are heard to breathe in their pauses. The references of
# real meetings run on through such pauses, up to so many frames; through silent ones they may not.
BREATHY, LONGEST_BREATH = 0.4, 100
# Noise is at least so far below the speech there, so that the breath can be heard.
QUIET_BEHIND_BREATH = 25.0
# Share of the conversations without any room, and with a room for each speaker (as in calls).
DRY, OWN_ROOMS = 0.22, 0.28
# Standard deviation in dB of the speakers' levels: in half of the conversations the one, or other.
SPREADS = (3.0, 6.0)
# Share of the conversations in which people grow louder and quieter, and walk about, as they talk:
# seconds from one mood to the next, standard deviation of the levels in dB.
MOVING, MOOD, MOOD_SPREAD = 0.35, (0.8, 4.0), 5.0


# --- where a clean clip holds speech ----------------------------------------------------------


def close_gaps(mask: NDArray[np.bool_], gap: int) -> NDArray[np.bool_]:
    """Set the false stretches of less than `gap` frames that lie between true ones.

    >>> close_gaps(np.array([0, 1, 0, 1, 0, 0, 1, 0], dtype=bool), 2).astype(int).tolist()
    [0, 1, 1, 1, 0, 0, 1, 0]
    """
    mask = mask.copy()
    edges = np.flatnonzero(np.diff(mask.astype(np.int8)))
    starts, stops = edges[~mask[edges + 1]] + 1, edges[mask[edges + 1]] + 1
    for start in starts:
        stop = stops[np.searchsorted(stops, start) :][:1]
        if stop.size and stop[0] - start < gap:
            mask[start : stop[0]] = True
    return mask


def breathe(
    rng: np.random.Generator, samples: Samples, active: NDArray[np.bool_]
) -> tuple[Samples, NDArray[np.bool_]]:
    """Put a breath into each pause, and count the pause as speech.

    Pauses of 0.1 s up to the longest; 12 to 32 dB below the speech, which is at −26 dBFS.
    """
    samples, active = samples.copy(), active.copy()
    level = -26.0 - float(rng.uniform(12.0, 28.0))
    edges = np.flatnonzero(np.diff(active.astype(np.int8))) + 1
    for start, stop in pairwise(edges.tolist()):
        length = stop - start
        if active[start] or not 10 <= length <= LONGEST_BREATH:
            continue
        part = noises.breath(rng, int(rng.uniform(0.5, 1.0) * length) * HOP, blown=0.25)
        first = start * HOP + int(rng.integers(length * HOP - part.size + 1))
        loud = level - float(rng.uniform(0.0, 4.0))
        samples[first : first + part.size] += acoustics.set_level(part, loud)
        active[start:stop] = True
    return samples, active


# --- windows ----------------------------------------------------------------------------------


def drift(rng: np.random.Generator, n: int) -> Samples:
    """A slow random curve (n,) of mean 0 and deviation 1, straight between its knots."""
    step = float(rng.uniform(*MOOD)) * RATE
    knots = np.arange(0.0, n + step, step)
    curve = np.interp(np.arange(n), knots, rng.normal(size=knots.size))
    return np.asarray(curve, dtype=np.float32)


@dataclass(frozen=True)
class Window:
    """One training example.

    Attributes
    ----------
    mels : (T, 64) float16 array, each 10 ms
    activity : (T / 2, 3) bool array, each 20 ms
    voices : (3,) int64 array
        Index of each local speaker's voice, −1 where there is none.
    """

    mels: NDArray[np.float16]
    activity: NDArray[np.bool_]
    voices: NDArray[np.int64]


class Conversations:
    """The source of training windows.

    Parameters
    ----------
    cache : Path
        Folder written by ``python -m models.autospeech.data``.
    noise_dir : Path
        Folder of noise recordings.
    part : str
        ``train``; never a part that anything is measured on.
    seconds : float
        Length of a window.
    rooms : int
        Simulated rooms (four talkers each) to make where the cache has no bank of them.
    """

    def __init__(
        self,
        cache: Path,
        noise_dir: Path,
        part: str = "train",
        seconds: float = 10.0,
        seed: int = 0,
        rooms: int = 400,
    ) -> None:
        self.cache, self.noise_dir, self.part = cache, noise_dir, part
        self.frames = round(seconds * 100)
        self.seed, self.rooms = seed, rooms

    @cached_property
    def speech(self) -> Speech:
        """The decoded speech; opened where it is used (a worker process has its own)."""
        return load(self.cache, self.part)

    @cached_property
    def groups(self) -> tuple[list[list[int]], NDArray[np.float64]]:
        """Voices of each corpus, and how often the corpus is drawn."""
        by_corpus: dict[str, list[int]] = defaultdict(list)
        for index, voice in enumerate(self.speech.voices):
            by_corpus[voice.corpus].append(index)
        others = [name for name in by_corpus if name not in CORPORA]
        weights = [CORPORA.get(name, OTHER_CORPORA / max(1, len(others))) for name in by_corpus]
        return list(by_corpus.values()), np.array(weights) / sum(weights)

    @cached_property
    def bank(self) -> list[material.Room]:
        """Impulse responses, four talkers a room, the nearest one of each room at unit gain."""
        return material.rooms(self.cache / "shared_rooms.npz", self.rooms, self.seed)

    @cached_property
    def noise(self) -> noises.NoiseBank:
        """Recorded and synthetic noises and music, babble and far voices of the part's own."""
        rng = np.random.default_rng([self.seed, 2])
        recorded = material.recordings(self.cache / "noises.npz", self.noise_dir)
        murmurs = [self._murmur(rng, int(rng.integers(6, 13))) for _ in range(12)]
        leaks = [self._murmur(rng, 1) for _ in range(24)]
        laughs = [self._laugh(rng) for _ in range(96)]
        return noises.NoiseBank(recorded, rng, murmurs, leaks, laughs)

    @cached_property
    def masks(self) -> list[NDArray[np.bool_]]:
        """Speech frames of 10 ms of each voice's whole recording."""
        return material.speech_frames(self.cache / f"{self.part}_speech.npz", self.cache, self.part)

    @cached_property
    def talks(self) -> Talks | None:
        """Finished conversations of training people, where there are any."""
        folder = self.cache / "talks"
        if self.part != "train" or not (folder / "samples.npy").exists():
            return None
        voices = enumerate(self.speech.voices)
        return Talks(folder, {v.speaker: index for index, v in voices})

    def prepare(self) -> None:
        """Load everything, so that processes forked later share it."""
        _ = self.speech, self.groups, self.bank, self.noise, self.masks, self.talks

    def _murmur(self, rng: np.random.Generator, people: int) -> Samples:
        """So many people at once, somewhere else in a room."""
        n = int(noises.BANK_SECONDS * RATE)
        size = fft.next_fast_len(n + material.LONGEST_ROOM, real=True)
        spectrum = np.zeros(size // 2 + 1, dtype=np.complex64)
        for _ in range(people):
            voice = self.speech.voices[int(rng.integers(len(self.speech.voices)))]
            one = self.speech.cut(voice, int(rng.integers(max(1, voice.length))), n)
            room = self.bank[int(rng.integers(len(self.bank)))]
            response = room[int(rng.integers(len(room)))]
            spectrum += fft.rfft(acoustics.set_level(one, -26.0), size) * fft.rfft(response, size)
        return acoustics.set_level(fft.irfft(spectrum, size)[:n].astype(np.float32), -20.0)

    def _laugh(self, rng: np.random.Generator) -> Samples:
        """A laugh of somebody's own voice, from the loudest stretch of a clip."""
        voice = self.speech.voices[int(rng.integers(len(self.speech.voices)))]
        first, last, _ = voice.clips[int(rng.integers(len(voice.clips)))]
        clip = self.speech.cut(voice, first, last - first)
        size = int(rng.uniform(0.08, 0.16) * RATE)
        power = np.convolve(np.square(clip), np.ones(size), mode="valid")[::HOP]
        loudest = HOP * int(power.argmax()) if power.size else 0
        return noises.laughter_of(rng, np.resize(clip[loudest : loudest + size], size))

    def _samples(self, voice: int, start: int, stop: int) -> Samples:
        first = self.speech.voices[voice].start
        piece = self.speech.samples[first + start : first + stop]
        return piece.astype(np.float32) / 32768.0

    def utterance(
        self, rng: np.random.Generator, voice: int, frames: int, breathy: bool = False
    ) -> tuple[Samples, NDArray[np.bool_]]:
        """Up to `frames` frames of a voice, clip after clip of one session, and its speech frames.

        Speech is at −26 dBFS; pauses hold breath, and count as speech, where it is `breathy`.
        """
        entry, mask = self.speech.voices[voice], self.masks[voice]
        clip = int(rng.integers(len(entry.clips)))
        session, left = entry.clips[clip][2], frames
        pieces: list[Samples] = []
        masks: list[NDArray[np.bool_]] = []
        while left > 15 and clip < len(entry.clips) and entry.clips[clip][2] == session:
            first, last = entry.clips[clip][0] // HOP + 1, entry.clips[clip][1] // HOP
            if last - first > left and not pieces and last - first > 150:
                first += int(rng.integers(0, last - first - left + 1))
            last = min(last, first + left)
            if last > first:
                cut = self._samples(voice, first * HOP, last * HOP)
                ramp = np.linspace(0.0, 1.0, 160, dtype=np.float32)
                cut[:160] *= ramp
                cut[-160:] *= ramp[::-1]
                pieces.append(cut)
                masks.append(mask[first:last])
                # Breaths as well, about the length that splits speech: the model learns that rule.
                gap = int(rng.integers(2, 28) if rng.random() < 0.65 else rng.integers(28, 80))
                pieces.append(np.zeros(gap * HOP, dtype=np.float32))
                masks.append(np.zeros(gap, dtype=bool))
                left -= last - first + gap
            clip += 1
        if not pieces:
            return np.zeros(0, dtype=np.float32), np.zeros(0, dtype=bool)
        samples, active = np.concatenate(pieces), np.concatenate(masks)
        active = close_gaps(active, PAUSE)
        if active.any():
            power = np.square(samples.reshape(-1, HOP)).mean(axis=1)[active].mean()
            samples *= 0.05 / np.sqrt(power + 1e-9)
        return breathe(rng, samples, active) if breathy else (samples, active)

    def window(self, index: int) -> Window:
        """Return the `index`-th window of the endless series."""
        rng = np.random.default_rng([self.seed, 3, index])
        if self.talks is not None and rng.random() < FINISHED:
            samples, activity, voices = self.talks.cut(rng, self.frames, LOCAL_SPEAKERS)
            mels = channel.log_mel(samples)
            return Window(mels.astype(np.float16), activity[::2], voices)
        if rng.random() < ALONE:
            samples = self.noise.alone(rng, self.frames * HOP)
            activity = np.zeros((self.frames, LOCAL_SPEAKERS), dtype=bool)
            voices = np.full(LOCAL_SPEAKERS, -1)
        else:
            samples, activity, voices = self._talk(rng)
        mels = channel.recorded(rng, samples)
        if rng.random() < 0.06:
            kept = int(rng.integers(self.frames // 10, self.frames))
            mels[kept:] = np.log(LOG_FLOOR)
            activity[kept:] = False
        return Window(mels.astype(np.float16), activity[::2], voices)

    def _talk(
        self, rng: np.random.Generator
    ) -> tuple[Samples, NDArray[np.bool_], NDArray[np.int64]]:
        """Mix a conversation: samples, speech frames (T, 3), voices (3,)."""
        count = int(rng.choice([1, 2, 3], p=[0.2, 0.42, 0.38]))
        voices = self._cast(rng, count)
        n = self.frames * HOP
        tracks = np.zeros((count, n), dtype=np.float32)
        activity = np.zeros((self.frames, LOCAL_SPEAKERS), dtype=bool)
        gains = rng.normal(0.0, float(rng.choice(SPREADS)), size=count)
        breathy = rng.random() < BREATHY
        for plan in schedule(rng, count, self.frames):
            samples, active = self.utterance(rng, voices[plan.speaker], plan.length, breathy)
            skip = max(0, -plan.start)
            start = max(0, plan.start)
            stop = min(self.frames, plan.start + active.size)
            # At most two at once, and nobody over himself: such a turn is not held.
            others = activity[start:stop].sum(axis=1)
            if stop <= start or others.max(initial=0) > 1:
                continue
            if activity[start:stop, plan.speaker].any():
                continue
            length = stop - start
            loud = 10.0 ** ((gains[plan.speaker] + plan.gain + rng.normal()) / 20.0)
            piece = samples[skip * HOP : (skip + length) * HOP]
            tracks[plan.speaker, start * HOP : stop * HOP] += loud * piece
            activity[start:stop, plan.speaker] = active[skip : skip + length]
        for own in activity.T:
            own[:] = close_gaps(own, PAUSE)
        mixed = self._rooms(rng, tracks, moving=rng.random() < MOVING)
        talking = np.repeat(activity.any(axis=1), HOP)
        speech_power = float(np.square(mixed[talking]).mean()) if talking.any() else 2.5e-3
        least = QUIET_BEHIND_BREATH if breathy else 0.0
        mixed = self.noise.add(rng, mixed, speech_power, least)
        padded = np.full(LOCAL_SPEAKERS, -1)
        padded[:count] = voices
        return mixed, activity, padded

    def _cast(self, rng: np.random.Generator, count: int) -> list[int]:
        """Different voices, most often of one corpus, so that the channel tells nothing."""
        groups, weights = self.groups
        together = rng.random() < 0.7
        corpus = int(rng.choice(len(groups), p=weights))
        cast: list[int] = []
        names: set[str] = set()
        while len(cast) < count:
            if not together:
                corpus = int(rng.choice(len(groups), p=weights))
            voice = groups[corpus][int(rng.integers(len(groups[corpus])))]
            name = self.speech.voices[voice].speaker
            if name in names:
                together = together and len(groups[corpus]) > 3 * count
                continue
            names.add(name)
            cast.append(voice)
        return cast

    def _rooms(self, rng: np.random.Generator, tracks: Samples, moving: bool = False) -> Samples:
        """Sum the tracks: dry, each through its place in one room, or each from a room of its own.

        People with rooms of their own, as in a call, may be on telephone lines of their own, too.
        Who is `moving` goes to and fro between two places, and is now louder, now quieter.
        """
        kind = float(rng.random())
        n = tracks.shape[1]
        if moving:
            moods = np.stack([drift(rng, n) for _ in tracks])
            tracks = tracks * np.float32(10.0) ** (MOOD_SPREAD / 20.0 * moods)
        if kind < DRY:
            return np.asarray(tracks.sum(axis=0))
        room = self.bank[int(rng.integers(len(self.bank)))]
        places = rng.permutation(len(room))[: len(tracks)]
        if moving:
            shares = np.stack([1.0 / (1.0 + np.exp(-3.0 * drift(rng, n))) for _ in tracks])
            tracks = np.concatenate([tracks * shares, tracks * (1.0 - shares)])
            places = np.concatenate([places, (places + 1) % len(room)])
        responses = [room[int(place)] for place in places]
        lines = 0.0
        if kind > 1.0 - OWN_ROOMS:
            chosen = [self.bank[int(i)] for i in rng.integers(len(self.bank), size=len(tracks))]
            responses = [own[int(rng.integers(len(own)))] for own in chosen]
            responses = [own / np.sqrt(np.square(own).sum()) for own in responses]
            lines = float(rng.choice([0.0, 0.2, 1.0], p=[0.5, 0.25, 0.25]))
        hertz = np.linspace(0.0, RATE / 2, channel.BLOCK // 2 + 1)
        gains = [
            channel.telephone_band(rng, hertz) if rng.random() < lines else None for _ in responses
        ]
        return channel.convolved_sum(tracks, responses, gains)
