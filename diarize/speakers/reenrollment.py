"""A book's people embedded anew with another model, from the recordings that the book names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diarize.arrays import Progress, unit
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import AudioError, EnrollmentError, SpeakerBookError
from diarize.pipeline.diarizer import DiarizationPipeline
from diarize.speakers.book import SpeakerBook
from diarize.speakers.enrollment import enroll, source_of
from diarize.speakers.records import BookModel, Sample
from diarize.speakers.voiceprints import embed_segments, split_into_segments


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
    people = {name: book.samples(name) for name in book.names()}
    rejected = {name: book.rejections(name) for name in people}
    every = (*people.values(), *rejected.values())
    sources = sorted({sample.source for samples in every for sample in samples})
    made: dict[str, list[Sample]] = {name: [] for name in people}
    refused: dict[str, list[Sample]] = {name: [] for name in people}
    lost: dict[str, str] = {}
    for done, source in enumerate(sources):
        if on_progress:
            on_progress("re-enroll", done, len(sources))
        try:
            waveform = _load(source, folder)
            for before, after in ((people, made), (rejected, refused)):
                for name, samples in before.items():
                    mine = [sample for sample in samples if sample.source == source]
                    after[name] += _again(mine, waveform, diarizer)
        except (AudioError, EnrollmentError) as error:
            lost[source] = str(error)
    if lost and not drop_missing:
        raise SpeakerBookError(
            f"{book.path}: {len(lost)} of {len(sources)} recordings cannot be used any more "
            f"({'; '.join(lost.values())}); put them back, give their folder by --audio, or add "
            "--drop-missing to go on without"
        )
    found = {name: samples for name, samples in made.items() if samples}
    if people and not found:
        raise SpeakerBookError(f"{book.path}: no recording is left to enroll anybody from")
    book.replace_samples(found, BookModel.of(diarizer.embedder), refused)
    dropped = tuple(name for name in people if name not in found)
    return ReEnrollment(len(found), sum(map(len, found.values())), lost, dropped)


def _load(source: str, folder: Path | None) -> Waveform:
    """Decode a recording."""
    places = [Path(source), *([folder / Path(source).name] if folder else [])]
    for place in places:
        if place.is_file():
            return load(place)
    raise AudioError(f"{source}: no such recording")


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
    vectors = embed_segments(waveform, pieces, diarizer.embedder)
    mean = unit(vectors.sum(axis=0))
    if not np.any(mean):
        raise EnrollmentError(f"{sample.source}: nothing is left to hear where the sample was")
    source = source_of(waveform)
    return replace(sample, source=source, embedding=mean, quality=float(np.mean(vectors @ mean)))
