"""Speech without a network, by WebRTC's classifier and the recording's own noise floor.

WebRTC's classifier alone takes steady noise, tones and breath for speech. Here its votes count only
where the sound also stands out from the recording's own noise floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from diarize.arrays import SAMPLE_RATE, Float32
from diarize.audio.waveform import Waveform
from diarize.errors import DiarizeError
from diarize.segmentation.binarization import hysteresis, postprocess
from diarize.settings import DEFAULTS, WebRtcSettings
from diarize.timeline import Segment, runs

# WebRTC takes frames of 10, 20 or 30 ms.
FRAME = 0.02
FRAME_SIZE = round(FRAME * SAMPLE_RATE)
# Edges in Hz of the bands whose level is watched: speech, above hum, below hiss.
BAND_EDGES = (100, 250, 400, 600, 850, 1150, 1500, 1950, 2500, 3200, 4000)
# Level given to digital silence, in dB of full scale: below any microphone's noise.
SILENCE = -110.0
# Recordings are worked through in blocks of this many seconds, which bounds memory.
BLOCK_SECONDS = 60


class WebRtcVad:
    """Speech by WebRTC's classifier and by prominence over the recording's own noise floor.

    Raises
    ------
    DiarizeError
        If the classifier cannot be loaded.
    """

    def __init__(self, settings: WebRtcSettings = DEFAULTS.webrtc) -> None:
        self.settings = settings
        _load_classifier()  # fails now, not after the recording was read

    def __call__(self, waveform: Waveform) -> list[Segment]:
        """Return the stretches of speech in a recording."""
        power = band_power(waveform)
        if not len(power):
            return []
        s = self.settings
        score = _smooth(prominence(power, s), s.smoothing)
        votes = _smooth(self._votes(waveform, _gain(power, s)), s.smoothing)
        score[votes < s.min_votes] = 0.0
        speaking = hysteresis(score, s.onset, s.offset, lead_in=False)
        return postprocess(
            runs(speaking, FRAME),
            waveform.duration,
            min_silence=s.min_silence,
            min_speech=s.min_speech,
            pad=s.padding,
        )

    def _votes(self, waveform: Waveform, gain: float) -> Float32:
        """Return (F,) WebRTC's vote, 0 or 1, on each frame of the samples times ``gain``."""
        classifier = _load_classifier()
        process, state = classifier.process, classifier.create()
        classifier.init(state)
        classifier.set_mode(state, self.settings.mode)
        votes: list[bool] = []
        for start, stop in _spans(len(waveform)):
            block = waveform.samples[start:stop]
            if gain > 1:
                block = np.clip(block * np.float32(gain), -32768, 32767).astype(np.int16)
            data = block.tobytes()
            votes += [
                process(state, SAMPLE_RATE, data[at : at + 2 * FRAME_SIZE], FRAME_SIZE)
                for at in range(0, len(data), 2 * FRAME_SIZE)
            ]
        return np.array(votes, dtype=np.float32)


def band_power(waveform: Waveform) -> Float32:
    """Return the power of each band in each frame, (F, bands), full scale 1."""
    size = FRAME_SIZE
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    window /= np.float32(size * np.sqrt(3 / 16))
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    bands = [(low <= frequency) & (frequency < high) for low, high in pairwise(BAND_EDGES)]
    selector = np.stack(bands, axis=1).astype(np.float32)
    powers = [np.zeros((0, len(bands)), np.float32)]
    quietest = np.float32(10 ** (SILENCE / 10))
    for start, stop in _spans(len(waveform)):
        spectrum = np.fft.rfft(waveform.block(start, stop).reshape(-1, size) * window)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        powers.append(power.astype(np.float32) @ selector + quietest)
    return np.concatenate(powers)


def prominence(power: Float32, settings: WebRtcSettings = DEFAULTS.webrtc) -> Float32:
    """Return how far each frame rises from the noise floor (0) towards the loud level (1).

    Taken in each band and averaged with the bands' own dynamic range as weight, so that a band
    full of steady noise has no say.

    Parameters
    ----------
    power : (frames, bands) float32 array
    """
    total = np.zeros(len(power), np.float32)
    weights = np.full(len(power), settings.overall_range, np.float32)
    for band in power.T:  # one at a time: five hours would take 300 MB otherwise
        near = _smooth(band, settings.integration)
        levels = 10 * np.log10(np.maximum(near, np.float32(10 ** (SILENCE / 10))))
        floor = _noise_floor(levels, settings)
        loud = _loud_level(levels[levels > floor + settings.sounding], settings)
        floor = np.maximum(floor, np.float32(loud - settings.max_range))
        reach = np.maximum(loud - floor, np.float32(1.0))
        weight = np.maximum(reach - np.float32(settings.steady_range), np.float32(0.0))
        total += np.clip((levels - floor) / reach, 0.0, 1.2) * weight
        weights += weight
    return total / weights


def _loud_level(sounding: Float32, settings: WebRtcSettings) -> float:
    """Return the loud level of a band from what rises over its floor; nothing does in noise."""
    if sounding.size < _frames(0.2):
        return SILENCE
    return float(np.percentile(sounding, settings.loud_percentile))


def _noise_floor(levels: Float32, settings: WebRtcSettings) -> Float32:
    """Return a band's floor in each frame: a low percentile of the low percentiles around."""
    from scipy.ndimage import percentile_filter

    second = _frames(1.0)
    count = -(-len(levels) // second)
    padded = np.pad(levels, (0, count * second - len(levels)), mode="edge")
    quiet = np.percentile(padded.reshape(count, second), settings.floor_percentile, axis=1)
    width = max(1, round(settings.floor_window))
    floor = percentile_filter(quiet, settings.floor_percentile, size=width, mode="nearest")
    return np.repeat(floor.astype(np.float32), second)[: len(levels)]


def _gain(power: Float32, settings: WebRtcSettings) -> float:
    """Return the factor that raises a quiet recording to the level that WebRTC expects."""
    loud = 10 * np.log10(float(np.percentile(power.sum(axis=1), 95)))
    return float(10 ** (np.clip(settings.target_level - loud, 0.0, settings.max_gain) / 20))


def _smooth(values: Float32, seconds: float) -> Float32:
    """Return the running mean over so many seconds."""
    from scipy.ndimage import uniform_filter1d

    smoothed: Float32 = uniform_filter1d(values, _frames(seconds), mode="nearest")
    return smoothed


def _frames(seconds: float) -> int:
    """Return a duration as a number of frames, at least one."""
    return max(1, round(seconds / FRAME))


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of blocks of whole frames; a rest shorter than a frame is left out."""
    end = length - length % FRAME_SIZE
    step = FRAME_SIZE * max(1, BLOCK_SECONDS * SAMPLE_RATE // FRAME_SIZE)
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
