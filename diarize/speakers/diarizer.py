"""Who spoke when, under the names of enrolled people: the pipeline, then identification."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diarize.annotation import Diarization
from diarize.arrays import Progress
from diarize.audio.sources import Source
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder
from diarize.errors import UsageError
from diarize.pipeline.detectors import Detector
from diarize.pipeline.diarizer import DiarizationPipeline
from diarize.pipeline.intermediate import DiarizationDetails
from diarize.settings import Settings
from diarize.speakers.book import SpeakerBook, opened
from diarize.speakers.identification import among, identify_speakers, identify_turns
from diarize.speakers.records import plain_name


class Diarizer(DiarizationPipeline):
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
        invited = None if participants is None else _distinct(participants)
        if invited and (num_speakers, min_speakers, max_speakers) == (None, None, None):
            max_speakers = len(invited) + 1
        self.speakers = "default" if speakers is None and invited else speakers
        self.participants = invited
        self.identify_segments = identify_segments
        super().__init__(
            vad=vad,
            embedder=embedder,
            threshold=threshold,
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            threads=threads,
            on_progress=on_progress,
            settings=settings,
        )
        self._check_book()

    def __repr__(self) -> str:
        people = f", speakers={self.speakers!r}>" if self.speakers is not None else ">"
        return super().__repr__()[:-1] + people

    def _named(self, details: DiarizationDetails, waveform: Waveform) -> Diarization:
        """Name the speakers after enrolled people, whole clusters or each turn by itself."""
        book, settings = self.speakers, self.settings
        if book is None:
            return details.diarization
        if self.identify_segments:
            return identify_turns(
                details.diarization, waveform, self.embedder, book, settings=settings
            )
        return identify_speakers(
            details, self.embedder, book, participants=self.participants, settings=settings
        )

    def _check_book(self) -> None:
        """Refuse a book that cannot be used now, not after the analysis."""
        if self.speakers is None:
            if self.identify_segments:
                raise UsageError("identify_segments needs the enrolled people: give speakers too")
            return
        if self.participants is not None and self.identify_segments:
            raise UsageError("participants go with clusters, not with identify_segments")
        with opened(self.speakers) as book:
            book.require(self.embedder)
            if self.participants is not None:
                among(self.participants, book)


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
    distinct = tuple(dict.fromkeys(plain_name(name) for name in names if name.strip()))
    if not distinct:
        raise UsageError("participants holds no name: give the people who were invited")
    return distinct
