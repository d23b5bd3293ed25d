"""Voices that a request brings along: names, and a short recording of each."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

from diarize.errors import AudioError, EnrollmentError, SpeakerBookError, UsageError
from diarize.serve.media import decoded
from diarize.settings import DEFAULTS
from diarize.speakers.book import SpeakerBook
from diarize.speakers.diarizer import Diarizer
from diarize.speakers.enrollment import enroll
from diarize.speakers.records import BookModel, person_name

MOST_KNOWN = 20
# OpenAI's references last 2 to 10 seconds, and may hold pauses.
_LEAST_SPEECH = 1.0
_MOST_SPEECH = 600.0


def references(names: Sequence[str], urls: Sequence[str]) -> tuple[list[str], list[bytes]]:
    """Return the names and the recordings that data URLs hold.

    Raises
    ------
    UsageError
        If there is not a recording for each name, or one is no data URL.
    """
    if len(names) != len(urls):
        raise UsageError(
            f"known_speaker_names holds {len(names)} names, known_speaker_references "
            f"{len(urls)} recordings: give one for each name"
        )
    if len(names) > MOST_KNOWN:
        raise UsageError(f"known_speaker_names: at most {MOST_KNOWN} people are taken")
    try:
        people = [person_name(name) for name in names]
    except SpeakerBookError as error:
        raise UsageError(f"known_speaker_names: {error}") from None
    return people, [_decoded(url) for url in urls]


def _decoded(url: str) -> bytes:
    """Return what a data URL holds."""
    head, comma, data = url.strip().partition(",")
    if not comma or not head.startswith("data:"):
        raise UsageError(
            "known_speaker_references: give each recording as a data URL, data:audio/wav;base64,…"
        )
    raw = unquote_to_bytes(data)
    if not head.endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError("known_speaker_references: a recording is not base64") from None


def enroll_references(
    book: SpeakerBook, names: Sequence[str], recordings: Sequence[Path], usual: Diarizer
) -> None:
    """Enroll those whom a request brings into a book of its own.

    Raises
    ------
    UsageError
        If a recording cannot be used, with its number.
    """
    demands = replace(DEFAULTS.enrollment, least_speech=_LEAST_SPEECH)
    diarizer = Diarizer(
        vad=usual.detector, embedder=usual.embedder, settings=replace(DEFAULTS, enrollment=demands)
    )
    for number, (name, path) in enumerate(zip(names, recordings, strict=True)):
        try:
            voice = enroll(
                decoded(path, f"the voice of {name}", most=_MOST_SPEECH), diarizer, one_voice=True
            )
        except (AudioError, EnrollmentError) as error:
            raise UsageError(f"known_speaker_references[{number}]: {error}") from None
        book.add(name, voice.samples, BookModel.of(diarizer.embedder))
