"""From a form to a job: what was asked for, checked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from diarize.errors import MissingExtraError
from diarize.serve.forms import BadForm, Form, read_form
from diarize.serve.jobs import Job, JobStore, new_id
from diarize.serve.known import references
from diarize.serve.options import ServeOptions
from diarize.serve.storage import REFERENCE, Storage
from diarize.transcript.engines import Engine, get_engine

MOST_SPEAKERS = 100
_LANGUAGE = re.compile(r"[A-Za-z]+([ -][A-Za-z]+)*")
_LONGEST_PROMPT = 4000
_PAUSE = 0.1  # seconds between two looks at a job that somebody waits for


@dataclass(frozen=True)
class Desk:
    """What all routes work with; ``closing`` is set when the server is told to stop."""

    options: ServeOptions
    storage: Storage
    store: JobStore
    closing: Event = field(default_factory=Event)

    def can_transcribe(self) -> bool:
        """Return whether a recogniser is installed."""
        engine = get_engine(self.options.engine, self.options.whisper)
        return not isinstance(engine, Engine) or engine.is_installed()


@dataclass(frozen=True)
class Order:
    """A form that was read, and the job that it is to become."""

    id: str
    form: Form

    def choice(self, name: str, among: Sequence[str], otherwise: str) -> str:
        """Return a field that is one of some words."""
        value = self.form.last(name) or otherwise
        if value not in among:
            raise BadForm(f"{name}: {value[:100]!r} is not one of {', '.join(among)}", param=name)
        return value

    def flag(self, name: str, otherwise: bool) -> bool:
        """Return a field that is true or false."""
        value = (self.form.last(name) or str(otherwise)).lower()
        if value not in ("true", "false", "1", "0"):
            raise BadForm(f"{name}: true or false is expected", param=name)
        return value in ("true", "1")

    def settings(self) -> dict[str, Any]:
        """Return the number of speakers, the language and the prompt."""
        names = ("num_speakers", "min_speakers", "max_speakers")
        found: dict[str, Any] = {name: self._number(name) for name in names}
        if found["num_speakers"] and (found["min_speakers"] or found["max_speakers"]):
            raise BadForm("num_speakers is exact: leave out min_speakers and max_speakers")
        if (found["min_speakers"] or 1) > (found["max_speakers"] or MOST_SPEAKERS):
            raise BadForm("min_speakers is more than max_speakers", param="min_speakers")
        language, prompt = self.form.last("language"), self.form.last("prompt")
        if language and not (len(language) <= 40 and _LANGUAGE.fullmatch(language)):
            raise BadForm("language: a code such as en is expected", param="language")
        if prompt and len(prompt) > _LONGEST_PROMPT:
            raise BadForm(f"prompt: at most {_LONGEST_PROMPT} characters", param="prompt")
        return {**found, "language": language, "prompt": prompt}

    def _number(self, name: str) -> int | None:
        value = self.form.last(name)
        if value is None:
            return None
        if not (re.fullmatch(r"[0-9]{1,9}", value) and 0 < int(value) <= MOST_SPEAKERS):
            raise BadForm(f"{name}: a number from 1 to {MOST_SPEAKERS} is expected", param=name)
        return int(value)


@asynccontextmanager
async def ordered(request: Request, desk: Desk) -> AsyncIterator[Order]:
    """Read a form with a recording; the upload goes again unless the block makes it a job.

    Raises
    ------
    BadForm, TooLarge
        As for :func:`diarize.serve.forms.read_form`.
    """
    if desk.store.waiting() >= desk.options.most_waiting:
        raise BadForm("too many recordings are waiting: come back later", 429)
    id = new_id()
    try:
        form = await read_form(request, desk.storage, id, desk.options.most_bytes)
        if "file" not in form.names:
            raise BadForm("file: the recording is missing", param="file")
        yield Order(id, form)
    finally:
        if desk.store.get(id) is None:
            desk.storage.drop_upload(id)


def place(order: Order, desk: Desk, kind: str, more: dict[str, Any], *, listed: bool) -> Job:
    """Put an order into the queue.

    Raises
    ------
    BadForm
        If a field does not fit.
    UsageError
        If known voices do not fit.
    """
    request = {**order.settings(), **more}
    texts = order.form.texts
    names = texts.get("known_speaker_names", [])
    people, voices = references(names, texts.get("known_speaker_references", []))
    for number, voice in enumerate(voices):
        desk.storage.upload(order.id, f"{REFERENCE}-{number}").write_bytes(voice)
    request |= {"known": people, "transcript": order.form.names.get("transcript")}
    return desk.store.add(kind, order.form.names["file"], request, id=order.id, listed=listed)


async def settled(job: Job, desk: Desk, request: Request | None = None) -> Job:
    """Wait until a job is over; HTTPException where it was deleted, or somebody goes."""
    while not job.is_over:
        if desk.closing.is_set():
            raise HTTPException(503, "the server was stopped")
        if request is not None and await request.is_disconnected():
            raise HTTPException(499, "the client has gone")
        await asyncio.sleep(_PAUSE)
        found: Job | None = await run_in_threadpool(desk.store.get, job.id)
        if found is None:
            raise HTTPException(410, "the job was deleted")
        job = found
    return job


def require_recogniser(desk: Desk) -> None:
    """Refuse what needs words where nothing can make them (MissingExtraError)."""
    if not desk.can_transcribe():
        raise MissingExtraError("faster-whisper", "faster-whisper", "transcribing on this server")
