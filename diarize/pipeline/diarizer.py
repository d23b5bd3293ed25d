"""The order of stages: a recording in, who spoke when out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from diarize.annotation import Diarization
from diarize.arrays import Progress, finite_number
from diarize.audio.channels import speech_of_each
from diarize.audio.loading import load
from diarize.audio.sources import Source
from diarize.audio.waveform import Waveform
from diarize.clustering.bounds import speaker_bounds, whole_number
from diarize.embedding.base import Embedder, embed
from diarize.embedding.embedder import open_embedder
from diarize.embedding.windows import sliding_windows, split_at
from diarize.errors import UsageError
from diarize.pipeline.assignment import assign_speakers, doubt_of_count
from diarize.pipeline.channel_speakers import (
    by_channel,
    channel_progress,
    check_bounds,
    check_names,
)
from diarize.pipeline.detectors import Detector, as_activity, open_detector
from diarize.pipeline.intermediate import DiarizationDetails, WindowEmbeddings
from diarize.pipeline.recording import (
    completed,
    quietest_instant,
    stage_costs,
    timed,
    without_channels,
)
from diarize.progress import OverallProgress
from diarize.segmentation.activity import SpeechActivity
from diarize.segmentation.segmenters import NeuralSegmenter, SileroSegmenter
from diarize.settings import DEFAULTS, EmbeddingSettings, Settings
from diarize.timeline import Segment, difference, union
from diarize.version import __version__

log = logging.getLogger(__name__)


class DiarizationPipeline:
    """Tells who spoke when; loads its models once and is used for many recordings.

    :class:`diarize.Diarizer` is the same with enrolled people; parameters and errors are its own.
    """

    def __init__(
        self,
        *,
        vad: str | Path | Detector = "auto",
        embedder: str | Path | Embedder | None = None,
        threshold: float | None = None,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        threads: int | None = None,
        on_progress: Progress | None = None,
        settings: Settings | None = None,
    ) -> None:
        speaker_bounds(num_speakers, min_speakers, max_speakers)
        self.settings = DEFAULTS if settings is None else settings
        self.num_speakers = num_speakers
        self.min_speakers = min_speakers
        self.max_speakers = max_speakers
        self.threshold = _finite(threshold)
        self.on_progress = on_progress
        self.detector, self.vad = open_detector(vad, threads, self.settings)
        self.embedder = open_embedder(embedder, threads, self.settings.embedding)

    def __setattr__(self, name: str, value: object) -> None:
        # Two calls that share a diarizer must not see each other's settings and callbacks.
        if name in vars(self):
            raise AttributeError(
                f"{name} of a Diarizer is not changed later: give it to the call, or make another"
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} vad={self.vad!r}, embedder={self.embedder.name!r}>"

    def __call__(
        self,
        source: Source,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        channels: str | int = "mix",
        channel_names: Sequence[str] | None = None,
        audio_track: int | None = None,
        sample_rate: int | None = None,
        uri: str | None = None,
        on_progress: Progress | None = None,
    ) -> Diarization:
        """Return who spoke when in a recording; parameters and errors as for :meth:`analyse`."""
        return self.analyse(
            source,
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            channels=channels,
            channel_names=channel_names,
            audio_track=audio_track,
            sample_rate=sample_rate,
            uri=uri,
            on_progress=on_progress,
        ).diarization

    def analyse(
        self,
        source: Source,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        channels: str | int = "mix",
        channel_names: Sequence[str] | None = None,
        audio_track: int | None = None,
        sample_rate: int | None = None,
        uri: str | None = None,
        on_progress: Progress | None = None,
    ) -> DiarizationDetails:
        """Return who spoke when, together with the windows and vectors behind it.

        Parameters
        ----------
        source : path, ``"-"``, binary file, bytes, array, tensor, pair, mapping or Waveform
            A recording in any container, or samples: see :func:`diarize.audio.loading.load`.
        num_speakers, min_speakers, max_speakers : int, optional
            Override the diarizer's own.
        channels : "mix", "split" or int
            The mean of all channels; each channel for one speaker (a call with one person a
            channel); or one channel by its number from 0.
        channel_names : sequence of str, optional
            Who speaks on each channel, which are split then; ``SPEAKER_00`` is channel 0 where not
            given.
        audio_track : int, optional
            Which audio track of a file that has several, from 0.
        sample_rate : int, optional
            Of an array, in Hz.
        uri : str, optional
            Name of the recording in RTTM; the file's name where not given.
        on_progress : callable, optional
            Instead of the diarizer's own.

        Raises
        ------
        AudioError
            Where the recording cannot be read, or has one channel that was to be split.
        UsageError
            Where the numbers of speakers or the names of channels do not fit.
        """
        bounds = self._bounds(num_speakers, min_speakers, max_speakers)
        speaker_bounds(**bounds)
        begin = perf_counter()
        split = channel_names is not None and channels == "mix"
        tell = OverallProgress(on_progress or self.on_progress, stage_costs(source))

        waveform = load(
            source,
            channels="split" if split else channels,
            sample_rate=sample_rate,
            audio_track=audio_track,
            on_progress=tell,
            settings=self.settings.channels,
        )
        log.debug("decoding of %s: %.2f s", waveform.path, perf_counter() - begin)
        # samples: (n,) int16 at 16 kHz, mono; its channels besides, where they are split
        tell.seconds = waveform.duration
        if channel_names is not None:
            check_names(waveform, channel_names)

        found = self._by_channel(waveform, channel_names, bounds, tell)
        if found is None:
            if waveform.channels:
                waveform = without_channels(waveform, channel_names)
            extracted = self.extract_embeddings(waveform, tell)
            # embeddings: (N, D) float32 unit vectors of N windows
            tell("cluster", 0, None)
            found = self.cluster(extracted, waveform=waveform, **bounds)
            # turns in order of time; labels: the speaker of each window, N of K

        found = completed(found, waveform, uri)
        if found.diarization and not channel_names:
            found = replace(found, diarization=self._named(found, waveform))
            # the same turns, under the names of enrolled people
        for warning in found.diarization.warnings:
            log.warning("%s", warning)
        tell.finish()
        log.info("%r in %.2f s", found.diarization, perf_counter() - begin)
        return found

    def extract_embeddings(
        self, waveform: Waveform, on_progress: Progress | None = None
    ) -> WindowEmbeddings:
        """Find speech, cut windows, and embed them: the part that costs time."""
        tell = on_progress or self.on_progress or _ignore
        activity = self._speech(waveform, tell)
        # regions of speech, overlaps and changes in seconds; local speakers: (W, F, 3) bool
        return self._embed(activity, waveform, tell)

    def _speech(self, waveform: Waveform, tell: Progress) -> SpeechActivity:
        """Find speech."""
        tell("speech", 0, None)
        with timed("finding speech", waveform):
            if isinstance(self.detector, NeuralSegmenter | SileroSegmenter):
                found: Any = self.detector(waveform, tell)
            else:
                found = self.detector(waveform)
        activity = found if isinstance(found, SpeechActivity) else as_activity(found, self.vad)
        activity = activity.within(waveform.duration)
        if sum(part.duration for part in activity.speech) < self.settings.embedding.min_speech:
            return as_activity(())
        return activity

    def _embed(
        self, activity: SpeechActivity, waveform: Waveform, tell: Progress
    ) -> WindowEmbeddings:
        """Cut speech into windows and embed them."""
        cuts = cut_windows(activity, self.embedder, self.settings.embedding)
        log.debug("%r, %d windows", activity, len(cuts))
        tell("embed", 0, len(cuts))
        with timed("embedding", waveform):
            embeddings = embed(self.embedder, waveform, cuts, tell)
        return WindowEmbeddings(activity, tuple(cuts), embeddings)

    def cluster(
        self,
        extracted: WindowEmbeddings,
        *,
        threshold: float | None = None,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        waveform: Waveform | None = None,
    ) -> DiarizationDetails:
        """Tell the speakers of windows apart: cheap, so that thresholds can be tried by the dozen.

        Parameters
        ----------
        extracted : WindowEmbeddings
            What :meth:`extract_embeddings` returned.
        threshold : float, optional
            Clustering distance; the model's own where not given.
        waveform : Waveform, optional
            Lets changes of speaker move to the quietest instant near them.
        """
        bounds = self._bounds(num_speakers, min_speakers, max_speakers)
        threshold = self.threshold if threshold is None else _finite(threshold)
        if threshold is None:
            threshold = self.embedder.thresholds.clustering
        with timed("telling speakers apart", waveform):
            assignment = assign_speakers(
                extracted,
                threshold=threshold,
                **bounds,
                settings=self.settings,
                quietest=quietest_instant(waveform) if waveform is not None else None,
            )
        activity = extracted.activity
        doubt = doubt_of_count(
            extracted,
            len(assignment.embeddings),
            speaker_bounds(**bounds)[0],
            threshold,
            self.settings,
        )
        diarization = Diarization(
            assignment.turns,
            duration=max((region.end for region in activity.speech), default=0.0),
            speech=activity.speech,
            model=self.embedder.name,
            parameters=self._parameters(threshold, bounds),
            embeddings=assignment.embeddings,
            confidences=assignment.confidences,
            speaker_counts=assignment.counts,
            warnings=() if doubt is None else (doubt,),
        )
        return DiarizationDetails(
            diarization, extracted.windows, extracted.embeddings, assignment.labels
        )

    def _by_channel(
        self,
        waveform: Waveform,
        names: Sequence[str] | None,
        bounds: Mapping[str, int | None],
        tell: Progress,
    ) -> DiarizationDetails | None:
        """Give each channel a speaker of its own; None where the channels are not split."""
        if not waveform.channels:
            return None
        count = len(waveform.channels)
        check_bounds(count, bounds)
        progress = [channel_progress(tell, number, count) for number in range(count)]
        speech = [
            self._speech(one, part).speech
            for one, part in zip(waveform.channels, progress, strict=True)
        ]
        own = speech_of_each(waveform.channels, speech, self.settings.channels)
        if own is None:
            return None
        extracted = [
            self._embed(as_activity(mine), one, part)
            for mine, one, part in zip(own, waveform.channels, progress, strict=True)
        ]
        parameters = {**self._parameters(None, {}), "channels": "split"}
        return by_channel(extracted, names, self.embedder.name, parameters)

    def _named(self, details: DiarizationDetails, waveform: Waveform) -> Diarization:
        """Name the speakers of a finished diarization; who speaks when stays as it is."""
        return details.diarization

    def _bounds(
        self, num_speakers: int | None, min_speakers: int | None, max_speakers: int | None
    ) -> dict[str, int | None]:
        """Return the call's numbers of speakers where it gives any, else the diarizer's own."""
        given = (num_speakers, min_speakers, max_speakers)
        if given == (None, None, None):
            given = (self.num_speakers, self.min_speakers, self.max_speakers)
        names = ("num_speakers", "min_speakers", "max_speakers")
        return {name: whole_number(name, one) for name, one in zip(names, given, strict=True)}

    def _parameters(
        self, threshold: float | None, bounds: Mapping[str, int | None]
    ) -> dict[str, Any]:
        """Return what made a result, for its record."""
        known = {name: value for name, value in bounds.items() if value is not None}
        return {
            "version": __version__,
            "vad": self.vad,
            "model": self.embedder.name,
            "model_sha256": self.embedder.checksum,
            "window": self.embedder.window,
            "hop": self.embedder.hop,
            "threshold": threshold,
            **known,
            "settings": self.settings.digest(),
            "settings_changed": self.settings.differences(),
        }


def cut_windows(
    activity: SpeechActivity, embedder: Embedder, settings: EmbeddingSettings
) -> list[Segment]:
    """Cut the stretches in which one voice is alone; all speech where there are none."""
    shortest = settings.min_segment
    bridged = union(activity.speech, settings.bridge)
    single = split_at(difference(bridged, activity.overlaps), activity.changes, shortest)
    for pieces in (single, activity.speech):
        cuts = sliding_windows(pieces, embedder.window, embedder.hop, shortest)
        if cuts:
            return cuts
    return list(activity.speech)


def _ignore(stage: str, done: float, total: float | None) -> None:
    """Nobody asked for progress."""


def _finite(threshold: Any) -> float | None:
    """Return a threshold of the user's as float; None where there is none."""
    if threshold is None:
        return None
    number = finite_number(threshold)
    if number is None:
        raise UsageError(f"threshold is {threshold!r}: a cosine distance is expected, from 0 to 2")
    return number
