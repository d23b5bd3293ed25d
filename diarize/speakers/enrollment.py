"""From recordings of one person to samples fit for the speaker book, or a reason why not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from diarize.annotation import Diarization, find_speaker
from diarize.arrays import Float32, Progress, unit
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform, signal_to_noise
from diarize.embedding.base import Embedder, embed
from diarize.errors import EnrollmentError, UsageError
from diarize.pipeline.diarizer import DiarizationPipeline
from diarize.pipeline.intermediate import WindowEmbeddings
from diarize.settings import DEFAULTS, EnrollmentSettings, Settings
from diarize.speakers.quality import recording_warnings, unlike_others
from diarize.speakers.records import NAMELESS, Sample, centroid_of
from diarize.speakers.voiceprints import split_into_segments, voice_samples
from diarize.speakers.voices import Voice, answering, speakers_of, table_of, voices_of
from diarize.timeline import Segment, union


@dataclass(frozen=True)
class Enrollment:
    """Samples of one person, and what the user should know of them.

    Parameters
    ----------
    samples : tuple of Sample
        At least one.
    seconds : float
        Speech that they were made from.
    warnings : tuple of str
        One line each: what is wrong with a recording, and what was left out.
    """

    samples: tuple[Sample, ...]
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Take:
    """Where the person talks, and nobody else, in one recording."""

    waveform: Waveform
    regions: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the person talks."""
        return sum(region.duration for region in self.regions)


@dataclass(frozen=True)
class _Request:
    """What is asked for of a recording."""

    parts: tuple[Segment, ...]
    speaker: str | None
    one_voice: bool
    bounds: Mapping[str, int | None] = field(default_factory=dict)


def enroll(
    sources: Any,
    diarizer: DiarizationPipeline,
    *,
    regions: Sequence[Segment] = (),
    speaker: str | None = None,
    one_voice: bool = False,
    num_speakers: int | None = None,
    on_progress: Progress | None = None,
) -> Enrollment:
    """Return samples of the one person who speaks in a recording, or in all of several.

    Parameters
    ----------
    sources : path, file object or Waveform, or a list of them
        The seconds that are needed count for all of them together.
    diarizer : DiarizationPipeline
        Finds speech, embeds it, and separates voices.
    regions : sequence of Segment
        Use only these parts of the recording, of which there is one then.
    speaker : str, optional
        Which speaker to take: the label that ``diarizer`` gives in this recording, or its number.
    one_voice : bool
        All speech is of one person, whatever it sounds like.
    num_speakers : int, optional
        As for :meth:`diarize.Diarizer.analyse`.
    on_progress : callable, optional
        Called with (stage, done, total or None).

    Raises
    ------
    AudioError
        A recording cannot be read.
    EnrollmentError
        Too little speech, more than one voice, recordings of different people, or too much noise.
    """
    listed = list(sources) if isinstance(sources, list | tuple) else [sources]
    if len(listed) != 1 and (regions or speaker is not None):
        raise UsageError("a part or a speaker is chosen in one recording, not in several")
    request = _Request(tuple(regions), speaker, one_voice, {"num_speakers": num_speakers})
    waveforms = (load(one, settings=diarizer.settings.channels) for one in listed)
    takes = [_take(one, diarizer, request, on_progress) for one in _distinct(waveforms)]
    return samples_of(takes, diarizer.embedder, one_voice=one_voice, settings=diarizer.settings)


def _distinct(waveforms: Iterable[Waveform]) -> Iterator[Waveform]:
    """Yield recordings that are not the same as one before: they say nothing more of a voice."""
    known = set()
    for waveform in waveforms:
        digest = hashlib.sha256(np.ascontiguousarray(waveform.samples).data).digest()
        if digest not in known:
            known.add(digest)
            yield waveform


