"""Any recording to a mono 16 kHz waveform: decoded, mixed and resampled in one pass."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import SupportsIndex, cast

import numpy as np

from diarize.arrays import Float32, Progress
from diarize.audio import decoding
from diarize.audio.mixing import Mixer
from diarize.audio.sources import Source, opened_source
from diarize.audio.waveform import Waveform
from diarize.errors import AudioError, UsageError
from diarize.settings import DEFAULTS, ChannelSettings
from diarize.text import clock

# Decoders overshoot full scale a little; a float file beyond this was never scaled to ±1.
UNSCALED_PEAK = 4.0


def load(
    source: Source,
    *,
    channels: str | int = "mix",
    sample_rate: int | None = None,
    audio_track: int | None = None,
    on_progress: Progress | None = None,
    settings: ChannelSettings = DEFAULTS.channels,
) -> Waveform:
    """Decode a recording to mono 16 kHz; a Waveform is decoded already, and is returned as it is.

    Parameters
    ----------
    source : path, ``"-"`` (standard input), binary file, bytes, array, tensor, pair, mapping \
or Waveform
        Arrays and tensors are (n,), (n, channels) or (channels, n), float with full scale at ±1 or
        integer of any width. A pair is ``(array, rate)``, a mapping has the samples under
        ``waveform`` or ``array`` and their rate under ``sample_rate`` or ``sampling_rate``.
    channels : "mix", "split" or int
        The mean of all channels; the same, with each channel in :attr:`Waveform.channels` besides;
        or one channel by its number from 0.
    sample_rate : int
        Of an array, in Hz; needed with bare arrays only.
    audio_track : int, optional
        Which audio track of a file that has several, from 0; None takes the one that FFmpeg takes.
    on_progress : callable, optional
        Called as ``(stage, done, total)``: stage ``"audio"``, seconds; ``total`` may be None.
    settings : ChannelSettings
        When to warn of what a mix of the channels loses.

    Returns
    -------
    Waveform
        Truncated and damaged files give what could be decoded, and a warning.

    Raises
    ------
    AudioError
        The file is missing, a folder, unreadable, empty, no media file, without sound, protected;
        or it has one channel, and ``channels`` is ``"split"``.
    UsageError
        ``source``, ``channels``, ``sample_rate`` or ``audio_track`` make no sense.
    """
    if isinstance(source, Waveform):
        return source
    if not isinstance(channels, str) or channels not in ("mix", "split"):
        number = _whole(channels)
        if number is None:
            raise UsageError(f"channels={channels!r}: use 'mix', 'split' or a channel number.")
        channels = number
    track = _whole(audio_track)
    if track is None and audio_track is not None:
        raise UsageError(f"audio_track={audio_track!r}: use a track's number, from 0.")
    found, rate = opened_source(source, sample_rate)
    if isinstance(found, np.ndarray):
        return _load(lambda: _slices(found, rate), "array", channels, None, settings)
    with decoding.opened(found, track) as ready:
        blocks = partial(_watched, ready, on_progress)
        wave = _load(blocks, ready.name, channels, ready.report, settings)
    path = str(found) if isinstance(found, str | Path) else wave.path
    return replace(wave, path=path, track=track)


def _whole(number: object) -> int | None:
    """Return a whole number of any library's as int; None for everything else."""
    try:
        return None if isinstance(number, bool) else operator.index(cast("SupportsIndex", number))
    except TypeError:
        return None


def _load(
    blocks: Callable[[], Iterable[tuple[int, Float32]]],
    name: str,
    channels: str | int,
    report: decoding.DecodeReport | None,
    settings: ChannelSettings,
) -> Waveform:
    """Mix and resample; decode once more where the first pass shows that its plan was wrong."""
    pick = channels if isinstance(channels, int) else None
    mixers = _mixed(blocks(), name, pick, channels == "split", settings)
    mixer = mixers[0]
    warnings = list(_remarks(name, report)) if report else []
    loudest = mixer.cancelled()
    if loudest is not None and channels != "split":
        pick = loudest
        warnings.append(
            f"{name}: its channels cancel each other out (opposite polarity); "
            f"channel {loudest} alone is used."
        )
    gain = 1.0
    peak = max(one.track.peak for one in mixers)
    if peak > UNSCALED_PEAK:
        gain = 1.0 / peak
        warnings.append(f"{name}: its samples reach {peak:.0f} times full scale; scaled down.")
    if pick != mixer.pick or gain != 1.0:
        mixers = _mixed(blocks(), name, pick, channels == "split", settings, gain)
    samples = [one.samples for one in mixers]
    if mixer.invalid:
        warnings.append(f"{name}: {mixer.invalid} samples were not numbers and became silence.")
    if not samples[0].size:
        raise _nothing_decoded(name, report)
    if channels == "mix":
        warnings += _advice(name, mixer.meter.decibels, settings)
    if channels == "split" and len(samples) < 3:
        raise AudioError(
            f"{name}: has one channel, so there is nothing to split. Leave out "
            "channels='split' (--channels split)."
        )
    # Opposite polarity: the mix would be silent, a channel is not.
    mono = samples[0] if loudest is None or channels != "split" else samples[1 + loudest]
    each = tuple(Waveform(one, name) for one in samples[1:])
    chosen = channels if isinstance(channels, int) else None
    return Waveform(mono, name, tuple(warnings), each, chosen)


