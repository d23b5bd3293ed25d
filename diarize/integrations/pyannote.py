"""pyannote's ``Annotation``, both ways, and this diarizer as a pyannote-style pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.annotation import Diarization
from diarize.audio.loading import load
from diarize.embedding.base import Embedder
from diarize.errors import MissingExtraError, UsageError
from diarize.integrations.common import load_audio
from diarize.pipeline.detectors import Detector
from diarize.settings import Settings
from diarize.speakers import SpeakerBook
from diarize.speakers.diarizer import Diarizer

if TYPE_CHECKING:
    from pyannote.core import Annotation


__all__ = ["Pipeline", "from_annotation", "to_annotation"]


def to_annotation(diarization: Diarization) -> Annotation:
    """Return a ``pyannote.core.Annotation`` whose labels are the speakers' names.

    Raises
    ------
    MissingExtraError
        When pyannote.core is not installed.
    """
    try:
        return diarization.to_annotation()
    except ImportError:
        raise MissingExtraError("pyannote.core", "eval", "an Annotation") from None


def from_annotation(annotation: Any, duration: float | None = None) -> Diarization:
    """Return the Diarization that an ``Annotation``, or a pipeline's output holding one, tells of.

    Parameters
    ----------
    annotation : Annotation, or the output of a pyannote.audio pipeline
        Of the latter, its ``speaker_diarization``.
    duration : float, optional
        Length of the recording in seconds; the end of the last turn where not given.
    """
    inner = getattr(annotation, "speaker_diarization", annotation)
    if not hasattr(inner, "itertracks"):
        raise UsageError(f"a {type(annotation).__name__} is no pyannote Annotation")
    return Diarization.from_annotation(inner, duration)


class Pipeline:
    """Called as a pyannote.audio pipeline is; returns an ``Annotation``.

    Parameters
    ----------
    vad, embedder, threshold, num_speakers, min_speakers, max_speakers, threads, speakers, \
identify_segments, participants, settings
        As for :class:`diarize.Diarizer`.

    Examples
    --------
    >>> from diarize.integrations.pyannote import Pipeline                   # doctest: +SKIP
    >>> annotation = Pipeline()("meeting.wav", num_speakers=2)               # doctest: +SKIP
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
        settings: Settings | None = None,
    ) -> None:
        self.diarizer = Diarizer(
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

    def to(self, device: Any) -> Pipeline:
        """Do nothing: everything runs on the CPU."""
        return self

    def __call__(
        self,
        file: Any,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        hook: Callable[..., Any] | None = None,
    ) -> Annotation:
        """Return who spoke when.

        Parameters
        ----------
        file : path, binary file, or mapping
            With ``audio`` (a path or binary file), or ``waveform`` ((channels, n) array or tensor)
            and ``sample_rate``; and possibly ``uri``, and a ``channel`` by its number from 0.
        num_speakers, min_speakers, max_speakers : int, optional
        hook : callable, optional
            Called as pyannote's: ``hook(step, artifact, file=, total=, completed=)``.
        """

        def report(stage: str, done: float, total: float | None) -> None:
            if hook is not None:
                hook(stage, None, file=file, total=total, completed=done)

        diarization = self.diarizer(
            _load(file),
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            on_progress=report,
        )
        if isinstance(file, Mapping) and file.get("uri"):
            diarization = replace(diarization, uri=str(file["uri"]))
        return to_annotation(diarization)


def _load(file: Any) -> Any:
    if not isinstance(file, Mapping):
        return load_audio(file)
    channel = file.get("channel")
    channels = "mix" if channel is None else channel
    if "audio" in file and "waveform" not in file:
        return load_audio(file["audio"], channels)
    return load(file, channels=channels)  # it says what is missing