def _take(
    waveform: Waveform,
    diarizer: DiarizationPipeline,
    request: _Request,
    on_progress: Progress | None,
) -> Take:
    """Return where the person talks in one recording, by the diarization of all of it."""
    recording = Segment(0.0, waveform.duration)
    if request.parts and not any(part & recording for part in request.parts):
        spans = ", ".join(f"{part.start:g}-{part.end:g}" for part in request.parts)
        raise EnrollmentError(
            f"{waveform.path}: lasts {waveform.duration:.1f} s, there is nothing at {spans}"
        )
    extracted = diarizer.extract_embeddings(waveform, on_progress)
    found = diarizer.cluster(extracted, waveform=waveform, **request.bounds).diarization
    speakers = speakers_of(found, request.parts)
    if request.speaker is not None:
        return Take(waveform, _chosen(found, speakers, request.speaker, waveform.path))
    if request.one_voice:
        return Take(waveform, tuple(union(part for one in speakers for part in one.regions)))
    settings = diarizer.settings.enrollment
    line = diarizer.embedder.thresholds.verification + settings.same_voice_offset
    voices = voices_of(speakers, extracted.activity.local, line, settings)
    if len(voices) > 1:
        raise EnrollmentError(
            f"{waveform.path}: {len(voices)} people talk here, one is needed; choose with "
            "--speaker or --from, or add --one-voice if all of it is one person:\n"
            + table_of(voices)
        )
    if not voices:
        return Take(waveform, ())
    at_once = [
        part & asked
        for part in extracted.activity.overlaps
        for asked in request.parts or [recording]
    ]
    return Take(
        waveform, voices[0].regions, _doubts(waveform, voices[0], at_once, extracted, settings)
    )


def _doubts(
    waveform: Waveform,
    voice: Voice,
    at_once: Sequence[Segment],
    extracted: WindowEmbeddings,
    settings: EnrollmentSettings,
) -> tuple[str, ...]:
    """Refuse one voice that the segmentation clearly takes for two; return a warning in doubt."""
    overlapped = sum(part.duration for part in at_once)
    if overlapped > settings.most_overlap * (voice.seconds + overlapped):
        raise EnrollmentError(
            f"{waveform.path}: two people talk at once for {overlapped:.1f} s, one is needed; "
            "choose a part with --from, or add --one-voice if all of it is one person"
        )
    if (
        answering(
            voice.regions, voice.regions, extracted.activity.local, settings.answering_window
        )[0]
        > settings.mixed
    ):
        return (f"{waveform.path}: two people may talk here, though they sound like one; check it",)
    return ()


def _chosen(
    diarization: Diarization, speakers: Sequence[Voice], wanted: str, where: str
) -> tuple[Segment, ...]:
    """Return where the speaker who was asked for talks alone."""
    found = find_speaker(diarization, wanted)
    for one in speakers:
        if found is not None and found.label in one.labels:
            return one.regions
    problem = f"there is no speaker {wanted}"
    if found is not None:
        problem = f"{found.label} never speaks alone here"
    raise EnrollmentError(
        f"{where}: {problem}; those found:\n" + table_of(speakers)
        if speakers
        else f"{where}: {problem}: no speech found"
    )


def samples_of(
    takes: Sequence[Take],
    embedder: Embedder,
    *,
    one_voice: bool = False,
    settings: Settings = DEFAULTS,
) -> Enrollment:
    """Return the samples of all recordings together.

    Raises
    ------
    EnrollmentError
        Too little speech in all, recordings of different people, or too much noise.
    """
    demands = settings.enrollment
    _check_seconds(takes, demands)
    warnings = [line for take in takes for line in (*take.waveform.warnings, *take.warnings)]
    used, noisy = [], []
    for take in takes:
        if not take.regions:
            warnings.append(f"{take.waveform.path}: no speech found; left out")
        elif (ratio := signal_to_noise(take.waveform, take.regions)) < demands.least_snr:
            noisy.append(
                f"{take.waveform.path}: too noisy to know a voice by (speech {ratio:.0f} dB above "
                f"the noise, at least {demands.least_snr:g} dB are needed)"
            )
        else:
            used.append(take)
            warnings += recording_warnings(take.waveform, take.regions, demands)
    if not used:
        raise EnrollmentError("; ".join(noisy))
    line = embedder.thresholds.verification + demands.unlike_offset
    groups = [_samples(take, embedder, settings) for take in used]
    if not one_voice:
        _check_alike(groups, [take.waveform.path for take in used], line)
    samples = [sample for group in groups for sample in group]
    odd = [] if one_voice else unlike_others(samples, line)
    warnings += [f"{line}; left out" for line in noisy]
    warnings += [
        f"{samples[row].source}: what is said from {samples[row].regions[0].start:.1f} s on "
        "sounds unlike the rest; left out"
        for row in odd
    ]
    fit = tuple(sample for row, sample in enumerate(samples) if row not in odd)
    return Enrollment(fit, sum(take.seconds for take in used), tuple(warnings))


