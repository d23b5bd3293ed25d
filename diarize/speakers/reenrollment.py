"""A book's people embedded anew with another model, from the recordings that the book names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diarize.arrays import Progress, unit
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.embedding.base import embed
from diarize.errors import AudioError, EnrollmentError, SpeakerBookError, UsageError
from diarize.pipeline.diarizer import DiarizationPipeline
from diarize.speakers.book import SpeakerBook
from diarize.speakers.enrollment import as_heard, enroll
from diarize.speakers.records import BookModel, Sample
from diarize.speakers.voiceprints import split_into_segments


@dataclass(frozen=True)
class ReEnrollment:
    """What was done: samples made anew, and what could not be (recording: reason)."""

    people: int
    samples: int
    lost: dict[str, str]
    dropped: tuple[str, ...] = ()


def re_enroll(
    book: SpeakerBook,
    diarizer: DiarizationPipeline,
    *,
    drop_missing: bool = False,
    folder: Path | None = None,
    on_progress: Progress | None = None,
) -> ReEnrollment:
    """Embed all samples of a book anew; the book changes at the very end, at once, or not at all.

    Parameters
    ----------
    drop_missing : bool
        Go on without the samples whose recordings cannot be read; otherwise nothing is changed
        where there are any.
    folder : Path, optional
        Where to look, by name, for recordings that are no longer where they were.

    Raises
    ------
    SpeakerBookError
        Recordings are gone and ``drop_missing`` was not given, or nobody would be left.
    """
    revision = book.revision
    people = {name: book.samples(name) for name in book.names()}
    rejected = {name: book.rejections(name) for name in people}
    every = (*people.values(), *rejected.values())
    takes = sorted({_take(sample) for samples in every for sample in samples}, key=str)
    sources = {source for source, *_ in takes}
    made: dict[str, list[Sample]] = {name: [] for name in people}
    refused: dict[str, list[Sample]] = {name: [] for name in people}
    lost: dict[str, str] = {}
    for done, take in enumerate(takes):
        if on_progress:
            on_progress("re-enroll", done, len(takes))
        try:
            waveform = _load(take, folder, sources)
            for before, after in ((people, made), (rejected, refused)):
                for name, samples in before.items():
                    mine = [sample for sample in samples if _take(sample) == take]
                    after[name] += _again(mine, waveform, diarizer)
        except (AudioError, EnrollmentError, UsageError) as error:  # no such channel any more
            lost[take[0]] = str(error)
    if lost and not drop_missing:
        raise SpeakerBookError(
            f"{book.path}: {len(lost)} of {len(sources)} recordings cannot be used any more "
            f"({'; '.join(lost.values())}); put them back, give their folder by --audio, or add "
            "--drop-missing to go on without"
        )
    found = {name: samples for name, samples in made.items() if samples}
    if people and not found:
        raise SpeakerBookError(f"{book.path}: no recording is left to enroll anybody from")
    book.replace_samples(found, BookModel.of(diarizer.embedder), refused, revision=revision)
    dropped = tuple(name for name in people if name not in found)
    return ReEnrollment(len(found), sum(map(len, found.values())), lost, dropped)


_Take = tuple[str, int | None, int | None]


def _take(sample: Sample) -> _Take:
    """Return what a sample was made of: the recording, and the channel and track of it."""
    return sample.source, sample.channel, sample.track


def _load(take: _Take, folder: Path | None, sources: Iterable[str]) -> Waveform:
    """Decode a recording, as it was heard before."""
    source, channel, track = take
    name = Path(source).name
    place = Path(source)
    if not place.is_file() and folder and (folder / name).is_file():
        place = folder / name
        same = [one for one in sources if Path(one).name == name and one != source]
        if same:
            raise AudioError(
                f"{source}: no such recording, and {place} may be {same[0]}, which has the same "
                "name; put it back where it was"
            )
    if not place.is_file():
        raise AudioError(f"{source}: no such recording")
    return load(place, channels="mix" if channel is None else channel, audio_track=track)


def _again(
    samples: Sequence[Sample], waveform: Waveform, diarizer: DiarizationPipeline
) -> list[Sample]:
    """Return one person's samples of one recording made anew, from the same parts of it."""
    if not samples:
        return []
    if any(not sample.regions for sample in samples):  # from before the parts were noted
        return list(enroll(waveform, diarizer).samples)
    return [_embedded(sample, waveform, diarizer) for sample in samples]


def _embedded(sample: Sample, waveform: Waveform, diarizer: DiarizationPipeline) -> Sample:
    pieces = split_into_segments(sample.regions, diarizer.settings)
    vectors = embed(diarizer.embedder, waveform, pieces)
    mean = unit(vectors.sum(axis=0))
    if not np.any(mean):
        raise EnrollmentError(f"{sample.source}: nothing is left to hear where the sample was")
    again = replace(sample, embedding=mean, quality=float(np.mean(vectors @ mean)))
    return as_heard(again, waveform)
