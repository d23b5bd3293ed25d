"""The order of things: a recording in, who spoke when out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Union, cast

import numpy as np

from diarize import plugins
from diarize.annotation import Diarization
from diarize.arrays import SAMPLE_RATE, Progress
from diarize.audio.channels import speech_of_each
from diarize.clustering.speakers import speaker_bounds
from diarize.embedding.base import Embedder
from diarize.embedding.embedder import OnnxEmbedder
from diarize.embedding.windows import sliding_windows, split_at
from diarize.errors import UsageError
from diarize.pipeline.assignment import decide as decision_of
from diarize.pipeline.assignment import doubt_of_count
from diarize.pipeline.channel_speakers import by_channel, check_bounds, check_names
from diarize.pipeline.intermediate import DiarizationDetails, Listening
from diarize.pipeline.resegmentation import Quietest
from diarize.progress import STAGE_COSTS, OverallProgress
from diarize.segmentation.activity import SpeechActivity
from diarize.segmentation.segmenters import NeuralSegmenter, SileroSegmenter
from diarize.settings import DEFAULTS, Settings
from diarize.timeline import Segment, difference, union
from diarize.version import __version__

if TYPE_CHECKING:
    from diarize.audio import sources
    from diarize.audio.waveform import Waveform
    from diarize.speakers import SpeakerBook

Source = Union["sources.Source", "Waveform"]
Detector = Callable[["Waveform"], SpeechActivity | Sequence[Segment]]

log = logging.getLogger(__name__)


class Diarizer:
    """Tells who spoke when; loads its models once and is used for many recordings.

    Parameters
    ----------
    vad : str, Path or callable
        ``"auto"`` or ``"neural"`` (the bundled one), ``"webrtc"``, the
        path of a segmentation or voice activity model (ONNX), or a callable that returns segments
        of speech for a waveform.
    embedder : str, Path or Embedder, optional
        A model's path or registered name, or an embedder of your own; None is the bundled model.
    threshold : float, optional
        Cosine distance at which voices are different people; the model's own where not given.
    num_speakers, min_speakers, max_speakers : int, optional
        What is known of the number of speakers; a call may say otherwise.
    threads : int, optional
        Threads of the networks; None takes the processors this process may use.
    speakers : SpeakerBook, str or Path, optional
        Enrolled people, by whose names the speakers are then called; ``"default"`` is the book
        that ``diarize enroll`` fills.
    identify_segments : bool
        Match each turn on its own with the enrolled people, whatever cluster it is in.
    participants : sequence of str, optional
        Who was invited. Names come from this list only, and there are at most as many speakers and
        one more, unless numbers are given; nobody of the list has to be there. The people come from
        the default book where ``speakers`` is not given.
    on_progress : callable, optional
        Called with (stage, done, total): seconds of audio over all stages together, from 0 to the
        recording's length, which is None while it is not known; stages are ``audio``, ``speech``,
        ``embed`` and ``cluster``. A call may bring its own.
    settings : Settings, optional
        The tuned numbers.

    Raises
    ------
    ModelError
        Where a model is missing, damaged, or of no known kind.
    SpeakerBookError
        Where the speaker book cannot be used with this embedder.
    UsageError
        Where the arguments contradict each other.

    Notes
    -----
    Pickled or deeply copied, it loads its models again; so it can be sent to other processes and
    machines.

    Examples
    --------
    >>> diarizer = Diarizer(max_speakers=4)                                  # doctest: +SKIP
    >>> for turn in diarizer("meeting.mp3"):                                 # doctest: +SKIP
    ...     print(turn.speaker, turn.start, turn.end)
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
        speakers: SpeakerBook | str | Path | None = None,
        identify_segments: bool = False,
        participants: Sequence[str] | None = None,
        on_progress: Progress | None = None,
        settings: Settings | None = None,
    ) -> None:
        speaker_bounds(num_speakers, min_speakers, max_speakers)
        self.settings = DEFAULTS if settings is None else settings
        self.num_speakers = num_speakers
        self.min_speakers = min_speakers
        self.max_speakers = max_speakers
        self.threshold = threshold
        self.speakers = "default" if speakers is None and participants is not None else speakers
        self.participants = None if participants is None else _distinct(participants)
        self.identify_segments = identify_segments
        self.on_progress = on_progress
        self.detector, self.vad = _detector(vad, threads, self.settings)
        if isinstance(embedder, str) and embedder in plugins.names("embedders"):
            embedder = cast("Embedder", plugins.load("embedders", embedder))
        if embedder is None or isinstance(embedder, str | Path):
            embedder = OnnxEmbedder(embedder, threads=threads, settings=self.settings.embedding)
        self.embedder: Embedder = embedder
        self._check_book()

    def __setattr__(self, name: str, value: object) -> None:
        # Two calls that share a diarizer must not see each other's settings and callbacks.
        if name in vars(self):
            raise AttributeError(
                f"{name} of a Diarizer is not changed later: give it to the call, or make another"
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        speakers = f", speakers={self.speakers!r}" if self.speakers is not None else ""
        return f"<Diarizer vad={self.vad!r}, embedder={self.embedder.name!r}{speakers}>"

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
        if channel_names is not None and channels == "mix":
            channels = "split"
        tell = OverallProgress(on_progress or self.on_progress, _costs(source))
        waveform = _load(source, channels, sample_rate, audio_track, tell)
        tell.seconds = waveform.duration
        doubts: list[str] = []
        if channel_names is not None:
            check_names(waveform, channel_names)
        found = self._by_channel(waveform, channel_names, bounds, tell)
        if found is None:
            if waveform.channels:
                waveform = _unsplit(waveform, channel_names)
            heard = self.listen(waveform, tell)
            tell("cluster", 0, None)
            found = self.decide(heard, waveform=waveform, **bounds)
            doubts = self._doubts(heard, found.diarization, bounds)
        diarization = replace(
            found.diarization,
            duration=waveform.duration,
            uri=uri or _uri(waveform.path),
            warnings=(*waveform.warnings, *found.diarization.warnings, *doubts),
        )
        found = replace(found, diarization=diarization)
        named = found if channel_names else self._identified(found, waveform)
        for warning in named.diarization.warnings:
            log.warning("%s", warning)
        tell.finish()
        log.info("%r in %.2f s", named.diarization, perf_counter() - begin)
        return named

    def listen(self, waveform: Waveform, on_progress: Progress | None = None) -> Listening:
        """Find speech, cut windows, and embed them: the part that costs time."""
        tell = on_progress or self.on_progress or _silent
        return self._embed(self._speech(waveform, tell), waveform, tell)

    def _speech(self, waveform: Waveform, tell: Progress) -> SpeechActivity:
        """Find speech."""
        tell("speech", 0, None)
        with _timed("finding speech", waveform):
            if isinstance(self.detector, NeuralSegmenter | SileroSegmenter):
                found: Any = self.detector(waveform, tell)
            else:
                found = self.detector(waveform)
        activity = found if isinstance(found, SpeechActivity) else _activity(found)
        if sum(part.duration for part in activity.speech) < self.settings.embedding.min_speech:
            return _activity(())
        return activity

    def _embed(self, activity: SpeechActivity, waveform: Waveform, tell: Progress) -> Listening:
        """Cut speech into windows and embed them."""
        cuts = self._windows(activity)
        log.debug("%r, %d windows", activity, len(cuts))
        tell("embed", 0, len(cuts))
        with _timed("embedding", waveform):
            vectors = self.embedder.embed(waveform, cuts, tell)
        return Listening(activity, tuple(cuts), vectors)

    def _windows(self, activity: SpeechActivity) -> list[Segment]:
        """Cut the stretches in which one voice is alone; all speech where there are none."""
        shortest = self.settings.embedding.min_segment
        bridged = union(activity.speech, self.settings.embedding.bridge)
        single = split_at(difference(bridged, activity.overlaps), activity.changes, shortest)
        for pieces in (single, activity.speech):
            cuts = sliding_windows(pieces, self.embedder.window, self.embedder.hop, shortest)
            if cuts:
                return cuts
        return list(activity.speech)

    def decide(
        self,
        heard: Listening,
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
        heard : Listening
            What :meth:`listen` returned.
        threshold : float, optional
            Clustering distance; the model's own where not given.
        waveform : Waveform, optional
            Lets changes of speaker move to the quietest instant near them.
        """
        bounds = self._bounds(num_speakers, min_speakers, max_speakers)
        if threshold is None:
            own = self.embedder.thresholds.clustering
            threshold = own if self.threshold is None else self.threshold
        with _timed("telling speakers apart", waveform):
            decision = decision_of(
                heard,
                threshold=threshold,
                num_speakers=bounds["num_speakers"],
                min_speakers=bounds["min_speakers"],
                max_speakers=bounds["max_speakers"],
                settings=self.settings,
                quietest=_quietest(waveform) if waveform is not None else None,
            )
        diarization = Diarization(
            decision.turns,
            duration=max((region.end for region in heard.activity.speech), default=0.0),
            speech=heard.activity.speech,
            model=self.embedder.name,
            parameters=self._parameters(threshold, bounds),
            embeddings=decision.embeddings,
        )
        return DiarizationDetails(diarization, heard.windows, heard.vectors, decision.labels)

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

        def part(number: int) -> Progress:
            """Return whom to tell of one channel: a stage is done when it is for the last one."""

            def report(stage: str, done: float, total: float | None) -> None:
                tell(stage, number + (done / total if total else 0.0), count)

            return report

        speech = [self._speech(one, part(k)).speech for k, one in enumerate(waveform.channels)]
        own = speech_of_each(waveform.channels, speech, self.settings.channels)
        if own is None:
            return None
        heard = [
            self._embed(_activity(mine), one, part(number))
            for number, (mine, one) in enumerate(zip(own, waveform.channels, strict=True))
        ]
        return by_channel(
            heard, names, self.embedder.name, {**self._parameters(None, {}), "channels": "split"}
        )

    def _identified(self, details: DiarizationDetails, waveform: Waveform) -> DiarizationDetails:
        """Name the speakers of a finished diarization; who speaks when stays as it is."""
        if self.speakers is None or not details.diarization:
            return details
        from diarize import speakers

        if self.identify_segments:
            named = speakers.identify_turns(
                details.diarization, waveform, self.embedder, self.speakers, settings=self.settings
            )
        else:
            named = speakers.identify_speakers(
                details,
                self.embedder,
                self.speakers,
                participants=self.participants,
                settings=self.settings,
            )
        return replace(details, diarization=named)

    def _check_book(self) -> None:
        """Refuse a book that cannot be used now, not after the analysis."""
        if self.speakers is None:
            if self.identify_segments:
                raise UsageError("identify_segments needs the enrolled people: give speakers too")
            return
        if self.participants is not None and self.identify_segments:
            raise UsageError("participants go with clusters, not with identify_segments")
        from diarize.speakers.identification import among, opened

        with opened(self.speakers) as book:
            book.require(self.embedder)
            if self.participants is not None:
                among(self.participants, book)

    def _doubts(
        self, heard: Listening, found: Diarization, bounds: Mapping[str, int | None]
    ) -> list[str]:
        """Say where other numbers of speakers were asked for than the recording shows."""
        least, _ = speaker_bounds(**bounds)
        threshold = float(found.parameters["threshold"])
        message = doubt_of_count(heard, len(found.speakers), least, threshold, self.settings)
        return [message] if message else []

    def _bounds(
        self, num_speakers: int | None, min_speakers: int | None, max_speakers: int | None
    ) -> dict[str, int | None]:
        """Return the call's numbers of speakers where it gives any, else the diarizer's own."""
        given = (num_speakers, min_speakers, max_speakers)
        if given == (None, None, None):
            given = (self.num_speakers, self.min_speakers, self.max_speakers)
        if given == (None, None, None) and self.participants is not None:
            given = (None, None, len(self.participants) + 1)
        return dict(zip(("num_speakers", "min_speakers", "max_speakers"), given, strict=True))

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


def diarize(
    source: Source,
    *,
    vad: str | Path | Detector = "auto",
    embedder: str | Path | Embedder | None = None,
    threshold: float | None = None,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    threads: int | None = None,
    speakers: SpeakerBook | str | Path | None = None,
    identify_segments: bool = False,
    participants: Sequence[str] | None = None,
    settings: Settings | None = None,
    channels: str | int = "mix",
    channel_names: Sequence[str] | None = None,
    audio_track: int | None = None,
    sample_rate: int | None = None,
    uri: str | None = None,
    on_progress: Progress | None = None,
) -> Diarization:
    """Return who spoke when in a recording.

    Parameters
    ----------
    source : path, ``"-"``, binary file, bytes, array, tensor, pair, mapping or Waveform
        A recording in any container, or samples: see :func:`diarize.audio.loading.load`.
    vad, embedder, threshold, num_speakers, min_speakers, max_speakers, threads, speakers, \
identify_segments, participants, settings
        As for :class:`Diarizer`.
    channels, channel_names, audio_track, sample_rate, uri, on_progress
        As for :meth:`Diarizer.analyse`.

    Raises
    ------
    DiarizeError
        With one line that says what is wrong and what to do.

    Examples
    --------
    >>> result = diarize("podcast.mp3", min_speakers=2)                      # doctest: +SKIP
    >>> print(result.to_rttm())                                              # doctest: +SKIP
    """
    diarizer = Diarizer(
        vad=vad,
        embedder=embedder,
        threshold=threshold,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
        threads=threads,
        speakers=speakers,
        identify_segments=identify_segments,
        participants=participants,
        settings=settings,
    )
    return diarizer(
        source,
        channels=channels,
        channel_names=channel_names,
        audio_track=audio_track,
        sample_rate=sample_rate,
        uri=uri,
        on_progress=on_progress,
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the participants' names, each once."""
    if isinstance(names, str):
        raise UsageError(f"participants is {names!r}: a list of names is expected")
    distinct = tuple(dict.fromkeys(" ".join(name.split()) for name in names if name.strip()))
    if not distinct:
        raise UsageError("participants holds no name: give the people who were invited")
    return distinct


def _costs(source: Source) -> dict[str, float]:
    """Return what the stages cost: a waveform is loaded already."""
    loaded = hasattr(source, "samples")
    return {stage: cost for stage, cost in STAGE_COSTS.items() if not (loaded and stage == "audio")}


def _silent(stage: str, done: float, total: float | None) -> None:
    """Take no notice."""


def _load(
    source: Source,
    channels: str | int,
    sample_rate: int | None,
    audio_track: int | None,
    tell: Progress,
) -> Waveform:
    """Decode the recording, unless it is decoded already."""
    from diarize.audio.loading import load
    from diarize.audio.waveform import Waveform

    if isinstance(source, Waveform):
        return source
    begin = perf_counter()
    waveform = load(
        source,
        channels=channels,
        sample_rate=sample_rate,
        audio_track=audio_track,
        on_progress=tell,
    )
    log.debug("decoding of %s: %.2f s", waveform.path, perf_counter() - begin)
    return waveform


def _unsplit(waveform: Waveform, names: Sequence[str] | None) -> Waveform:
    """Return a recording whose channels turned out to hold the same, with a line that says so."""
    told = f"{waveform.path}: its channels hold the same sound, so nobody has a channel alone"
    if names is not None:
        raise UsageError(f"{told}: leave out the names of channels")
    return replace(
        waveform, channels=(), warnings=(*waveform.warnings, f"{told}: they are not split.")
    )


@contextmanager
def _timed(stage: str, waveform: Waveform | None) -> Iterator[None]:
    """Log what a stage costs."""
    begin = perf_counter()
    yield
    of = waveform.path if waveform is not None else "a recording"
    log.debug("%s in %s: %.2f s", stage, of, perf_counter() - begin)


def _detector(
    vad: str | Path | Detector, threads: int | None, settings: Settings
) -> tuple[Detector, str]:
    """Return what finds speech, and its name."""
    if callable(vad):
        return vad, getattr(vad, "__name__", type(vad).__name__)
    # The model measures better on the benchmark's two hours: examples/benchmark/RESULTS.md.
    if vad == "webrtc":
        from diarize.segmentation.webrtc import WebRtcVad

        return WebRtcVad(settings.webrtc), "webrtc"
    from diarize.segmentation.segmenters import load_segmentation

    if vad in ("auto", "neural"):
        return load_segmentation(None, threads, settings), "neural"
    if str(vad) in plugins.names("vads"):
        return plugins.load("vads", str(vad)), str(vad)
    if not Path(vad).is_file():
        raise UsageError(
            f"vad is {str(vad)!r}: auto, webrtc, neural, the path of an ONNX model, or the name of "
            "an installed plug-in is expected"
        )
    return load_segmentation(Path(vad), threads, settings), Path(vad).name


def _activity(speech: Sequence[Segment]) -> SpeechActivity:
    """Wrap the segments of a plain detector, which may bring numbers of its own kinds."""
    return SpeechActivity.of(Segment(float(part.start), float(part.end)) for part in speech)


def _uri(path: str) -> str:
    """Return a recording's name as RTTM wants it."""
    return "stdin" if path == "-" else Path(path).stem or "recording"


def _quietest(waveform: Waveform) -> Quietest:
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
