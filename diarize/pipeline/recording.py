"""The recording that a pipeline works on: loaded, named, and searched for quiet instants."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from diarize.arrays import SAMPLE_RATE
from diarize.audio.sources import Source
from diarize.audio.waveform import Waveform
from diarize.errors import UsageError
from diarize.pipeline.intermediate import DiarizationDetails
from diarize.pipeline.resegmentation import Quietest
from diarize.progress import STAGE_COSTS

log = logging.getLogger(__name__)


def completed(found: DiarizationDetails, waveform: Waveform, uri: str | None) -> DiarizationDetails:
    """Add what the recording tells: its length, its name, what of it was heard, what is wrong."""
    heard = {"channels": waveform.channel, "audio_track": waveform.track}
    known = {name: number for name, number in heard.items() if number is not None}
    name = "stdin" if waveform.path == "-" else Path(waveform.path).stem or "recording"
    diarization = replace(
        found.diarization,
        duration=waveform.duration,
        parameters={**found.diarization.parameters, **known},
        uri=str(uri or name),  # may be a Path
        warnings=(*waveform.warnings, *found.diarization.warnings),
    )
    return replace(found, diarization=diarization)


def without_channels(waveform: Waveform, names: Sequence[str] | None) -> Waveform:
    """Return a recording whose channels turned out to hold the same, with a line that says so."""
    message = f"{waveform.path}: its channels hold the same sound, so nobody has a channel alone"
    if names is not None:
        raise UsageError(f"{message}: leave out the names of channels")
    return replace(
        waveform, channels=(), warnings=(*waveform.warnings, f"{message}: they are not split.")
    )


def stage_costs(source: Source) -> dict[str, float]:
    """Return what the stages cost: a waveform is loaded already."""
    loaded = hasattr(source, "samples")
    return {stage: cost for stage, cost in STAGE_COSTS.items() if not (loaded and stage == "audio")}


@contextmanager
def timed(stage: str, waveform: Waveform | None) -> Iterator[None]:
    """Log what a stage costs."""
    begin = perf_counter()
    yield
    of = waveform.path if waveform is not None else "a recording"
    log.debug("%s in %s: %.2f s", stage, of, perf_counter() - begin)


def quietest_instant(waveform: Waveform) -> Quietest:
    """Return a function that finds the quietest 50 ms of a stretch."""
    rate, frame = SAMPLE_RATE, SAMPLE_RATE // 100

    def find(start: float, end: float) -> float:
        samples = waveform.block(int(start * rate), int(end * rate))
        count = len(samples) // frame
        if count < 5:
            return (start + end) / 2
        power = np.square(samples[: count * frame]).reshape(count, frame).sum(axis=1)
        smooth = np.convolve(power, np.ones(5), mode="valid")
        return start + (int(smooth.argmin()) + 2.5) * frame / rate

    return find
