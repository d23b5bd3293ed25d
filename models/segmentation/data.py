"""Endless simulated conversations: log-mel windows and who talks in each frame.

Every window is drawn from ``(seed, index)`` alone, so that a run can stop, resume and be repeated.
The decoded speech comes from ``python -m models.autospeech.data``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from diarize.evaluation import acoustics
from diarize.evaluation.voices import LONGEST_INNER_PAUSE, speech_runs
from models.autospeech.data import Speech, load
from models.segmentation import noises
from models.segmentation.network import LOCAL_SPEAKERS, LOG_FLOOR, mel_filters

if TYPE_CHECKING:
    from collections.abc import Iterator

Samples = NDArray[np.float32]
RATE = 16_000
HOP = 160
# Shorter pauses count as speech, as in the references of the evaluation's conversations.
PAUSE = round(LONGEST_INNER_PAUSE * 100)
# How often a window's speakers come from a corpus: connected speech first, lone words as a spice.
CORPORA = {"ocean": 0.36, "libri": 0.2, "libris": 0.04, "wuw": 0.22}
OTHER_CORPORA = 0.18
# Share of the conversations in which everybody talks without regard for the others.
CROSSTALK = 0.12


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


# --- features ---------------------------------------------------------------------------------

_FILTERS = mel_filters()
_WINDOW = np.zeros(512, dtype=np.float32)
_WINDOW[:400] = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(400) / 400)


def log_mel(samples: Samples, response: Samples | None = None) -> Samples:
    """Log-mel (n / 160, 64) of n samples; frame i is centred on samples 160 i to 160 (i + 1).

    `response` (257,) is a gain for each frequency: a telephone line, for instance.
    """
    padded = np.pad(samples, (120, 120 + 112))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::HOP]
    magnitude = np.abs(fft.rfft(frames * _WINDOW, axis=1))
    if response is not None:
        magnitude *= response
    return np.log(magnitude @ _FILTERS + LOG_FLOOR)


# --- turn-taking ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """One utterance: who, from which 10 ms frame on, how many frames at most, how loud (dB)."""

    speaker: int
    start: int
    length: int
    gain: float


def schedule(rng: np.random.Generator, speakers: int, frames: int) -> list[Plan]:
    """Draw the turns of a conversation over `frames` frames of 10 ms.

    Gaps and overlaps between turns, their lengths and the rate of backchannels are drawn anew for
    each conversation, from orderly interviews to heated meetings; it begins in mid-turn.
    """
    overlapping = 0.0 if rng.random() < 0.2 else float(rng.uniform(0.1, 0.9))
    pause = float(rng.uniform(0.1, 0.8))
    median = float(np.exp(rng.uniform(np.log(0.7), np.log(3.5))))
    backchannels = float(rng.uniform(0.0, 0.5)) if speakers > 1 else 0.0
    repeat = float(rng.uniform(0.05, 0.4))
    if speakers > 1 and rng.random() < CROSSTALK:
        alone = [schedule(rng, 1, frames) for _ in range(speakers)]
        both = [replace(plan, speaker=who) for who, own in enumerate(alone) for plan in own]
        return sorted(both, key=lambda plan: plan.start)
    plans: list[Plan] = []
    now = -float(rng.uniform(0.0, 4.0))
    speaker = int(rng.integers(speakers))
    while now * 100 < frames:
        length = float(np.clip(rng.lognormal(np.log(median), 0.7), 0.3, 9.0))
        plans.append(Plan(speaker, int(now * 100), int(length * 100), 0.0))
        if rng.random() < backchannels * max(1.0, length / 2.0):
            other = int((speaker + rng.integers(1, speakers)) % speakers)
            at = now + float(rng.uniform(0.1, 0.9)) * length
            quieter = float(rng.uniform(-8.0, 0.0))
            plans.append(Plan(other, int(at * 100), int(rng.uniform(20, 90)), quieter))
        same = speakers == 1 or rng.random() < repeat
        if not same:
            speaker = int((speaker + rng.integers(1, speakers)) % speakers)
        if not same and rng.random() < overlapping:
            now += max(0.1, length - min(float(rng.exponential(1.2)) + 0.1, 0.9 * length))
        elif rng.random() < 0.12:
            now += length + float(rng.uniform(1.0, 5.0))
        else:
            now += length + float(rng.exponential(pause))
    return plans


# --- windows ----------------------------------------------------------------------------------


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
        Number of simulated rooms (four talkers each) in the bank.
    """

    def __init__(
        self,
        cache: Path,
        noise_dir: Path,
        part: str = "train",
        seconds: float = 10.0,
        seed: int = 0,
        rooms: int = 300,
    ) -> None:
        self.cache, self.noise_dir, self.part = cache, noise_dir, part
        self.frames = round(seconds * 100)
        self.seed, self.rooms = seed, rooms
        self._masks: dict[int, NDArray[np.bool_]] = {}

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
    def bank(self) -> list[list[Samples]]:
        """Impulse responses, four talkers a room, the nearest one of each room at unit gain."""
        rng = np.random.default_rng([self.seed, 1])
        rooms = [acoustics.shared_room(rng, 4) for _ in range(self.rooms)]
        out = []
        for room in rooms:
            gains = [float(np.sqrt(np.square(rir).sum())) for rir in room]
            scale = max(gains)
            # Nobody more than 14 dB below the nearest one: the rest would be labelled but unheard.
            out.append(
                [
                    np.roll(rir, -acoustics.direct_path(rir)) / max(gain, 0.2 * scale)
                    if gain < 0.2 * scale
                    else np.roll(rir, -acoustics.direct_path(rir)) / scale
                    for rir, gain in zip(room, gains, strict=True)
                ]
            )
        return out

    @cached_property
    def noise(self) -> noises.NoiseBank:
        """Recorded and synthetic noises and music."""
        return noises.NoiseBank(self.noise_dir, np.random.default_rng([self.seed, 2]))

    def mask(self, voice: int) -> NDArray[np.bool_]:
        """Speech frames of a voice's whole recording, kept once computed."""
        if voice not in self._masks:
            entry = self.speech.voices[voice]
            mask = np.zeros(entry.length // HOP + 1, dtype=bool)
            for first, last, _ in entry.clips:
                for start, stop in speech_runs(self._samples(voice, first, last)):
                    mask[(first + start) // HOP : (first + stop) // HOP] = True
            self._masks[voice] = mask
        return self._masks[voice]

    def _samples(self, voice: int, start: int, stop: int) -> Samples:
        first = self.speech.voices[voice].start
        piece = self.speech.samples[first + start : first + stop]
        return piece.astype(np.float32) / 32768.0

    def utterance(
        self, rng: np.random.Generator, voice: int, frames: int
    ) -> tuple[Samples, NDArray[np.bool_]]:
        """Up to `frames` frames of a voice, clip after clip of one session, and its speech frames.

        Speech is at −26 dBFS.
        """
        entry, mask = self.speech.voices[voice], self.mask(voice)
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
                gap = int(rng.integers(2, 28))
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
        return samples, active

    def window(self, index: int) -> Window:
        """Return the `index`-th window of the endless series."""
        rng = np.random.default_rng([self.seed, 3, index])
        if rng.random() < 0.07:
            samples = self.noise.alone(rng, self.frames * HOP)
            activity = np.zeros((self.frames, LOCAL_SPEAKERS), dtype=bool)
            voices = np.full(LOCAL_SPEAKERS, -1)
        else:
            samples, activity, voices = self._talk(rng)
        mels = _channel(rng, samples)
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
        gains = rng.normal(0.0, 3.0, size=count)
        for plan in schedule(rng, count, self.frames):
            samples, active = self.utterance(rng, voices[plan.speaker], plan.length)
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
            loud = 10.0 ** ((gains[plan.speaker] + plan.gain) / 20.0)
            piece = samples[skip * HOP : (skip + length) * HOP]
            tracks[plan.speaker, start * HOP : stop * HOP] += loud * piece
            activity[start:stop, plan.speaker] = active[skip : skip + length]
        for own in activity.T:
            own[:] = close_gaps(own, PAUSE)
        mixed = self._rooms(rng, tracks)
        talking = np.repeat(activity.any(axis=1), HOP)
        speech_power = float(np.square(mixed[talking]).mean()) if talking.any() else 2.5e-3
        mixed = self.noise.add(rng, mixed, speech_power)
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

    def _rooms(self, rng: np.random.Generator, tracks: Samples) -> Samples:
        """Sum the tracks, each through its place in one room; a quarter stays dry."""
        if rng.random() < 0.25:
            return tracks.sum(axis=0)
        room = self.bank[int(rng.integers(len(self.bank)))]
        places = rng.permutation(len(room))[: len(tracks)]
        n = tracks.shape[1]
        size = fft.next_fast_len(n + max(rir.size for rir in room), real=True)
        spectrum = np.zeros(size // 2 + 1, dtype=np.complex64)
        for track, place in zip(tracks, places, strict=True):
            if track.any():
                spectrum += fft.rfft(track, size) * fft.rfft(room[place], size)
        return fft.irfft(spectrum, size)[:n].astype(np.float32)


def _channel(rng: np.random.Generator, samples: Samples) -> Samples:
    """Level, quantisation, clipping, µ-law and telephone band; then the log-mel frames."""
    level = float(rng.uniform(-50.0, -5.0))
    samples = acoustics.set_level(samples, level)
    if rng.random() < 0.05:
        samples = acoustics.clip(samples, float(rng.uniform(0.001, 0.02)))
    if rng.random() < 0.05:
        samples = acoustics.mu_law(samples)
    samples = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.float32) / 32768.0
    response = None
    if rng.random() < 0.15:
        hertz = np.linspace(0.0, RATE / 2, _FILTERS.shape[0])
        low, high = rng.uniform(100.0, 350.0), rng.uniform(3200.0, 3900.0)
        outside = np.maximum(low / np.maximum(hertz, 1.0), hertz / high)
        response = np.maximum(1e-3, np.minimum(1.0, outside**-8.0)).astype(np.float32)
    return log_mel(samples, response)


def stream(
    source: Conversations, first: int, worker: int = 0, workers: int = 1
) -> Iterator[Window]:
    """Yield the windows of one of several workers, from the `first`-th on."""
    index = first + worker
    while True:
        yield source.window(index)
        index += workers
