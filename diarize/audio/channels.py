"""Channels of a recording compared by their levels: one voice each, the same sound, or leaks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from diarize.arrays import SAMPLE_RATE, Bool, Float32
from diarize.audio.waveform import Waveform
from diarize.settings import DEFAULTS, ChannelSettings
from diarize.timeline import Segment, difference, runs


class LevelMeter:
    """Levels of a recording's channels, gathered while it is decoded."""

    def __init__(self, settings: ChannelSettings = DEFAULTS.channels) -> None:
        self._settings = settings
        self._parts: list[Float32] = []

    def add(self, samples: Float32, rate: int) -> None:
        """Take in the next samples, (channels, n) with full scale at ±1."""
        part = levels(samples, rate, self._settings)
        if not self._parts or len(part) == len(self._parts[0]):
            self._parts.append(part)

    @property
    def decibels(self) -> Float32:
        """(C, T) levels so far; (0, 0) before anything was added."""
        return np.concatenate(self._parts, axis=1) if self._parts else np.zeros((0, 0), np.float32)


def levels(samples: Float32, rate: int, settings: ChannelSettings = DEFAULTS.channels) -> Float32:
    """Return the level of each channel over time.

    Parameters
    ----------
    samples : (C, n) float32 array
        Full scale at ±1.
    rate : int
        Hz.

    Returns
    -------
    (C, T) float32 array
        Decibels below full scale, one value a step of ``settings.step`` seconds.
    """
    hop = max(1, round(rate * settings.step))
    count = samples.shape[1] // hop
    frames = samples[:, : count * hop].reshape(len(samples), count, hop)
    power = np.einsum("cth,cth->ct", frames, frames) / hop
    decibels: Float32 = 10 * np.log10(np.maximum(power, 10 ** (settings.floor / 10)))
    return decibels.astype(np.float32)


def hold_different_voices(decibels: Float32, settings: ChannelSettings = DEFAULTS.channels) -> bool:
    """Return whether every two channels that are not silent take turns.

    Then one of the two is much louder for a while, and then the other, and each by its own voice:
    it is louder than when the other one talks. (A voice on both channels is about as loud on both,
    and noise is as loud when the other talks.)
    """
    loud = np.array([_speech_level(one) for one in decibels])
    live = [one for one, level in zip(decibels, loud, strict=True) if level > settings.silent_below]
    return len(live) > 1 and all(_take_turns(a, b, settings) for a, b in combinations(live, 2))


def _take_turns(first: Float32, second: Float32, settings: ChannelSettings) -> bool:
    """Return whether two channels, (T,) levels each, are loud by turns, each by its own voice."""
    active = np.zeros(len(first), dtype=bool)
    for one in (first, second):
        active |= one > _speech_level(one) - settings.active_range
    a, b = first[active], second[active]
    if a.size * settings.step < settings.min_activity:
        return False
    low, high = two_sides(a - b)
    seconds = a - b < (low + high) / 2
    share = float(seconds.mean())
    return (
        high - low >= settings.min_contrast
        and min(share, 1 - share) >= settings.min_share
        and float(a[~seconds].mean() - a[seconds].mean()) >= settings.min_prominence
        and float(b[seconds].mean() - b[~seconds].mean()) >= settings.min_prominence
    )


def faint_channels(
    decibels: Float32, settings: ChannelSettings = DEFAULTS.channels
) -> list[tuple[int, int]]:
    """Return the channels with speech that is far fainter than on the loudest channel.

    Returns
    -------
    list of (channel, decibels below the loudest)
    """
    loud = [_speech_level(one) for one in decibels]
    found: list[tuple[int, int]] = []
    if not decibels.size or len(decibels) > settings.max_channels:
        return found
    for channel, (one, level) in enumerate(zip(decibels, loud, strict=True)):
        below = max(loud) - level
        lively = level - float(np.percentile(one, 20)) >= settings.min_prominence
        if below >= settings.faint_below and level > settings.silent_below and lively:
            found.append((channel, round(below)))
    return found


def _speech_level(decibels: Float32) -> float:
    """Return the level that is exceeded in a twentieth of the time; −inf for no levels."""
    return float(np.percentile(decibels, 95)) if decibels.size else -np.inf


