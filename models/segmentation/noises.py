"""Noise, hum, music, taps, breath, laughter and babble for the simulated conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.simulation import acoustics

Samples = NDArray[np.float32]
RATE = 16_000
BANK_SECONDS = 20.0
# Share of the conversations in which music as loud as the talk is heard for some seconds.
JINGLES = 0.08


class NoiseBank:
    """Stretches of noise of every kind, made once and cut at random.

    Parameters
    ----------
    recorded : mapping of str to ndarray
        Recorded noises, see :func:`models.segmentation.material.recordings`.
    rng : numpy.random.Generator
        Draws the synthetic ones.
    murmurs : sequence of ndarray
        Many people talking at once: counts as noise. May be empty.
    leaks : sequence of ndarray
        One voice from far away, as open microphones next door or another table have it: counts as
        noise where it is far below the talk. May be empty.
    laughs : sequence of ndarray
        Laughter of real voices, besides the synthetic one. May be empty.
    """

    def __init__(
        self,
        recorded: Mapping[str, Samples],
        rng: np.random.Generator,
        murmurs: Sequence[Samples] = (),
        leaks: Sequence[Samples] = (),
        laughs: Sequence[Samples] = (),
    ) -> None:
        self.murmurs, self.leaks = list(murmurs), list(leaks)
        short = {k: v for k, v in recorded.items() if v.size < 3 * RATE or "short" in k}
        self.taps = [acoustics.set_level(v, -20.0) for v in short.values()]
        self.recorded = {k: v for k, v in recorded.items() if k not in short}
        n = int(BANK_SECONDS * RATE)
        self.coloured = [
            acoustics.coloured_noise(rng, n, float(rng.uniform(0.0, 2.2))) for _ in range(12)
        ]
        self.tonal = [hum(rng, n) for _ in range(16)]
        self.music = [music(rng, n) for _ in range(32)]
        self.laughs = [*(laughter(rng) for _ in range(48)), *laughs]
        self.gusts = [gusts(rng, n) for _ in range(16)]
        self.breaths = [breath(rng) for _ in range(192)]
        self.knocks = [knocks(rng) for _ in range(96)]

    def steady(self, rng: np.random.Generator, n: int) -> Samples:
        """`n` samples of one kind of background."""
        kind = float(rng.random())
        if kind < 0.4 and self.recorded:
            return acoustics.noise_like(rng, self.recorded, n)
        for bank, share in ((self.coloured, 0.6), (self.gusts, 0.75), (self.tonal, 0.85)):
            if kind < share:
                return stretch(rng, bank, n)
        return stretch(rng, self.music, n)

    def events(self, rng: np.random.Generator, n: int, level: float) -> Samples:
        """Some taps, breaths, laughs and clicks in `n` samples, each at `level` dBFS or below."""
        out = np.zeros(n, dtype=np.float32)
        for _ in range(int(rng.integers(1, 10))):
            part = self._event(rng)
            start = int(rng.integers(max(1, n - part.size)))
            part = part[: n - start]
            gain = level - acoustics.level(part) - float(rng.uniform(0.0, 15.0))
            out[start : start + part.size] += part * np.float32(10.0 ** (gain / 20.0))
        return out

    def _event(self, rng: np.random.Generator) -> Samples:
        """One short sound that is no speech."""
        kind = float(rng.random())
        for bank, share in ((self.laughs, 0.2), (self.breaths, 0.5), (self.knocks, 0.65)):
            if kind < share:
                return bank[int(rng.integers(len(bank)))]
        taps = self.taps if kind < 0.85 else []
        tap = taps[int(rng.integers(len(taps)))] if taps else click(rng)
        return tap[: int(rng.uniform(0.05, 1.0) * RATE)]

    def alone(self, rng: np.random.Generator, n: int) -> Samples:
        """A window in which nobody talks: noise of any kind, sometimes plain silence."""
        kind = float(rng.random())
        out = np.zeros(n, dtype=np.float32)
        if kind < 0.07:
            return out
        if kind < 0.9:
            murmur = self.murmurs and rng.random() < 0.1
            sound = stretch(rng, self.murmurs, n) if murmur else self.steady(rng, n)
            out = acoustics.set_level(sound, float(rng.uniform(-60.0, -30.0)))
        if kind > 0.4:
            out = out + self.events(rng, n, float(rng.uniform(-45.0, -15.0)))
        return out

    def add(
        self,
        rng: np.random.Generator,
        samples: Samples,
        speech_power: float,
        least: float = 0.0,
    ) -> Samples:
        """Add background at 0 to 30 dB below speech (a quarter: 30 to 60 dB), sometimes taps.

        `least` is the least distance in dB.
        """
        speech = 10.0 * float(np.log10(speech_power + 1e-9))
        quiet = rng.random() < 0.25
        ratio = float(rng.uniform(30.0, 60.0) if quiet else 30.0 * rng.beta(1.6, 1.3))
        ratio = max(ratio, least)
        noise = acoustics.set_level(self.steady(rng, samples.size), speech - ratio)
        if rng.random() < 0.25:
            below = speech - max(ratio, 10.0) - float(rng.uniform(0.0, 10.0))
            noise = noise + acoustics.set_level(self.steady(rng, samples.size), below)
        if self.murmurs and rng.random() < 0.08:
            below = speech - float(rng.uniform(10.0, 30.0))
            noise = noise + acoustics.set_level(stretch(rng, self.murmurs, samples.size), below)
        if self.leaks and rng.random() < 0.1:
            below = speech - float(rng.uniform(28.0, 42.0))
            noise = noise + acoustics.set_level(stretch(rng, self.leaks, samples.size), below)
        if rng.random() < 0.35:
            noise = noise + self.events(rng, samples.size, speech + float(rng.uniform(-18.0, 6.0)))
        if rng.random() < JINGLES:
            noise = noise + self.jingle(rng, samples.size, speech + float(rng.uniform(-8.0, 6.0)))
        return samples + noise

    def jingle(self, rng: np.random.Generator, n: int, level: float) -> Samples:
        """Music at `level` dBFS in a part of `n` samples, fading in and out."""
        out = np.zeros(n, dtype=np.float32)
        part = stretch(rng, self.music, min(n, int(rng.uniform(0.8, 6.0) * RATE)))
        fade = np.minimum(1.0, np.arange(part.size) / (rng.uniform(0.02, 0.5) * RATE))
        start = int(rng.integers(n - part.size + 1))
        shaped = part * (fade * fade[::-1]).astype(np.float32)
        out[start : start + part.size] = acoustics.set_level(shaped, level)
        return out


def stretch(rng: np.random.Generator, bank: Sequence[Samples], n: int) -> Samples:
    """`n` samples of one of the sounds of a bank, from anywhere on, repeated where it is short."""
    source = bank[int(rng.integers(len(bank)))]
    start = int(rng.integers(source.size))
    if start + n <= source.size:
        return source[start : start + n]
    return np.resize(np.roll(source, -start), n)


def hum(rng: np.random.Generator, n: int) -> Samples:
    """Mains hum, a whistle or an alarm: few partials, steady or pulsing."""
    time = np.arange(n) / RATE
    base = float(rng.choice([50.0, 60.0, 100.0, 120.0])) if rng.random() < 0.5 else 0.0
    base = base or float(np.exp(rng.uniform(np.log(150.0), np.log(3000.0))))
    partials = int(rng.integers(1, 12))
    out = np.zeros(n)
    for k in range(1, partials + 1):
        if k * base < 7800.0:
            phase = rng.uniform(0, 2 * np.pi)
            out += rng.uniform(0.1, 1.0) / k * np.sin(2 * np.pi * k * base * time + phase)
    if rng.random() < 0.4:
        rate = rng.uniform(0.3, 6.0)
        out *= (np.sin(2 * np.pi * rate * time) > rng.uniform(-0.5, 0.7)).astype(float)
    out += rng.normal(size=n) * 0.003
    return acoustics.set_level(out.astype(np.float32), -20.0)


def music(rng: np.random.Generator, n: int) -> Samples:
    """Something like music: chords and a tune of decaying harmonic notes, sometimes with drums."""
    out = np.zeros(n)
    beat = float(rng.uniform(0.18, 0.7))
    root = float(rng.uniform(36, 60))
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10])
    brightness, decay = float(rng.uniform(0.4, 1.8)), float(rng.uniform(0.1, 1.5))
    vibrato = float(rng.uniform(0.0, 0.006))
    drums = rng.random() < 0.5
    for start in np.arange(0.0, n / RATE, beat):
        first = int(start * RATE)
        degrees = [int(rng.integers(7))]
        if rng.random() < 0.5:
            degrees += [degrees[0] + 2, degrees[0] + 4]
        for degree in degrees:
            if rng.random() < 0.2:
                continue
            pitch = root + scale[degree % 7] + 12 * (degree // 7 + int(rng.integers(0, 3)))
            held = float(rng.choice([1, 1, 2, 4])) * beat
            tone = note(440.0 * 2 ** ((pitch - 69) / 12), held, brightness, decay, vibrato)
            part = tone[: n - first]
            out[first : first + part.size] += part
        if drums:
            beat_sound = click(rng)[: n - first]
            out[first : first + beat_sound.size] += float(rng.uniform(0.2, 1.0)) * beat_sound
    out += rng.normal(size=n) * 1e-4
    return acoustics.set_level(out.astype(np.float32), -20.0)


def note(
    hertz: float, seconds: float, brightness: float, decay: float, vibrato: float
) -> NDArray[np.float64]:
    """One decaying harmonic tone."""
    time = np.arange(int(seconds * RATE)) / RATE
    bend = hertz * (time + vibrato * np.sin(2 * np.pi * 5.5 * time) / (2 * np.pi * 5.5))
    tone = np.zeros(time.size)
    for k in range(1, 9):
        if k * hertz < 7600.0:
            tone += k**-brightness * np.sin(2 * np.pi * k * bend)
    attack = np.minimum(1.0, time / 0.015) * np.minimum(1.0, (seconds - time) / 0.02)
    decaying: NDArray[np.float64] = tone * attack * np.exp(-time / decay)
    return decaying


def click(rng: np.random.Generator) -> Samples:
    """A short burst of coloured noise: a key, a tap, a drum."""
    n = int(rng.uniform(0.01, 0.25) * RATE)
    burst = acoustics.coloured_noise(rng, n, float(rng.uniform(0.0, 2.0)))
    decay = np.exp(-np.arange(n) / (n * rng.uniform(0.05, 0.4)))
    return (burst * decay).astype(np.float32)


def knocks(rng: np.random.Generator) -> Samples:
    """A hand on the table or on the microphone: one to eight sharp blows, some that ring."""
    out = np.zeros(int(rng.uniform(0.1, 2.0) * RATE), dtype=np.float32)
    hertz, ring = float(np.exp(rng.uniform(np.log(60.0), np.log(900.0)))), rng.uniform(0.0, 1.0)
    for _ in range(int(rng.integers(1, 9))):
        time = np.arange(int(rng.uniform(0.004, 0.12) * RATE)) / RATE
        decay = np.exp(-time / (time.size / RATE * rng.uniform(0.1, 0.4)))
        noise = acoustics.coloured_noise(rng, time.size, float(rng.uniform(0.0, 1.5)))
        blow = noise / (noise.std() + 1e-9) + ring * np.sin(2.0 * np.pi * hertz * time)
        start = int(rng.integers(out.size))
        part = (blow * decay * rng.uniform(0.2, 1.0))[: out.size - start]
        out[start : start + part.size] += part.astype(np.float32)
    return acoustics.set_level(out, -20.0)


def breath(rng: np.random.Generator, n: int | None = None, blown: float = 0.6) -> Samples:
    """A breath of `n` samples (0.12 to 1.8 s where not given).

    Blown into the microphone with a chance of `blown`, nearly all of it below some hundred hertz;
    else heard from beside it: wide humps, like a whispered vowel.
    """
    n = n or int(np.exp(rng.uniform(np.log(0.12), np.log(1.8))) * RATE)
    hertz = np.fft.rfftfreq(n, 1.0 / RATE)
    if rng.random() < blown:
        gain = low_pass(rng, hertz, 60.0, 600.0) + 10.0 ** rng.uniform(-2.5, -1.0)
    else:
        centres = rng.uniform([300.0, 1000.0, 2200.0], [1000.0, 2500.0, 5000.0])
        widths = rng.uniform(200.0, 900.0, size=3)
        humps = np.exp(-np.square((hertz[:, None] - centres) / widths)) * rng.uniform(0.2, 1, 3)
        gain = humps.sum(axis=1) + rng.uniform(0.02, 0.3)
    noise = np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * gain, n)
    peak = rng.uniform(0.15, 0.85) * n
    place = np.arange(n)
    rise = np.where(place < peak, place / peak, (n - place) / (n - peak))
    return acoustics.set_level((noise * np.sin(np.pi / 2 * rise) ** 2).astype(np.float32), -20.0)


def gusts(rng: np.random.Generator, n: int) -> Samples:
    """Wind, handling or steady breathing: low noise that swells and fades by 20 dB and more."""
    hertz = np.fft.rfftfreq(n, 1.0 / RATE)
    gain = low_pass(rng, hertz, 60.0, 800.0) + 10.0 ** rng.uniform(-3.0, -1.0)
    noise = np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * gain, n)
    slow = np.repeat(rng.normal(size=n // 160 + 1), 160)[:n]
    swell = np.fft.irfft(np.fft.rfft(slow - slow.mean()) * (hertz < rng.uniform(0.2, 4.5)), n)
    swell *= rng.uniform(0.4, 1.4) / (swell.std() + 1e-3)
    return acoustics.set_level((noise * np.exp(swell)).astype(np.float32), -20.0)


def low_pass(
    rng: np.random.Generator, hertz: NDArray[np.floating], lowest: float, highest: float
) -> NDArray[np.float64]:
    """Gain (f,) of a low-pass with its edge between two frequencies, 6 to 24 dB an octave."""
    edge = float(np.exp(rng.uniform(np.log(lowest), np.log(highest))))
    return np.asarray(1.0 / (1.0 + (hertz / edge) ** rng.uniform(1.0, 4.0)))


def laughter_of(rng: np.random.Generator, vowel: Samples) -> Samples:
    """Laughter from a stretch of a voice: repeated four to six times a second, falling, breathy."""
    bursts = []
    speed = float(rng.uniform(0.9, 1.3))
    length, breathy = int(RATE / rng.uniform(4.0, 6.5)), float(rng.uniform(0.05, 0.5))
    for _ in range(int(rng.integers(3, 11))):
        tone = np.interp(np.arange(0.0, vowel.size - 1, speed), np.arange(vowel.size), vowel)
        burst = np.zeros(length, dtype=np.float32)
        burst[: tone.size] = (tone * np.sin(np.pi * np.arange(tone.size) / tone.size))[:length]
        blown = breath(rng, length, blown=0.0)
        bursts.append(acoustics.set_level(burst, -20.0) + np.float32(breathy) * blown)
        speed *= float(rng.uniform(0.94, 1.02))
    return acoustics.set_level(np.concatenate(bursts).astype(np.float32), -20.0)


def laughter(rng: np.random.Generator) -> Samples:
    """Something like laughter: four to twelve breathy, falling bursts, four to six a second."""
    pitch = float(np.exp(rng.uniform(np.log(140.0), np.log(450.0))))
    length, breath = int(RATE / rng.uniform(4.0, 6.5)), float(rng.uniform(0.1, 1.0))
    formants = rng.uniform([400.0, 1000.0, 2200.0], [900.0, 1900.0, 3200.0])
    bursts = []
    for _ in range(int(rng.integers(4, 13))):
        time = np.arange(length) / RATE
        tone = np.zeros(length)
        for k in range(1, 14):
            near = np.exp(-np.square((k * pitch - formants) / 250.0)).sum() + 0.03
            tone += near * np.sin(2.0 * np.pi * k * pitch * time * (1.0 - 0.3 * time))
        noise = acoustics.coloured_noise(rng, length, 1.0) * 10.0
        envelope = np.sin(np.pi * np.minimum(1.0, time * RATE / (0.6 * length))) ** 2
        bursts.append((tone + breath * noise) * envelope * rng.uniform(0.5, 1.0))
        pitch *= float(rng.uniform(0.9, 1.02))
    return acoustics.set_level(np.concatenate(bursts).astype(np.float32), -20.0)
