"""Where simulated conversations take place: rooms, microphones, lines, noise and codecs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from diarize.arrays import SAMPLE_RATE, Float32
from diarize.errors import DiarizeError
from models.simulation import acoustics
from models.simulation.turntaking import TurnTaking

Range: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a conversation takes place, and how it was recorded.

    Parameters
    ----------
    turns : TurnTaking
    snr : (float, float)
        Background noise in dB below the speech, drawn evenly.
    noise_recorded : float
        Chance that the background is a recording of the folder ``noise`` instead of a coloured
        noise.
    distance, rt60 : (float, float) or None
        Metres to the microphone and seconds of reverberation; None: no room.
    shared : bool
        All in one room on one microphone; else everybody has a room and a microphone of their own.
    level_spread : float
        Standard deviation in dB of the speakers' levels.
    telephone : float
        Chance, for each speaker, of a telephone line.
    codecs : sequence of str
        One of these is applied to the whole ("" is none).
    level : (float, float)
        Of the finished recording, in dBFS.
    """

    turns: TurnTaking = field(default_factory=TurnTaking)
    snr: Range = (20.0, 35.0)
    noise_recorded: float = 0.5
    distance: Range | None = None
    rt60: Range = (0.15, 0.5)
    shared: bool = True
    level_spread: float = 2.0
    telephone: float = 0.0
    codecs: Sequence[str] = ("",)
    level: Range = (-34.0, -20.0)


_CALM = TurnTaking(overlap=0.1, overlap_mean=0.25, backchannels=1.0, turn_median=3.5)
_LIVELY = TurnTaking(overlap=0.48, overlap_mean=0.9, backchannels=8.0, hold=0.25)

