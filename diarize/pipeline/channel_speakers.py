"""One speaker a channel: calls that have each person on a channel of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diarize.annotation import Diarization, Speaker, speaker_label
from diarize.arrays import Progress, unit
from diarize.audio.waveform import Waveform
from diarize.errors import UsageError
from diarize.pipeline.intermediate import DiarizationDetails, WindowEmbeddings
from diarize.timeline import Turn, union


def check_names(waveform: Waveform, names: Sequence[str]) -> None:
    """Raise a :class:`UsageError` where names do not fit the channels."""
    count = len(waveform.channels)
    if not count:
        raise UsageError(
            "names of channels need channels='split' (--channels split), which gives each channel "
            "a speaker of its own"
        )
    sized = not isinstance(names, str) and hasattr(names, "__len__")  # a generator is not
    listed = sized and all(isinstance(name, str) for name in names)
    if not listed or len(names) != count:
        given = f"{len(names)}: {', '.join(names)}" if listed else repr(names)
        raise UsageError(
            f"{waveform.path}: has {count} channels; give a name for each of them, not {given}"
        )
    if len({name.strip() for name in names} - {""}) < count:
        raise UsageError(
            f"names of channels are to be different from each other: {', '.join(names)}"
        )


def check_bounds(count: int, bounds: Mapping[str, int | None]) -> None:
    """Raise a :class:`UsageError` where ``count`` speakers are not as many as was said."""
    exact, low, high = (bounds[f"{name}_speakers"] for name in ("num", "min", "max"))
    if count != (exact or count) or count < (low or 0) or count > (high or count):
        raise UsageError(
            f"channels='split' (--channels split) gives one speaker to each of {count} channels: "
            "leave out the number of speakers, or take one channel after the other"
        )


def channel_progress(tell: Progress, number: int, count: int) -> Progress:
    """Return whom to tell of one channel of several: a stage is done when it is for the last."""

    def report(stage: str, done: float, total: float | None) -> None:
        tell(stage, number + (done / total if total else 0.0), count)

    return report


def by_channel(
    extracted: Sequence[WindowEmbeddings],
    names: Sequence[str] | None,
    model: str,
    parameters: Mapping[str, Any],
) -> DiarizationDetails:
    """Return the diarization in which each channel is one speaker.

    Parameters
    ----------
    extracted : sequence of WindowEmbeddings
        Speech, windows and vectors of each channel.
    names : sequence of str, optional
        Who speaks on each channel.

    Returns
    -------
    DiarizationDetails
        ``SPEAKER_00`` is channel 0, and so on; where nobody speaks on a channel, a warning says so.
    """
    names = names and [name.strip() for name in names]
    everything = [one.activity.speech for one in extracted]
    turns, speakers, warnings, embeddings = [], [], [], {}
    for number, one in enumerate(extracted):
        label = speaker_label(number)
        name = names[number] if names else None
        if not one.activity.speech:
            of = f" ({name})" if name else ""
            warnings.append(f"nobody speaks on channel {number}{of}")
            continue
        others = union(
            part for k, speech in enumerate(everything) if k != number for part in speech
        )
        turns += [
            Turn(part.start, part.end, label, overlap=any(part.overlap(other) for other in others))
            for part in one.activity.speech
        ]
        speakers.append(Speaker(label, name))
        embeddings[label] = unit(np.mean(one.embeddings, axis=0))
    windows = [window for one in extracted for window in one.windows]
    labels = [speaker_label(number) for number, one in enumerate(extracted) for _ in one.windows]
    speech = union(part for parts in everything for part in parts)
    diarization = Diarization(
        turns,
        duration=max((part.end for part in speech), default=0.0),
        speakers=speakers,
        speech=speech,
        model=model,
        parameters=parameters,
        embeddings=embeddings,
        warnings=tuple(warnings),
    )
    vectors = np.concatenate([one.embeddings for one in extracted])
    return DiarizationDetails(diarization, tuple(windows), vectors, tuple(labels))
