"""One recording, step by step: who speaks when, then the words, then both together."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from diarize.annotation import Diarization
from diarize.audio.loading import load
from diarize.audio.sources import Source
from diarize.audio.waveform import Waveform
from diarize.outputs import Output
from diarize.progress import STAGE_COSTS, TRANSCRIBING_COST, OverallProgress
from diarize.relabel import keep_relabelling
from diarize.result import Result
from diarize.rewriting import earlier_result
from diarize.settings import DEFAULTS, Settings
from diarize.speakers.diarizer import Diarizer
from diarize.transcript.assign import label_transcript
from diarize.transcript.cache import Outcome
from diarize.transcript.clock import known_offset
from diarize.transcript.engines import Engine, get_engine
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript
from diarize.transcript.sources import find_or_make_transcript, will_transcribe
from diarize.transcript.whisper import Transcriber, WhisperOptions
from diarize.transcript.word_times import energy_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """How a recording is taken, and how its words are found and labelled.

    Parameters
    ----------
    channels : "mix", "split" or int
    channel_names : sequence of str, optional
    audio_track : int, optional
        As for :meth:`diarize.Diarizer.analyse`.
    transcripts : {"make", "find", "ignore"}
        Find a recording's transcript, else have a recogniser make one; only find one; neither.
    engine : str or Transcriber
        The recogniser: ``"auto"``, ``"faster-whisper"``, ``"openai-whisper"``, an installed
        plug-in's name, or one of your own.
    whisper : WhisperOptions
        Model, language, task and prompt.
    offset : float, "auto" or None
        Seconds to add to the times of a transcript that was not made here.
    keep_nonspeech : bool
        Keep segments that Whisper made up where nobody speaks.
    words : {"trust", "ignore"}
        Words where no speech was found get the likeliest speaker, marked unsure; or none.
    keep_names : bool
        Keep what a person changed in an earlier result of the recording, where the same turns come
        out.
    """

    channels: str | int = "mix"
    channel_names: Sequence[str] | None = None
    audio_track: int | None = None
    transcripts: Literal["make", "find", "ignore"] = "make"
    engine: str | Transcriber = "auto"
    whisper: WhisperOptions = field(default_factory=WhisperOptions)
    offset: float | str | None = None
    keep_nonspeech: bool = False
    words: Literal["trust", "ignore"] = "trust"
    keep_names: bool = True

    def __post_init__(self) -> None:
        known_offset(self.offset)  # refused before the recording is analysed


@dataclass(frozen=True)
class Recording:
    """A recording of which is known who speaks when; its words are still missing.

    ``audio`` is its path, if it is a file. Earlier results are looked for at the place of its
    output, and transcripts kept there. Decoding and diarizing it took ``seconds``.
    """

    waveform: Waveform
    diarization: Diarization
    audio: str | None = None
    output: Output = field(default_factory=lambda: Output(None, "recording"))
    seconds: float = 0.0


class Labeler:
    """Puts speakers on recordings; loads its models once and is used for many.

    :func:`label_recording` does all its steps: :meth:`diarize`, :meth:`link`, :meth:`label`.

    Parameters
    ----------
    diarizer : Diarizer, optional
        With default settings where not given.
    options : LabelOptions, optional

    Raises
    ------
    UsageError
        If the recogniser asked for is not known.
    ModelError
        If its model is a file or folder that is not there.
    """

    def __init__(
        self, diarizer: Diarizer | None = None, *, options: LabelOptions | None = None
    ) -> None:
        self._diarizer = diarizer
        self.options = options or LabelOptions()
        engine = self.options.engine
        if isinstance(engine, str):
            engine = get_engine(engine, self.options.whisper)
            if isinstance(engine, Engine):
                engine.check()
        self.transcriber: Transcriber = engine

    @cached_property
    def diarizer(self) -> Diarizer:
        """The diarizer; one of its own is loaded when it is needed."""
        return self._diarizer or Diarizer()

    def costs(
        self, audio: str | None, output: Output, transcript: object = None
    ) -> dict[str, float]:
        """Return the parts of the work on a recording, and what each is likely to cost."""
        path = Path(audio) if audio else None
        made = (
            transcript is None
            and self.options.transcripts == "make"
            and will_transcribe(self.transcriber, path, output.folder, output.stem)
        )
        return {
            "load": STAGE_COSTS["audio"],
            "diarize": sum(STAGE_COSTS.values()) - STAGE_COSTS["audio"],
            "transcribe": TRANSCRIBING_COST if made else 0.0,
        }

    def diarize(
        self,
        source: Source,
        output: Output | None = None,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: OverallProgress | None = None,
    ) -> Recording:
        """Decode a recording, and say who speaks when.

        Parameters
        ----------
        source : path, ``"-"``, binary file, bytes, array, tensor, pair, mapping or Waveform
            As for :meth:`diarize.Diarizer.analyse`.
        output : Output, optional
            Where results go; nowhere where not given.
        num_speakers, min_speakers, max_speakers : int, optional
        progress : OverallProgress, optional
            Told of the parts that :meth:`costs` names.

        Raises
        ------
        AudioError
            If the recording cannot be read.
        UsageError
            If the numbers of speakers or the names of channels do not fit.
        """
        begin = perf_counter()
        names, channels = self.options.channel_names, self.options.channels
        waveform = load(
            source,
            channels="split" if names is not None and channels == "mix" else channels,
            audio_track=self.options.audio_track,
            on_progress=progress and progress.part("load"),
            settings=self.diarizer.settings.channels,
        )
        diarization = self.diarizer(
            waveform,
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            channel_names=names,
            on_progress=progress and progress.part("diarize"),
        )
        audio = path_of(source)
        output = output or Output(None, Path(audio).stem if audio else diarization.uri)
        return Recording(waveform, diarization, audio, output, perf_counter() - begin)

    def link(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Give voices that several recordings share one label in all of them."""
        if not recordings:
            return []
        from diarize.speakers.linking import link

        found = [one.diarization for one in recordings]
        linked = link(found, self.diarizer.embedder, settings=self.diarizer.settings.linking)
        return [
            replace(one, diarization=diarization)
            for one, diarization in zip(recordings, linked, strict=True)
        ]

    def label(
        self,
        recording: Recording,
        transcript: Any = None,
        *,
        progress: OverallProgress | None = None,
    ) -> Result:
        """Find or make the words of a recording, and put the speakers on them.

        Parameters
        ----------
        recording : Recording
        transcript : path, Transcript, or what a recogniser returned; optional
            Its words, where they are not to be looked for: all that
            :func:`diarize.read_transcript` reads.
        progress : OverallProgress, optional

        Raises
        ------
        TranscriptError
            If ``transcript`` cannot be read.
        ModelError
            If a Whisper model that was asked for by name cannot be had.
        """
        found = self._words(recording, transcript, progress)
        result, carried = self._with_earlier_names(recording)
        labelled = None
        if found.transcript is not None:
            labelled = label_transcript(
                found.transcript,
                result.diarization,
                options=replace(self._settings.words, trust_words=self.options.words == "trust"),
                energy=energy_of(recording.waveform),
            )
        return replace(
            result,
            transcript=labelled,
            audio=recording.audio,
            source=found.transcript,
            inputs=tuple(map(str, found.inputs)),
            messages=(*carried, *found.messages),
        )

    @property
    def _settings(self) -> Settings:
        return DEFAULTS if self._diarizer is None else self._diarizer.settings

    def _words(
        self, recording: Recording, transcript: Any, progress: OverallProgress | None
    ) -> Outcome:
        options = self.options
        if options.transcripts == "ignore":
            return Outcome(None)
        if transcript is not None and not isinstance(transcript, Transcript):
            transcript = read_transcript(transcript)
        return find_or_make_transcript(
            recording.waveform,
            self.transcriber,
            audio=Path(recording.audio) if recording.audio else None,
            transcript=transcript,
            directory=recording.output.folder,
            stem=recording.output.stem,
            speech=recording.diarization.speech,
            make=options.transcripts == "make",
            keep_nonspeech=options.keep_nonspeech,
            trust_words=options.words == "trust",
            offset=options.offset,
            settings=self._settings.transcript,
            on_progress=progress and progress.part("transcribe"),
        )

    def _with_earlier_names(self, recording: Recording) -> tuple[Result, list[str]]:
        """Carry over what a person changed in an earlier result; return what to say of it, too."""
        keep = self.options.keep_names
        earlier = earlier_result(recording.output, recording.audio) if keep else None
        if earlier is None:
            return Result(recording.diarization), []
        path, before = earlier
        result, lost = keep_relabelling(recording.diarization, before)
        messages = []
        if result.relabelling is not None:
            given = ", ".join(result.relabelling.names.values())
            names = given or "the speakers joined or swapped"
            messages.append(f"kept from {path}: {names} (--no-keep-names starts anew)")
        if lost:
            messages.append(
                f"not kept from {path}, since the turns are others now: {', '.join(lost)}; give "
                "the names again with: diarize relabel"
            )
        return result, messages


def path_of(source: Source) -> str | None:
    """Return the path of a recording that is a file."""
    name = source.path if isinstance(source, Waveform) else source
    if not isinstance(name, str | os.PathLike) or os.fspath(name) == "-":
        return None
    return os.fspath(name) if not isinstance(source, Waveform) or Path(name).is_file() else None
