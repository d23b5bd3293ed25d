"""What rooms, microphones, telephones and codecs do to speech.

Every function takes and returns mono float32 arrays at 16 kHz with full scale at ±1, is pure, and
draws whatever is random from the :class:`numpy.random.Generator` passed in. Used by the training of
the bundled models and by the simulated conversations. Rooms need ``pyroomacoustics`` (``pip install
"autospeech-diarize[train]"``); codecs need PyAV, which is a core dependency.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from diarize.arrays import SAMPLE_RATE, Float32
from diarize.errors import DiarizeError
from models.simulation.codecs import CODEC_BITRATES as CODEC_BITRATES
from models.simulation.codecs import CODECS as CODECS
from models.simulation.codecs import codec as codec
from models.simulation.codecs import decode as decode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SPEED_OF_SOUND = 343.0
# Image orders beyond this cost seconds a room and are replaced by a decaying noise tail.
MAX_IMAGE_ORDER = 10


# --- level ------------------------------------------------------------------------------------


def level(samples: Float32) -> float:
    """Mean power in dB relative to full scale; −120 for silence and for no samples.

    >>> round(level(np.full(100, 0.1, dtype=np.float32)), 1)
    -20.0
    """
    if samples.size == 0:
        return -120.0
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10.0 * float(np.log10(max(power, 1e-12)))


def set_level(samples: Float32, dbfs: float) -> Float32:
    """Scale to a mean power of `dbfs`; silence stays silence."""
    now = level(samples)
    if now <= -119.0:
        return samples.astype(np.float32)
    return np.asarray(samples * 10.0 ** ((dbfs - now) / 20.0), dtype=np.float32)


def clip(samples: Float32, fraction: float) -> Float32:
    """Clip so that about `fraction` (0..1) of the samples touch the limit.

    >>> loud = clip(np.array([0.1, -0.2, 0.9, 0.3], dtype=np.float32), 0.25)
    >>> [round(float(x), 2) for x in loud]
    [0.1, -0.2, 0.45, 0.3]
    """
    if samples.size == 0 or fraction <= 0.0:
        return samples.astype(np.float32)
    limit = float(np.quantile(np.abs(samples), 1.0 - fraction))
    return np.clip(samples, -limit, limit).astype(np.float32)


# --- rooms ------------------------------------------------------------------------------------


def room(
    rng: np.random.Generator,
    *,
    distance: tuple[float, float] = (0.3, 4.0),
    rt60: tuple[float, float] = (0.1, 0.8),
) -> Float32:
    """Impulse response of one talker to one microphone in a random shoe-box room.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the room's size, absorption and positions.
    distance : (float, float)
        Metres between mouth and microphone, drawn evenly on a log scale, cut to fit the room.
    rt60 : (float, float)
        Reverberation time in seconds, drawn evenly.

    Returns
    -------
    ndarray (n,), float32
        The direct path lies at the largest early sample; see :func:`apply_rir`.

    Raises
    ------
    DiarizeError
        If ``pyroomacoustics`` is not installed.

    Notes
    -----
    Image-source method (Allen and Berkley, 1979) with a bounded order; what the bound cuts off is a
    noise tail that decays at the room's own rate.
    """
    return shared_room(rng, 1, distance=distance, rt60=rt60)[0]


def shared_room(
    rng: np.random.Generator,
    n_sources: int,
    *,
    distance: tuple[float, float] = (0.5, 4.0),
    rt60: tuple[float, float] = (0.1, 0.8),
    turned: float = 0.0,
) -> list[Float32]:
    """Impulse responses of several people in one room to one microphone.

    Every talker has an own place and so an own distance: near and far voices on one table
    microphone. Levels are comparable: a talker twice as far is about 6 dB quieter.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of everything that is drawn.
    n_sources : int
        Number of talkers, at least 1.
    distance, rt60 : (float, float)
        As in :func:`room`.
    turned : float
        Chance, for each talker, to face anywhere instead of being heard alike in all directions.

    Returns
    -------
    list of ndarray (n,), float32
        One response a talker, in order.
    """
    pra = _pyroomacoustics()
    size = np.array([rng.uniform(2.5, 10.0), rng.uniform(2.5, 8.0), rng.uniform(2.3, 4.0)])
    wanted = float(rng.uniform(*rt60))
    absorption, order = _absorption(size, wanted)
    shoebox = pra.ShoeBox(size, fs=SAMPLE_RATE, materials=pra.Material(absorption), max_order=order)
    microphone = rng.uniform([0.4, 0.4, 0.6], size - [0.4, 0.4, 0.6])
    shoebox.add_microphone(microphone)
    for _ in range(n_sources):
        spot = _place(rng, size, microphone, distance)
        facing = _facing(rng) if turned and rng.random() < turned else None
        shoebox.add_source(spot, directivity=facing)
    shoebox.compute_rir()
    complete = (order + 1) * float(size.min()) / SPEED_OF_SOUND
    return [_finish(rng, shoebox.rir[0][i], complete, wanted) for i in range(n_sources)]


def _pyroomacoustics() -> Any:
    try:
        import pyroomacoustics
    except ImportError as error:
        raise DiarizeError(
            "simulated rooms need pyroomacoustics, which is not installed; "
            'run: pip install "autospeech-diarize[train]"'
        ) from error
    return pyroomacoustics


def _facing(rng: np.random.Generator) -> Any:
    """A mouth that faces anywhere: 4 to 14 dB quieter behind than in front."""
    directivities = _pyroomacoustics().directivities
    way = directivities.DirectionVector(float(rng.uniform(0.0, 360.0)), 90.0, degrees=True)
    return directivities.CardioidFamily(way, p=float(rng.uniform(0.6, 0.8)), gain=1.0)


def _absorption(size: NDArray[np.float64], rt60: float) -> tuple[float, int]:
    """Absorption by Eyring's formula and an image order that covers the early part."""
    volume = float(np.prod(size))
    surface = 2.0 * float(size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    decay = 24.0 * np.log(10.0) / SPEED_OF_SOUND * volume / (surface * rt60)
    absorption = float(np.clip(1.0 - np.exp(-decay), 0.02, 0.98))
    needed = int(np.ceil(SPEED_OF_SOUND * rt60 / float(size.min())))
    return absorption, int(np.clip(needed, 3, MAX_IMAGE_ORDER))


def _place(
    rng: np.random.Generator,
    size: NDArray[np.float64],
    microphone: NDArray[np.float64],
    distance: tuple[float, float],
) -> NDArray[np.float64]:
    """A talker's position about the drawn distance from the microphone, inside the walls."""
    far = float(np.exp(rng.uniform(*np.log(distance))))
    for _ in range(20):
        direction = rng.normal(size=3) * [1.0, 1.0, 0.3]
        spot = microphone + far * direction / np.linalg.norm(direction)
        if np.all(spot > 0.2) and np.all(spot < size - 0.2):
            return np.asarray(spot)
    spot = np.clip(spot, 0.2, size - 0.2)
    return np.asarray(spot)


def _finish(
    rng: np.random.Generator, response: NDArray[Any], complete: float, rt60: float
) -> Float32:
    """Append the tail that the bounded image order left out."""
    early = np.asarray(response, dtype=np.float64)
    start = int(complete * SAMPLE_RATE)
    length = int((complete + rt60) * SAMPLE_RATE)
    if start >= length - 1 or start < 400:
        return early.astype(np.float32)
    out = np.zeros(max(length, start))
    out[: min(start, early.size)] = early[:start]
    before = early[max(0, start - 800) : start]
    scale = float(np.sqrt(np.mean(before**2))) if before.size else 0.0
    time = np.arange(out.size - start) / SAMPLE_RATE
    out[start:] = scale * rng.normal(size=time.size) * 10.0 ** (-3.0 * time / rt60)
    return out.astype(np.float32)


def direct_path(rir: Float32) -> int:
    """Index of the direct sound: the first sample within 6 dB of the largest.

    >>> direct_path(np.array([0, 0.01, 1.0, 0.2], dtype=np.float32))
    2
    """
    size = np.abs(rir)
    return int(np.argmax(size >= 0.5 * size.max()))


def apply_rir(samples: Float32, rir: Float32, *, keep_level: bool = True) -> Float32:
    """Convolve with a room's response; as long as the input and aligned with it.

    Parameters
    ----------
    samples : ndarray (n,), float32
    rir : ndarray (m,), float32
    keep_level : bool
        Give the result the input's mean power. False keeps the response's own gain, so that people
        placed by :func:`shared_room` stay near and far.

    Returns
    -------
    ndarray (n,), float32
    """
    if samples.size == 0:
        return samples.astype(np.float32)
    start = direct_path(rir)
    wet = signal.fftconvolve(samples, rir)[start : start + samples.size]
    wet = np.pad(wet, (0, samples.size - wet.size)).astype(np.float32)
    return set_level(wet, level(samples)) if keep_level else wet


# --- noise ------------------------------------------------------------------------------------


def load_noises(folder: str | Path) -> dict[str, Float32]:
    """Decode every sound file of a folder to mono float32 at 16 kHz, by name in order.

    Raises
    ------
    DiarizeError
        If the folder holds no sound file.
    """
    paths = sorted(
        p
        for p in pathlib.Path(folder).glob("*")
        if p.suffix.lower() in {".opus", ".ogg", ".flac", ".wav", ".mp3"}
    )
    if not paths:
        raise DiarizeError(
            f"{folder}: no sound file found; give the folder of the noise recordings"
        )
    return {path.stem: decode(path.read_bytes()) for path in paths}


def noise_like(rng: np.random.Generator, noises: Mapping[str, Float32], n: int) -> Float32:
    """`n` samples of a recording drawn at random, repeated where it is shorter."""
    names = sorted(noises)
    noise = noises[names[int(rng.integers(len(names)))]]
    if noise.size < n:
        noise = np.tile(noise, n // noise.size + 1)
    start = int(rng.integers(noise.size - n + 1))
    return noise[start : start + n]


def coloured_noise(rng: np.random.Generator, n: int, exponent: float = 1.0) -> Float32:
    """Noise whose power falls as 1/f**exponent (0 white, 1 pink, 2 brown), at −20 dBFS."""
    if n == 0:
        return np.zeros(0, dtype=np.float32)
    length = int(fft.next_fast_len(n, real=True))
    spectrum = fft.rfft(rng.standard_normal(length, dtype=np.float32))
    frequency = np.maximum(np.arange(spectrum.size, dtype=np.float32), 1.0)
    shaped = fft.irfft(spectrum * frequency ** np.float32(-exponent / 2.0), length)[:n]
    return set_level(np.asarray(shaped, dtype=np.float32), -20.0)


def add_noise(samples: Float32, noise: Float32, snr_db: float) -> Float32:
    """Add `noise` (same length) at a ratio in dB; silence on either side adds nothing."""
    if level(noise) <= -119.0 or level(samples) <= -119.0:
        return samples.astype(np.float32)
    return (samples + set_level(noise, level(samples) - snr_db)).astype(np.float32)


def babble(voices: Sequence[Float32], n: int) -> Float32:
    """Sum of several voices of equal level, cut or repeated to `n` samples."""
    total = np.zeros(n, dtype=np.float32)
    for voice in voices:
        if voice.size:
            total += set_level(np.resize(voice, n), -26.0)
    return total


# --- channels ---------------------------------------------------------------------------------


def telephone(samples: Float32, low: float = 300.0, high: float = 3400.0) -> Float32:
    """Band-pass of a telephone line (4th-order Butterworth), zero-phase so that nothing moves."""
    if samples.size < 32:
        return samples.astype(np.float32)
    sos = signal.butter(2, [low, high], btype="bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(signal.sosfiltfilt(sos, samples, padlen=min(30, samples.size - 1))).astype(
        np.float32
    )


def mu_law(samples: Float32, mu: float = 255.0) -> Float32:
    """Through 8-bit mu-law and back (ITU-T G.711's companding curve).

    >>> [round(float(x), 2) for x in mu_law(np.array([0.0, 0.5, -1.0], dtype=np.float32))]
    [0.0, 0.5, -1.0]
    """
    bounded = np.clip(samples, -1.0, 1.0)
    squeezed = np.sign(bounded) * np.log1p(mu * np.abs(bounded)) / np.log1p(mu)
    steps = np.round(squeezed * 127.0) / 127.0
    expanded = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(mu)) / mu
    return np.asarray(expanded, dtype=np.float32)


def equalise(rng: np.random.Generator, samples: Float32, depth_db: float = 12.0) -> Float32:
    """Random smooth equaliser: up to ±`depth_db` at eight points of a log frequency axis."""
    if samples.size == 0:
        return samples.astype(np.float32)
    n = int(samples.size)
    padded = int(fft.next_fast_len(n + 512, real=True))
    frequency = fft.rfftfreq(padded, 1.0 / SAMPLE_RATE)
    points = np.geomspace(60.0, 8000.0, 8)
    gains = rng.uniform(-depth_db, depth_db, size=8)
    curve = np.interp(np.log(np.maximum(frequency, 1.0)), np.log(points), gains)
    gain = (10.0 ** (curve / 20.0)).astype(np.float32)
    out = fft.irfft(fft.rfft(samples.astype(np.float32), padded) * gain, padded)[:n]
    return set_level(np.asarray(out, dtype=np.float32), level(samples))
