"""What a worker does with one recording: label it, write its outputs, and last their sidecar."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from time import perf_counter
from typing import Any

from diarize.annotation import Diarization
from diarize.audio.decoding import open_path
from diarize.batch.items import Item
from diarize.batch.job import Job, Outcome, outcome_of
from diarize.batch.sidecar import (
    ENDING,
    Sidecar,
    Voice,
    audio_as_seen,
    beside,
    read_sidecar,
    sha256_at,
    stamps_beside,
)
from diarize.batch.stores import Store, fetch, stamp_of
from diarize.errors import DiarizeError, ModelError, UsageError
from diarize.files import RECORD_NAME, is_url
from diarize.labeler import Labeler, Recording
from diarize.outputs import Output, write_files
from diarize.result import Result
from diarize.speakers.diarizer import Diarizer
from diarize.transcript.engines import options_of
from diarize.workflow import formats_of

# A voice of a recording that is done again keeps its label in the archive from this cosine on.
_SAME_VOICE = 0.9


class Runner:
    """Does a job in one process: loads the models once and takes recording after recording.

    Parameters
    ----------
    threads : int or None
        Of the networks.
    models : mapping, optional
        What the models' checksums must be.

    Raises
    ------
    DiarizeError
        Where the models cannot be had, or are others here.
    """

    def __init__(
        self, job: Job, threads: int | None = None, models: Mapping[str, str] | None = None
    ) -> None:
        if models is not None and models != job.models:
            raise ModelError(
                "this worker has other models than the machine that gave the job: install the "
                "same version of diarize on all"
            )
        self.job = job
        self._threads = threads
        self._store = Store(job.output)
        self._diarizers: dict[tuple[str, ...], Diarizer] = {}
        self._labeler = Labeler(self._diarizer(()), options=job.label)
        self._engine_options = options_of(self._labeler.transcriber)

    def __call__(self, item: Item, place: str) -> Outcome:
        """Work on one recording; errors that the package raises on purpose become its outcome."""
        begin = perf_counter()
        try:
            sidecar = read_sidecar(self._store, place)
            if sidecar is not None and self.job.is_done(sidecar, item, place):
                return outcome_of(item, place, sidecar)
            sidecar = self._done(item, place, sidecar)
        except DiarizeError as error:
            return Outcome(item.audio, place, "failed", "error", str(error))
        except Exception as error:
            message = f"{item.audio}: unexpected {type(error).__name__}: {error}"
            return Outcome(item.audio, place, "failed", "unexpected", message)
        return outcome_of(item, place, sidecar, perf_counter() - begin)

    def _done(self, item: Item, place: str, earlier: Sidecar | None) -> Sidecar:
        """Label a recording, write what comes of it, and return its sidecar, which is written."""
        store = self._store
        with contextlib.ExitStack() as stack:
            audio, transcript = self._inputs(item, stack)
            folder = Path(store.place(place)).parent
            if store.remote:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            output = Output(folder, PurePosixPath(place).name)
            stamp, sha256 = stamp_of(item.audio), sha256_at(audio)
            recording = self._diarized(item, audio, output)
            with self._corrected_earlier(place, earlier, folder):
                result = self._labelled(item, recording, transcript)
            written, told = self._written(result, item, output)
            outputs = {path.name: sha256_at(str(path)) for path in sorted(written)}
            if store.remote:
                for path in sorted(folder.iterdir()):
                    if path.name != RECORD_NAME:
                        store.write(beside(place, path.name), path.read_bytes())
        talk = result.diarization
        said = [message.removeprefix(f"{audio}: ") for message in talk.warnings]
        made = [store.place(beside(place, name)) for name in outputs]
        sidecar = Sidecar(
            audio=audio_as_seen(item.audio, store, place),
            sha256=sha256,
            stamp=stamp,
            parameters=self.job.parameters_of(item),
            models=self.job.models,
            transcripts=stamps_beside(item, made),
            outputs=outputs,
            duration=round(talk.duration, 3),
            speakers=_speakers(talk),
            messages=tuple(dict.fromkeys((*said, *result.messages, *told))),
            voices=_voices(talk, earlier) if self.job.voices else None,
            lacks_words=self.job.label.transcripts == "make"
            and result.transcript is None
            and bool(talk),
        )
        store.write(place + ENDING, sidecar.encoded(), private=self.job.voices)
        return sidecar

    @contextlib.contextmanager
    def _corrected_earlier(
        self, place: str, earlier: Sidecar | None, folder: Path
    ) -> Iterator[None]:
        """Lay an earlier result that lies elsewhere into the folder: its names are carried over."""
        names = [name for name in (earlier.outputs if earlier else ()) if name.endswith(".json")]
        here = [folder / name for name in names if self._store.remote]
        for path in here:
            path.write_bytes(self._store.read(beside(place, path.name)) or b"")
        yield
        for path in here:
            path.unlink()

    def _inputs(self, item: Item, stack: contextlib.ExitStack) -> tuple[str, str | None]:
        """Return the recording and its transcript as paths; what lies elsewhere is copied here."""
        audio, transcript = item.audio, item.transcript
        if is_url(audio):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            audio = str(fetch(item.audio, folder))
            if transcript is None and self.job.label.transcripts != "ignore":
                around = item.audio.rpartition("/")[0]
                for name in stamps_beside(item):
                    fetch(f"{around}/{name}", folder)
        if transcript is not None and is_url(transcript):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            transcript = str(fetch(transcript, folder))
        return audio, transcript

    def _diarized(self, item: Item, audio: str, output: Output) -> Recording:
        """Say who speaks when, with what the manifest knows of this recording."""
        told = item.speakers
        bounds: dict[str, Any] = dict(self.job.bounds)
        labeler = self._labeler
        if item.invited:
            bounds = {}
            labeler = Labeler(self._diarizer(item.invited), options=self.job.label)
        elif isinstance(told, int):
            bounds = {"num_speakers": told}
        elif told is not None:
            bounds = {"min_speakers": int(told[0]), "max_speakers": int(told[1])}
        return labeler.diarize(audio, output, **bounds)

    def _labelled(self, item: Item, recording: Recording, transcript: str | None) -> Result:
        """Put the speakers on the words."""
        engine, options = self._labeler.transcriber, self._engine_options
        if options is not None:
            language = item.language or options.language
            engine.options = replace(options, language=language)  # type: ignore[attr-defined]
        elif item.language is not None and self.job.label.transcripts == "make":
            raise UsageError(f"{item.audio}: the engine {engine.name} takes no language")
        return self._labeler.label(recording, transcript)

    def _written(self, result: Result, item: Item, output: Output) -> tuple[list[Path], list[str]]:
        """Write the formats; return the files, and sentences on those that were left alone."""
        job, remote = self.job, self._store.remote
        if is_url(item.audio) or remote:
            shown = item.audio if is_url(item.audio) else Path(item.audio).absolute().as_uri()
            result = replace(result, audio=shown)
        needs = job.label.transcripts != "ignore"
        formats = formats_of(result, job.formats, needs_words=needs)
        assert output.folder is not None
        messages: list[str] = []
        written = write_files(
            result,
            dict.fromkeys((*formats, "json")),
            output.folder,
            output.stem,
            job.writer,
            inputs=[item.audio, *result.protected(job.overwrite)],
            overwrite=job.overwrite,
            on_message=messages.append,
        )
        return written, messages

    def _diarizer(self, invited: tuple[str, ...]) -> Diarizer:
        """Return the diarizer for those who were invited; a few are held."""
        if invited not in self._diarizers:
            if len(self._diarizers) > 4:
                self._diarizers.pop(next(key for key in self._diarizers if key))
            told = dict(self.job.diarizer)
            if invited:
                told["participants"] = list(invited)
            self._diarizers[invited] = Diarizer(threads=self._threads, **told)
        return self._diarizers[invited]


def lengths(paths: Sequence[str]) -> list[float | None]:
    """Return the seconds of recordings as their headers say; None where they do not."""
    return [_length(path) for path in paths]


def _length(path: str) -> float | None:
    if is_url(path) or not Path(path).is_file():
        return None
    with contextlib.suppress(Exception), open_path(path) as container:
        if container.duration:
            return float(container.duration) / 1e6
    return None


def _speakers(talk: Diarization) -> tuple[tuple[str, float], ...]:
    return tuple((one.display, round(talk.talk_time(one.label), 3)) for one in talk.speakers)


def _voices(talk: Diarization, earlier: Sidecar | None) -> tuple[Voice, ...]:
    """Return the voices for linking; those that an earlier output knew keep their labels."""
    found = [
        Voice(one.label, round(talk.talk_time(one.label), 3), talk.embeddings[one.label], one.name)
        for one in talk.speakers
        if one.label in talk.embeddings
    ]
    before = list((earlier and earlier.voices) or ())
    for number, voice in enumerate(found):
        likeness = [float(voice.vector @ one.vector) for one in before]
        if likeness and max(likeness) >= _SAME_VOICE:
            known = before.pop(likeness.index(max(likeness)))
            found[number] = replace(voice, person=known.person)
    return tuple(found)
