"""What a worker does for a job of each kind."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from diarize.arrays import Progress
from diarize.audio.encoding import opus
from diarize.audio.waveform import Waveform
from diarize.errors import TranscriptError
from diarize.labeler import Labeler, LabelOptions
from diarize.outputs import Output
from diarize.progress import OverallProgress
from diarize.result import Result
from diarize.serve.jobs import Job
from diarize.serve.known import enroll_references
from diarize.serve.media import decoded
from diarize.serve.options import ServeOptions
from diarize.serve.storage import AUDIO, OUTLINE, REFERENCE, TRANSCRIPT, Storage
from diarize.speakers.book import SpeakerBook
from diarize.speakers.diarizer import Diarizer
from diarize.speakers.fitness import add_person
from diarize.speakers.results import enroll_speaker
from diarize.transcript.engines import get_engine, options_of
from diarize.transcript.readers import parse_transcript
from diarize.transcript.whisper import Transcriber
from diarize.writers.html import outline

_NOWHERE = Output(None, "recording")


class Models:
    """The networks of a worker, loaded when the first job needs them."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._transcriber: Transcriber = get_engine(options.engine, options.whisper)

    @cached_property
    def diarizer(self) -> Diarizer:
        """The diarizer that names enrolled people, if the server does."""
        return Diarizer(threads=self._options.threads, speakers=self._options.speakers)

    @property
    def book(self) -> str | None:
        """The book that the server was started with."""
        return self._options.speakers

    def transcriber(self, language: str | None, prompt: str | None) -> Transcriber:
        """Return the recogniser with other options; a model that is loaded stays loaded."""
        options, usual = options_of(self._transcriber), self._options.whisper
        if options is None:
            return self._transcriber
        asked = replace(
            options,
            language=language or usual.language,
            initial_prompt=prompt or usual.initial_prompt,
        )
        self._transcriber = copy.copy(self._transcriber)
        self._transcriber.options = asked  # type: ignore[attr-defined]
        return self._transcriber


def label(job: Job, storage: Storage, models: Models, report: Progress) -> dict[str, Any]:
    """Say who speaks when, and who says what; return what the list shows of it.

    Raises
    ------
    DiarizeError
        If the recording, its transcript or a known voice cannot be used.
    """
    request = job.request
    given = None
    if request.get("transcript"):
        raw = storage.upload(job.id, TRANSCRIPT).read_bytes()
        given = parse_transcript(raw, str(request["transcript"]))
    with ExitStack() as stack:
        options = LabelOptions(
            transcripts="make" if request.get("words") else "ignore" if given is None else "find",
            engine=models.transcriber(request.get("language"), request.get("prompt")),
            keep_names=False,
        )
        labeler = Labeler(_diarizer(job, storage, models, stack), options=options)
        progress = OverallProgress(report, labeler.costs(None, _NOWHERE, given))
        waveform = decoded(storage.upload(job.id), job.name, progress.part("load"))
        progress.seconds = progress.seconds or waveform.duration
        recording = labeler.diarize(waveform, _NOWHERE, **_bounds(request), progress=progress)
        result = labeler.label(recording, given, progress=progress)
    if request.get("needs_words") and result.transcript is None and result.diarization:
        raise TranscriptError(result.messages[-1] if result.messages else "there are no words")
    stem = Path(job.name).stem
    result = replace(
        result, audio=job.name, diarization=replace(result.diarization, uri=stem or "recording")
    )
    report("save", waveform.duration, waveform.duration)
    storage.write_result(job.id, result, _sound(result, waveform) if job.listed else {})
    progress.finish()
    return {
        "seconds": round(waveform.duration, 3),
        "speakers": len(result.diarization.speakers),
        "words": result.transcript is not None,
        "messages": list(dict.fromkeys((*result.diarization.warnings, *result.messages))),
    }


def _bounds(request: Mapping[str, Any]) -> dict[str, int | None]:
    return {name: request.get(name) for name in ("num_speakers", "min_speakers", "max_speakers")}


def _diarizer(job: Job, storage: Storage, models: Models, stack: ExitStack) -> Diarizer:
    """Return the usual diarizer, or one that knows those whom the request brings."""
    names = job.request.get("known") or ()
    if not names:
        return models.diarizer
    usual = models.diarizer
    voices = [storage.upload(job.id, f"{REFERENCE}-{number}") for number in range(len(names))]
    book = stack.enter_context(SpeakerBook(storage.upload(job.id, "voices.db"), create=True))
    enroll_references(book, names, voices, usual)
    return Diarizer(vad=usual.detector, embedder=usual.embedder, speakers=book)


def _sound(result: Result, waveform: Waveform) -> dict[str, str | bytes]:
    """Return what the page plays and draws: a small copy of the recording, and its outline."""
    drawn = json.dumps(outline(result.diarization, waveform))
    return {AUDIO: opus(waveform.samples), OUTLINE: drawn}


def enroll(job: Job, storage: Storage, models: Models, report: Progress) -> dict[str, Any]:
    """Enroll a speaker of a result as it is corrected; DiarizeError where it cannot be done."""
    of, name = job.request["of"], job.request["name"]
    path = storage.result(of, AUDIO)
    waveform = replace(decoded(path, job.name), path=str(path))
    embedder = models.diarizer.embedder
    found = enroll_speaker(
        storage.corrected(of).diarization, job.request["speaker"], waveform, embedder
    )
    with SpeakerBook(models.book, create=True) as book:
        added, doubts = add_person(book, name, found, embedder)
    return {"seconds": round(found.seconds, 1), "samples": added,
            "messages": [*found.warnings, *doubts]}  # fmt: skip


Task = Callable[[Job, Storage, Models, Progress], dict[str, Any]]
TASKS: Mapping[str, Task] = {
    "recording": label,
    "transcription": label,
    "diarization": label,
    "enrollment": enroll,
}
