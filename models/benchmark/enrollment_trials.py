"""Material for measuring speaker recognition: people's speech cut into enrollment and test pieces.

Enrollment and test speech of a person never share a clip, nor a session where the person has
enough of them. How long each person speaks decides what they can be used for: who has at most 10 s
is only ever a stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diarize.arrays import Float32, unit
from diarize.embedding.base import embed
from diarize.errors import DiarizeError
from diarize.speakers.voiceprints import split_into_segments
from diarize.timeline import Segment

if TYPE_CHECKING:
    from diarize.embedding.base import Embedder
    from models.simulation.voices import Clip, Voice, VoiceBank

#: Seconds of speech to enroll with, and to recognize by.
ENROLLMENTS = (5.0, 15.0, 60.0)
TESTS = (2.0, 5.0, 15.0)
#: Test pieces of one length taken from one person: nobody shall outweigh the others.
MOST_TESTS = 3
#: Share of what a person says that is kept for enrollment, where that decides.
ENROLLMENT_SHARE = 2 / 3

_PAUSE = 0.1
_RATE = 16_000


@dataclass(frozen=True)
class Material:
    """One person's speech as vectors.

    Parameters
    ----------
    name, corpus : str
    enrollment : mapping of seconds to (windows, (n, D) vectors)
        As much speech as the key says.
    tests : mapping of seconds to sequences of (n, D) vectors
        The windows of each test piece.
    sessions_apart : bool
        Whether the tests come from other sessions than the enrollment.
    """

    name: str
    corpus: str
    enrollment: Mapping[float, tuple[list[Segment], Float32]]
    tests: Mapping[float, Sequence[Float32]]
    sessions_apart: bool


def materials(
    bank: VoiceBank, embedder: Embedder, on_progress: Callable[[int, int], None] | None = None
) -> Iterator[Material]:
    """Yield each person of ``bank`` as vectors; deterministic."""
    for number, name in enumerate(sorted(bank.voices)):
        yield _material(bank, bank.voices[name], embedder)
        if on_progress:
            on_progress(number + 1, len(bank.voices))


def _material(bank: VoiceBank, voice: Voice, embedder: Embedder) -> Material:
    enroll, test, apart = divide(voice)
    enrollment = {}
    for seconds in ENROLLMENTS:
        pieces = _pieces(bank, enroll, seconds, most=1)
        if pieces:
            enrollment[seconds] = embed_piece(pieces[0], embedder)
    tests = {
        seconds: [
            embed_piece(piece, embedder)[1] for piece in _pieces(bank, test, seconds, MOST_TESTS)
        ]
        for seconds in TESTS
    }
    return Material(voice.name, voice.corpus, enrollment, tests, apart)


def background(
    bank: VoiceBank,
    embedder: Embedder,
    count: int,
    seconds: float = 8.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Float32]:
    """Return ``count`` people, evenly chosen over all corpora, as one (1, D) sample each.

    Raises
    ------
    DiarizeError
        There are fewer people who speak so long.
    """
    long_enough = [name for name in sorted(bank.voices) if bank.voices[name].seconds >= seconds]
    if len(long_enough) < count:
        raise DiarizeError(f"{bank.folder}: only {len(long_enough)} people speak {seconds:g} s")
    found = []
    for number in range(count):
        voice = bank.voices[long_enough[number * len(long_enough) // count]]
        (piece,) = _pieces(bank, voice.clips, seconds, most=1)
        found.append(unit(embed_piece(piece, embedder)[1].mean(axis=0))[None, :])
        if on_progress:
            on_progress(number + 1, count)
    return found


def divide(voice: Voice) -> tuple[list[Clip], list[Clip], bool]:
    """Return the clips to enroll with, those to test with, and whether their sessions differ."""
    total = voice.seconds
    if total <= 10.0:
        return [], list(voice.clips), False
    wanted = max(ENROLLMENTS) + 1.0
    target = wanted if total >= wanted + max(TESTS) else min(ENROLLMENT_SHARE * total, 16.0)
    enroll: list[Clip] = []
    rest = list(voice.clips)
    while rest and sum(clip.duration for clip in enroll) < target:
        enroll.append(rest.pop(0))
    used = {clip.session for clip in enroll}
    elsewhere = [clip for clip in rest if clip.session not in used]
    apart = sum(clip.duration for clip in elsewhere) >= TESTS[1]
    return enroll, elsewhere if apart else rest, apart


def _pieces(
    bank: VoiceBank, clips: Sequence[Clip], seconds: float, most: int
) -> list[npt.NDArray[np.int16]]:
    """Join clips, and cut them into at most ``most`` pieces of the length asked for."""
    if not clips:
        return []
    speech = joined(bank, clips)
    size = round(seconds * _RATE)
    count = min(most, len(speech) // size)
    step = len(speech) // max(count, 1)
    return [speech[index * step : index * step + size] for index in range(count)]


def joined(bank: VoiceBank, clips: Sequence[Clip]) -> npt.NDArray[np.int16]:
    """Return clips one after another, with short pauses, as int16 samples at 16 kHz."""
    pause = np.zeros(round(_PAUSE * _RATE), np.float32)
    speech = np.concatenate([part for clip in clips for part in (bank.samples(clip), pause)])
    return np.clip(np.round(speech * 32768.0), -32768, 32767).astype(np.int16)


def embed_piece(
    samples: npt.NDArray[np.int16], embedder: Embedder
) -> tuple[list[Segment], Float32]:
    """Return what is heard in one go of a piece of speech, and the (n, D) vectors of that."""
    from diarize.audio.waveform import Waveform

    waveform = Waveform(samples)
    parts = split_into_segments([Segment(0.0, waveform.duration)])
    return parts, embed(embedder, waveform, parts)