SCENES: dict[str, Scene] = {
    # Close microphones, little noise, people let each other finish.
    "clean": Scene(turns=_CALM, snr=(30.0, 45.0), level_spread=1.0),
    # A produced recording: everybody close to a microphone, mixed and compressed.
    "podcast": Scene(
        snr=(25.0, 40.0), distance=(0.1, 0.4), rt60=(0.1, 0.3), shared=False, level_spread=1.5,
        codecs=("mp3", "aac", "opus", ""),
    ),
    # One microphone on the table.
    "meeting": Scene(
        turns=_LIVELY, snr=(12.0, 28.0), distance=(0.4, 2.5), rt60=(0.2, 0.6), level_spread=2.5,
        codecs=("", "", "opus", "aac"),
    ),
    # One microphone across the room.
    "far": Scene(
        turns=_LIVELY, snr=(6.0, 18.0), noise_recorded=0.7, distance=(1.5, 4.5), rt60=(0.4, 0.9),
        level_spread=3.0, level=(-40.0, -22.0),
    ),
    # A video call: everybody's own room, microphone and level.
    "web": Scene(
        snr=(15.0, 35.0), distance=(0.2, 1.0), rt60=(0.1, 0.5), shared=False, level_spread=4.0,
        telephone=0.1, codecs=("opus", "aac"),
    ),
    # A telephone call.
    "call": Scene(
        snr=(12.0, 30.0), distance=(0.03, 0.2), rt60=(0.1, 0.4), shared=False, level_spread=4.0,
        telephone=1.0, codecs=("", "gsm-like", "opus"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What to draw a conversation from.

    Parameters
    ----------
    speakers : (int, int)
        Fewest and most people.
    minutes : (float, float)
        Length, drawn evenly.
    scenes : sequence of str
        Names out of :data:`SCENES`, one of which is drawn.
    within_corpus : float
        Chance that all speakers come from one corpus. Corpus and channel tell speakers apart too
        easily, so most conversations should stay within one.
    speech_factor : float
        A speaker takes part only with clips for this part of an even share of the talk: the rest of
        it repeats clips.
    """

    speakers: tuple[int, int] = (2, 8)
    minutes: Range = (4.0, 5.0)
    scenes: Sequence[str] = tuple(SCENES)
    within_corpus: float = 0.8
    speech_factor: float = 0.5

    def __post_init__(self) -> None:
        unknown = sorted(set(self.scenes) - set(SCENES))
        if unknown or not self.scenes:
            raise DiarizeError(
                f"unknown scene {', '.join(unknown)!r}; choose from {', '.join(SCENES)}"
            )
        if not 1 <= self.speakers[0] <= self.speakers[1]:
            raise DiarizeError(f"speakers: {self.speakers} is not a range of at least 1")
        if not 0 < self.minutes[0] <= self.minutes[1]:
            raise DiarizeError(f"minutes: {self.minutes} is not a range above 0")


class Channel:
    """What lies between a mouth and the mix: room, telephone line, level."""

    def __init__(self, rir: Float32 | None, keep_level: bool, line: bool, gain: float) -> None:
        self.rir = rir
        self.keep_level = keep_level
        self.line = line
        self.gain = gain

    def __call__(self, samples: Float32, extra: float) -> Float32:
        """Return what arrives, with its reverberation (longer than what went in)."""
        dry = acoustics.set_level(samples, -26.0 + self.gain + extra)
        if self.rir is not None:
            start = acoustics.direct_path(self.rir)
            wet = signal.oaconvolve(dry, self.rir)[start:].astype(np.float32)
            if self.keep_level:
                change = acoustics.level(dry) - acoustics.level(wet[: dry.size])
                wet *= np.float32(10.0 ** (change / 20.0))
            dry = wet
        if self.line:
            dry = acoustics.mu_law(acoustics.telephone(dry))
        return dry


def channels(rng: np.random.Generator, scene: Scene, count: int) -> list[Channel]:
    """Draw everybody's way to the microphone."""
    rirs: list[Float32 | None] = [None] * count
    if scene.distance is not None and scene.shared:
        made = acoustics.shared_room(rng, count, distance=scene.distance, rt60=scene.rt60)
        # Distances give levels up to 15 dB apart; the mix as a whole is levelled at the end.
        loudest = max(float(np.sqrt(np.sum(np.square(rir)))) for rir in made)
        rirs = [(rir / loudest).astype(np.float32) for rir in made]
    elif scene.distance is not None:
        rirs = [acoustics.room(rng, distance=scene.distance, rt60=scene.rt60) for _ in range(count)]
    return [
        Channel(
            rir,
            keep_level=not scene.shared,
            line=bool(rng.random() < scene.telephone),
            gain=float(rng.normal(0.0, scene.level_spread)),
        )
        for rir in rirs
    ]


def background(
    rng: np.random.Generator, scene: Scene, n: int, noises: Mapping[str, Float32]
) -> Float32:
    """Draw the background noise of a scene."""
    if noises and rng.random() < scene.noise_recorded:
        return acoustics.noise_like(rng, noises, n)
    return acoustics.coloured_noise(rng, n, float(rng.uniform(0.0, 2.0)))


_NOISES: dict[Path, dict[str, Float32]] = {}


def recorded_noises(speech_dir: str | Path) -> dict[str, Float32]:
    """Return the noise recordings beside the speech, decoded once a process."""
    folder = Path(speech_dir) / "noise"
    if folder not in _NOISES:
        _NOISES[folder] = acoustics.load_noises(folder) if folder.is_dir() else {}
    return _NOISES[folder]


def recorded(rng: np.random.Generator, samples: Float32, scene: Scene) -> NDArray[np.int16]:
    """Set the level of the finished recording and put it through a codec."""
    levelled = acoustics.set_level(samples, even(rng, scene.level))
    name = scene.codecs[int(rng.integers(len(scene.codecs)))]
    if name:
        rates = acoustics.CODEC_BITRATES[name]
        rate = rates[int(rng.integers(len(rates)))]
        # The codec's delay is found on the beginning: put the loudest seconds there for that.
        size = 2 * SAMPLE_RATE
        blocks = levelled[: levelled.size // size * size].reshape(-1, size)
        head = (
            blocks[int(np.argmax(np.sum(np.square(blocks), axis=1)))] if blocks.size else levelled
        )
        levelled = acoustics.codec(np.concatenate([head, levelled]), name, rate)[head.size :]
    return np.clip(np.round(levelled * 32767.0), -32768, 32767).astype(np.int16)


def even(rng: np.random.Generator, limits: Range) -> float:
    """Draw evenly between two limits."""
    return float(rng.uniform(*limits))
