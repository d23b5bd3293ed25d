"""Where somebody speaks: the protocol of detectors, and one on WebRTC's classifier.

WebRTC's classifier alone takes steady noise, tones and breath for speech. Here its votes count only
where the sound also stands out from the recording's own noise floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from diarize.arrays import SAMPLE_RATE, Bool, Float32
from diarize.errors import DiarizeError
from diarize.settings import DEFAULTS, WebRtcSettings
from diarize.timeline import Segment, union

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform


# Edges in Hz of the bands whose level is watched: speech, above hum, below hiss.
BAND_EDGES = (100, 250, 400, 600, 850, 1150, 1500, 1950, 2500, 3200, 4000)
# Level given to digital silence, in dB of full scale: below any microphone's noise.
SILENCE = -110.0
# A band that rises less than this over its floor, in dB, holds no speech and has no weight.
STEADY_RANGE = np.float32(3.0)
# All bands together must rise well above this many dB before their prominence nears 1.
OVERALL_RANGE = np.float32(10.0)
# Of what rises over the floor, the level that counts as loud.
LOUD_PERCENTILE = 90.0
# Recordings are worked through in blocks of this many seconds, which bounds memory.
BLOCK_SECONDS = 60


@runtime_checkable
class VoiceActivityDetector(Protocol):
    """Anything that finds speech: bring your own function or object."""

    def __call__(self, waveform: Waveform) -> list[Segment]:
        """Return the stretches of speech, in order of time and apart from each other."""
        ...


class WebRtcVad:
    """Speech by WebRTC's classifier and by prominence over the recording's own noise floor.

    Parameters
    ----------
    options : WebRtcSettings

    Raises
    ------
    DiarizeError
        If the classifier cannot be loaded.
    """

    def __init__(self, options: WebRtcSettings = DEFAULTS.webrtc) -> None:
        self.options = options
        _load_classifier()  # fails now, not after the recording was read

    def __call__(self, waveform: Waveform) -> list[Segment]:
        """Return the stretches of speech in ``waveform``."""
        options = self.options
        levels = band_levels(waveform, options.frame)
        if not len(levels):
            return []
        width = options.frames(options.smoothing)
        score = _smooth(prominence(levels, options), width)
        votes = _smooth(self._votes(waveform, _gain(levels, options)), width)
        score[votes < options.votes] = 0.0
        return to_segments(_hysteresis(score, options), options, waveform.duration)

    def _votes(self, waveform: Waveform, gain: float) -> Float32:
        """Return WebRTC's vote, 0 or 1, on each frame."""
        options, size = self.options, _frame_size(self.options.frame)
        classifier = _load_classifier()
        process, state = classifier.process, classifier.create()
        classifier.init(state)
        classifier.set_mode(state, options.mode)
        votes: list[bool] = []
        for start, stop in _spans(len(waveform), size):
            block = waveform.samples[start:stop]
            if gain > 1:
                block = np.clip(block * np.float32(gain), -32768, 32767).astype(np.int16)
            data = block.tobytes()
            votes += [
                process(state, SAMPLE_RATE, data[at : at + 2 * size], size)
                for at in range(0, len(data), 2 * size)
            ]
        return np.array(votes, dtype=np.float32)


def band_levels(waveform: Waveform, frame: float) -> Float32:
    """Return the level of each band in each frame, dB of full scale, as (frames, bands)."""
    size = _frame_size(frame)
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    window /= np.float32(size * np.sqrt(3 / 16))
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    bands = [(low <= frequency) & (frequency < high) for low, high in pairwise(BAND_EDGES)]
    selector = np.stack(bands, axis=1).astype(np.float32)
    levels = [np.zeros((0, len(bands)), np.float32)]
    quietest = np.float32(10 ** (SILENCE / 10))
    for start, stop in _spans(len(waveform), size):
        spectrum = np.fft.rfft(waveform.block(start, stop).reshape(-1, size) * window)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        levels.append(power.astype(np.float32) @ selector + quietest)
    return np.concatenate(levels)