def _mixed(
    blocks: Iterable[tuple[int, Float32]],
    name: str,
    pick: int | None,
    split: bool,
    settings: ChannelSettings,
    gain: float = 1.0,
) -> list[Mixer]:
    """Decode once: what to make of all channels and, where they are split, each of them."""
    mixers = [Mixer(name, pick, gain, settings=settings)]
    for rate, samples in blocks:
        while split and len(mixers) <= len(samples):  # those that join late are silent until then
            mixers.append(Mixer(name, len(mixers) - 1, gain, pad=mixers[0].track.received))
        mixers[0].add(samples, rate)
        for number, mixer in enumerate(mixers[1:]):
            gone = number >= len(samples)
            mixer.add(
                np.zeros((number + 1, samples.shape[1]), np.float32) if gone else samples, rate
            )
    for mixer in mixers:
        mixer.finish()
    return mixers


def _advice(name: str, decibels: Float32, settings: ChannelSettings) -> Iterator[str]:
    """Yield a warning where a mix of the channels, (C, T) levels, loses voices."""
    from diarize.audio import channels

    if channels.hold_different_voices(decibels, settings):
        yield (
            f"{name}: its channels hold different voices: channels='split' (--channels split) "
            "gives each channel a speaker of its own."
        )
    for channel, below in channels.faint_channels(decibels, settings):
        yield (
            f"{name}: channel {channel} is {below} dB fainter than the loudest, and who speaks "
            f"there may be missed: channels='split' (--channels split), or channels={channel}."
        )


def _slices(samples: Float32, rate: int) -> Iterator[tuple[int, Float32]]:
    """Yield an array, (channels, n), block by block, as a decoder does."""
    for start in range(0, samples.shape[1], decoding.BLOCK):
        yield rate, samples[:, start : start + decoding.BLOCK]


def _watched(source: decoding.InputFile, tell: Progress | None) -> Iterator[tuple[int, Float32]]:
    """Decode, and report each block's progress in full seconds."""
    report = source.report
    for block in decoding.blocks(source):
        yield block
        if tell is not None:
            total = None if report.expected is None else round(report.expected)
            tell("audio", round(report.decoded), total)


def _remarks(name: str, report: decoding.DecodeReport) -> Iterator[str]:
    """Yield a line for several tracks, and for what a file should have held and did not."""
    if report.tracks:
        yield f"{name}: has {report.tracks}"
    expected, decoded = report.expected, report.decoded
    # Encoder padding and rounding make headers differ by a fraction of a second.
    there = max(decoded, report.reached)
    short = expected is not None and there < expected - max(1.0, 0.002 * expected)
    if expected is not None and short:
        yield (
            f"{name}: truncated or damaged: {clock(decoded)} of {clock(expected)} could be decoded."
        )
    elif report.cut:
        yield f"{name}: damaged: reading broke off after {clock(decoded)}."
    elif report.skipped:
        yield f"{name}: damaged: {report.skipped} packets were skipped, {clock(decoded)} decoded."


def _nothing_decoded(name: str, report: decoding.DecodeReport | None) -> AudioError:
    """Return the error for a recording without a single sample."""
    if report is not None and (report.skipped or report.cut):
        return AudioError(
            f"{name}: none of its audio could be decoded: it is damaged or protected. "
            "Try a fresh copy, or convert it to WAV with the program that plays it."
        )
    return AudioError(f"{name}: holds no audio samples. Record or export it again.")