def _check_seconds(takes: Sequence[Take], settings: EnrollmentSettings) -> None:
    where = ", ".join(take.waveform.path for take in takes)
    seconds = sum(take.seconds for take in takes)
    if not seconds:
        raise EnrollmentError(f"{where}: no speech found; record the person speaking")
    if seconds < settings.least_speech:
        raise EnrollmentError(
            f"{where}: the person speaks alone for only {seconds:.1f} s, at least "
            f"{settings.least_speech:g} s are needed; add more of this voice"
        )


def _samples(take: Take, embedder: Embedder, settings: Settings) -> list[Sample]:
    """Return the samples of one recording, made of its typical pieces."""
    pieces = split_into_segments(take.regions, settings)
    vectors = embed(embedder, take.waveform, pieces)
    rows = typical(vectors, settings.enrollment)
    samples = voice_samples([pieces[row] for row in rows], vectors[rows], settings.enrollment)
    return [as_heard(sample, take.waveform) for sample in samples]


def _check_alike(groups: Sequence[Sequence[Sample]], paths: Sequence[str], line: float) -> None:
    """Refuse recordings of which one does not sound like all the others."""
    means = np.array([centroid_of(group) for group in groups])
    for row in range(len(means) if len(means) > 1 else 0):
        others = unit(np.delete(means, row, axis=0).mean(axis=0))
        likeness = float(means[row] @ others)
        if likeness < line:
            rest = "the others" if len(means) > 2 else paths[1 - row]
            raise EnrollmentError(
                f"{paths[row]}: does not sound like {rest} ({likeness:.2f}, one person "
                f"has {line:.2f} at least); enroll without it, or add --one-voice if it is the same"
            )


def typical(vectors: Float32, settings: EnrollmentSettings = DEFAULTS.enrollment) -> list[int]:
    """Return which of one voice's (n, D) vectors to keep: coughs and noises are not it.

    Examples
    --------
    >>> typical(np.float32([[1, 0], [1, 0], [0.96, 0.28], [0, 1]]))
    [0, 1, 2]
    """
    likeness = vectors @ unit(np.median(vectors, axis=0))
    middle = float(np.median(likeness))
    spread = 1.4826 * float(np.median(np.abs(likeness - middle)))
    line = middle - max(settings.least_outlying, settings.outlying_spreads * spread)
    rows: list[int] = np.flatnonzero(likeness >= line).tolist()
    return rows


def voice_of(
    source: Any,
    diarizer: DiarizationPipeline,
    regions: Sequence[Segment] = (),
    on_progress: Progress | None = None,
) -> tuple[Float32, tuple[str, ...]]:
    """Return the mean of all speech in a recording as a (D,) unit vector, and warnings.

    Raises
    ------
    AudioError
        The recording cannot be read.
    EnrollmentError
        There is no speech in it.
    """
    request = _Request(tuple(regions), None, one_voice=True)
    take = _take(load(source, settings=diarizer.settings.channels), diarizer, request, on_progress)
    if not take.regions:
        raise EnrollmentError(f"{take.waveform.path}: no speech found")
    pieces = split_into_segments(take.regions, diarizer.settings)
    vectors = embed(diarizer.embedder, take.waveform, pieces)
    return unit(vectors.mean(axis=0)), take.waveform.warnings


def as_heard(sample: Sample, waveform: Waveform) -> Sample:
    """Return a sample with what the book notes of its recording: where it is, what of it was heard.

    A file has its absolute path.
    """
    path = waveform.path
    source = path if path in NAMELESS else str(Path(path).resolve())
    return replace(sample, source=source, channel=waveform.channel, track=waveform.track)