def prominence(power: Float32, options: WebRtcSettings) -> Float32:
    """Return how far each frame rises from the noise floor (0) towards the loud level (1).

    Taken in each band and averaged with the bands' own dynamic range as weight, so that a band
    full of steady noise has no say.

    Parameters
    ----------
    power : (frames, bands) float32 array
    """
    total = np.zeros(len(power), np.float32)
    weights = np.full(len(power), OVERALL_RANGE, np.float32)
    for band in power.T:  # one at a time: five hours would take 300 MB otherwise
        near = _smooth(band, options.frames(options.integration))
        levels = 10 * np.log10(np.maximum(near, np.float32(10 ** (SILENCE / 10))))
        floor = _noise_floor(levels, options)
        loud = _loud_level(levels[levels > floor + options.sounding], options)
        floor = np.maximum(floor, np.float32(loud - options.max_range))
        reach = np.maximum(loud - floor, np.float32(1.0))
        weight = np.maximum(reach - STEADY_RANGE, np.float32(0.0))
        total += np.clip((levels - floor) / reach, 0.0, 1.2) * weight
        weights += weight
    return total / weights


def _loud_level(sounding: Float32, options: WebRtcSettings) -> float:
    """Return the loud level of a band from what rises over its floor; nothing does in noise."""
    if sounding.size < options.frames(0.2):
        return SILENCE
    return float(np.percentile(sounding, LOUD_PERCENTILE))


def _noise_floor(levels: Float32, options: WebRtcSettings) -> Float32:
    """Return a band's floor in each frame: a low percentile of the low percentiles around."""
    from scipy.ndimage import percentile_filter

    second = options.frames(1.0)
    count = -(-len(levels) // second)
    padded = np.pad(levels, (0, count * second - len(levels)), mode="edge")
    quiet = np.percentile(padded.reshape(count, second), options.floor_percentile, axis=1)
    width = max(1, round(options.floor_window))
    floor = percentile_filter(quiet, options.floor_percentile, size=width, mode="nearest")
    return np.repeat(floor.astype(np.float32), second)[: len(levels)]


def _gain(power: Float32, options: WebRtcSettings) -> float:
    loud = 10 * np.log10(float(np.percentile(power.sum(axis=1), 95)))
    return float(10 ** (np.clip(options.target_level - loud, 0.0, options.max_gain) / 20))


def _smooth(values: Float32, width: int) -> Float32:
    from scipy.ndimage import uniform_filter1d

    smoothed: Float32 = uniform_filter1d(values, width, mode="nearest")
    return smoothed


def _hysteresis(score: Float32, options: WebRtcSettings) -> Bool:
    decided = (score >= options.onset) | (score < options.offset)
    last = np.maximum.accumulate(np.where(decided, np.arange(score.size), 0))
    speaking: Bool = score[last] >= options.onset
    return speaking


def to_segments(mask: Bool, options: WebRtcSettings, duration: float) -> list[Segment]:
    """Return the true stretches of a frame mask as segments, by the options' durations."""
    steps = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    edges = np.stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)], axis=1)
    found = [Segment(float(start), float(end)) for start, end in edges * options.frame]
    joined = union(found, gap=options.min_pause)
    kept = [segment for segment in joined if segment.duration >= options.min_speech]
    return union(
        Segment(max(0.0, part.start - options.padding), min(duration, part.end + options.padding))
        for part in kept
    )


def _frame_size(frame: float) -> int:
    return round(frame * SAMPLE_RATE)


def _spans(length: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of blocks of whole frames; a rest shorter than a frame is left out."""
    end = length - length % size
    step = size * max(1, BLOCK_SECONDS * SAMPLE_RATE // size)
    for start in range(0, end, step):
        yield start, min(start + step, end)


def _load_classifier() -> Any:
    """Return WebRTC's classifier, the compiled module inside webrtcvad-wheels."""
    try:
        # Not "import webrtcvad": the abandoned package of that name fails where setuptools is new
        # or absent, and overwrites the kept-up one's module when both are installed.
        import _webrtcvad  # type: ignore[import-not-found]
    except ImportError as error:
        raise DiarizeError(
            f"the WebRTC speech detector cannot be loaded ({error}). "
            "Repair it with: pip install --force-reinstall webrtcvad-wheels"
        ) from None
    return _webrtcvad