def two_sides(values: Float32) -> tuple[float, float]:
    """Return the centres of the two groups that values fall into (2-means in one dimension).

    Examples
    --------
    >>> two_sides(np.array([-20, -22, -18, 30, 31, 29], dtype=np.float32))
    (-20.0, 30.0)
    """
    low, high = (float(value) for value in np.percentile(values, [5, 95]))
    for _ in range(50):
        lower = values < (low + high) / 2
        if lower.all() or not lower.any():
            break
        before = low, high
        low, high = float(values[lower].mean()), float(values[~lower].mean())
        if (low, high) == before:
            break
    return low, high


def speech_of_each(
    waves: Sequence[Waveform],
    speech: Sequence[Sequence[Segment]],
    settings: ChannelSettings = DEFAULTS.channels,
) -> list[list[Segment]] | None:
    """Return each channel's own speech, without what leaks in from other channels.

    Parameters
    ----------
    waves : sequence of Waveform
        The channels.
    speech : sequence of sequences of Segment
        Where a detector found speech in each of them.

    Returns
    -------
    list of lists of Segment, or None
        None where the channels hold the same sound.
    """
    length = max(len(wave) for wave in waves) // round(SAMPLE_RATE * settings.step)
    masks = [_mask(segments, length, settings) for segments in speech]
    tables, active = [], []
    for wave, mask in zip(waves, masks, strict=True):
        table = _levels_of(wave, length, settings)
        loud = _speech_level(table[mask])
        # Silence below this says no more: digital silence would make an echo seem loud.
        tables.append(np.maximum(table, loud - settings.level_range))
        active.append(mask & (table > loud - settings.active_range))
    leaks = _leaks(tables, active, masks, settings)
    if leaks is None:
        return None
    own = []
    for segments, leak in zip(speech, leaks, strict=True):
        left = difference(segments, runs(leak, settings.step)) if leak.any() else list(segments)
        own.append(
            [part for part in left if part.duration >= settings.min_segment or part in segments]
        )
    return own


def _leaks(
    tables: Sequence[Float32],
    active: Sequence[Bool],
    masks: Sequence[Bool],
    settings: ChannelSettings,
) -> list[Bool] | None:
    """Return where each channel's speech is a leak; None where all channels hold the same sound.

    Given (T,) arrays: levels, and where each channel is loud by its own measure and holds speech.
    """
    leaks = [np.zeros(len(mask), dtype=bool) for mask in masks]
    same = []
    for one, other in combinations(range(len(tables)), 2):
        both, either = masks[one] & masks[other], masks[one] | masks[other]
        lead = tables[one] - tables[other]
        if not both.any():
            same.append(False)
            continue
        apart = _own_leads(lead[active[one] | active[other]], settings)
        low, high = apart or (-settings.same_level, settings.same_level)
        same.append(
            apart is None
            and both.sum() >= settings.min_common_share * either.sum()
            and abs(float(np.median(lead[both]))) <= settings.same_level
        )
        leaks[other] |= both & _smooth(lead >= high, settings)
        leaks[one] |= both & _smooth(lead <= low, settings)
    return None if same and all(same) else leaks


def _own_leads(lead: Float32, settings: ChannelSettings) -> tuple[float, float] | None:
    """Return the leads (dB) down to and from which one channel alone talks: the second, the first.

    In between both may talk. None where the lead does not fall into two groups: then nobody has a
    channel alone, and all is either the same sound or a leak of the louder channel.
    """
    low, high = two_sides(lead)
    if high - low < settings.min_leak_contrast:
        return None
    quarter = (high - low) / 4
    return low + quarter, high - quarter


def _levels_of(wave: Waveform, length: int, settings: ChannelSettings) -> Float32:
    """Return (length,) levels of a channel, silence beyond its end."""
    parts = [levels(block[None], SAMPLE_RATE, settings)[0] for block in wave.blocks(60.0)]
    whole = np.concatenate(parts)[:length] if parts else np.zeros(0, np.float32)
    return np.pad(whole, (0, length - whole.size), constant_values=settings.floor)


def _mask(segments: Sequence[Segment], length: int, settings: ChannelSettings) -> Bool:
    """Return (length,) which steps lie in the segments."""
    mask = np.zeros(length, dtype=bool)
    for segment in segments:
        mask[round(segment.start / settings.step) : round(segment.end / settings.step)] = True
    return mask


def _smooth(mask: Bool, settings: ChannelSettings) -> Bool:
    """Return a mask without its holes and islands of a syllable or less."""
    from scipy.ndimage import median_filter

    smooth: Bool = median_filter(mask, settings.smoothing_steps)
    return smooth
