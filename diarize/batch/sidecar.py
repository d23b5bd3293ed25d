"""The note beside each output: what it was made from and how, so that it is not made twice."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from diarize.arrays import Float32
from diarize.batch.items import Item
from diarize.batch.stores import Store, read_bytes, stamp_of, stamps_in
from diarize.errors import TranscriptError
from diarize.files import Record, is_url, relative_path
from diarize.onnx.files import sha256_of
from diarize.outputs import OWN_SUFFIX
from diarize.result import Result
from diarize.result_file import from_json
from diarize.text import json_text, json_value
from diarize.transcript.candidates import EXTENSIONS, before_language, cases

ENDING = ".batch.json"
# Sidecars that are read at once where they lie on another machine.
_AT_ONCE = 1000
# Nanoseconds for which a folder that is being written to is not listed again.
_PERIOD = 10_000_000_000


@dataclass(frozen=True)
class Voice:
    """One speaker of a recording, for linking: kept only where that was asked for.

    Parameters
    ----------
    label : str
        The label in the outputs.
    seconds : float
        How long it speaks.
    vector : (D,) float32 array
        The unit centroid.
    name : str or None
        The enrolled person.
    person : str or None
        The label that the voice has in the whole archive.
    """

    label: str
    seconds: float
    vector: Float32
    name: str | None = None
    person: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the voice with its vector as base64."""
        packed = base64.b64encode(np.asarray(self.vector, "<f4").tobytes()).decode()
        return {**vars(self), "vector": packed}


def _voice_from(item: Mapping[str, Any]) -> Voice:
    vector = np.frombuffer(base64.b64decode(item["vector"]), "<f4").astype(np.float32)
    return Voice(**{**item, "vector": vector})


@dataclass(frozen=True)
class Sidecar:
    """What is known of one output.

    Parameters
    ----------
    audio : str
        The recording as seen from the sidecar's folder, or its URL.
    sha256 : str
        Of all its bytes.
    stamp : str
        Its size and the time of its last change: where they are the same, it is not read again.
    parameters : mapping
        All that decides on the result beside the recording.
    models : mapping
        The checksums of the models.
    transcripts : mapping
        The stamps of the transcripts that lay beside the recording, or were given.
    outputs : mapping
        The checksum of each file, by its name.
    duration : float
        Seconds of the recording.
    speakers : tuple of (str, float)
        Who speaks, as shown, and for how many seconds.
    messages : tuple of str
        What the user should know.
    voices : tuple of Voice
        For linking; None where it was not asked for.
    lacks_words : bool
        Words were to be made of its speech, and could not be.
    """

    audio: str
    sha256: str
    stamp: str
    parameters: Mapping[str, Any]
    models: Mapping[str, str]
    transcripts: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    duration: float = 0.0
    speakers: tuple[tuple[str, float], ...] = ()
    messages: tuple[str, ...] = ()
    voices: tuple[Voice, ...] | None = None
    lacks_words: bool = False

    def encoded(self) -> bytes:
        """Return the file's bytes."""
        block = asdict(replace(self, voices=None))
        block["voices"] = None if self.voices is None else [one.as_json() for one in self.voices]
        return (json_text(block, indent=1, sort_keys=True) + "\n").encode()

    def identity(self, store: Store, place: str) -> str:
        """Return the identity of the recording, as :attr:`Item.identity` gives it."""
        if is_url(self.audio):
            return self.audio
        folder = os.path.dirname(store.place(place))  # noqa: PTH120
        return os.path.realpath(os.path.join(folder, self.audio))  # noqa: PTH118

    def is_of(self, audio: str) -> bool:
        """Return whether a recording is the one that the output was made from, unchanged."""
        return self.stamp == stamp_of(audio) or (
            bool(self.sha256)
            and (is_url(audio) or Path(audio).is_file())
            and self.sha256 == sha256_at(audio)
        )


def decoded(content: bytes) -> Sidecar | None:
    """Read a sidecar; None where it is damaged."""
    try:
        block = json_value(content)
        voices = block.pop("voices")
        speakers = tuple((str(name), float(seconds)) for name, seconds in block.pop("speakers"))
        messages = tuple(block.pop("messages"))
        read = None if voices is None else tuple(map(_voice_from, voices))
        return Sidecar(**block, speakers=speakers, messages=messages, voices=read)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def each_sidecar(store: Store) -> Iterator[tuple[str, Sidecar]]:
    """Yield the sidecars of an output folder with their places: names without the ending."""
    names = store.names(ENDING)
    for at in range(0, len(names), _AT_ONCE):
        for name, content in store.read_all(names[at : at + _AT_ONCE]).items():
            sidecar = decoded(content)
            if sidecar is not None:
                yield name.removesuffix(ENDING), sidecar


def read_sidecar(store: Store, place: str) -> Sidecar | None:
    """Return the sidecar of a place; None where there is none, or it is damaged."""
    content = store.read(place + ENDING)
    return None if content is None else decoded(content)


def sha256_of_bytes(content: bytes) -> str:
    """Return the checksum of what a file holds."""
    return hashlib.sha256(content).hexdigest()


def audio_as_seen(audio: str, store: Store, place: str) -> str:
    """Return how a sidecar names its recording."""
    if is_url(audio):
        return audio
    if store.remote:
        return Path(audio).absolute().as_uri()
    return relative_path(audio, Path(store.place(place)).parent)


def stamps_beside(item: Item, outputs: Iterable[str] = ()) -> dict[str, str]:
    """Return the stamps of a recording's transcripts: of the one given, or those beside it.

    Parameters
    ----------
    outputs : iterable of str
        Paths that are results, not transcripts.
    """
    if item.transcript is not None:
        return {"given": stamp_of(item.transcript)}
    folder, _, name = item.audio.replace(os.sep, "/").rpartition("/")
    stems = dict.fromkeys((name.rpartition(".")[0] or name, name))
    prefix = f"{folder}/" if folder or item.audio.startswith("/") else ""
    names = [f"{stem}.{extension}" for stem in stems for extension in EXTENSIONS]
    names += _subtitles_in(folder if is_url(item.audio) else prefix).get(next(iter(stems)), ())
    if is_url(item.audio):
        around = stamps_in(folder)
        results = {output.rpartition("/")[2] for output in outputs if output.startswith(prefix)}
        found = (next((one for one in cases(name) if one in around), "") for name in names)
        return {name: around[name] for name in found if name and name not in results}
    own = {os.path.realpath(path) for path in outputs}
    stamps = {}
    for name in names:
        known = ((one, stamp_of(f"{prefix}{one}")) for one in cases(name))
        spelled, stamp = next((pair for pair in known if pair[1]), ("", ""))
        if stamp and os.path.realpath(f"{prefix}{spelled}") not in own:
            stamps[spelled] = stamp
    return stamps


def forget_folders() -> None:
    """Have folders listed again, as a new run does."""
    stamps_in.cache_clear()
    _listed.cache_clear()


def _subtitles_in(folder: str) -> Mapping[str, Sequence[str]]:
    """Return subtitles with a language in their names, by what precedes it; mostly from memory."""
    if is_url(folder):
        return _listed(folder, 0)
    folder = os.path.abspath(folder)  # noqa: PTH100
    now = time.time_ns()
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116
        return _listed(folder, changed if now - changed > _PERIOD else now // _PERIOD)
    except OSError:
        return {}


@lru_cache(maxsize=64)
def _listed(folder: str, state: int) -> Mapping[str, Sequence[str]]:
    """List a folder; results of other recordings (talk.raw.srt beside talk.wav) are left out."""
    around = stamps_in(folder) if is_url(folder) else os.listdir(folder)  # noqa: PTH208
    found = [(stem, name) for name in sorted(around) if (stem := before_language(name)) is not None]
    if is_url(folder):
        ours = {name for _, name in found if name[:-4] + ENDING in around}
    else:
        ours = Record(Path(folder)).names() if found else set()
    subtitles: dict[str, list[str]] = {}
    for stem, name in found:
        if name not in ours:
            subtitles.setdefault(stem, []).append(name)
    return subtitles


def sha256_at(place: str) -> str:
    """Return the checksum of a whole file; empty where it cannot be read."""
    with contextlib.suppress(OSError):
        return sha256_of_bytes(read_bytes(place)) if is_url(place) else sha256_of(Path(place))
    return ""


def extension_in(place: str, name: str) -> str:
    """Return the extension of a file that was written at a place.

    Examples
    --------
    >>> extension_in("monday/talk.v2", "talk.v2.seglst.json"), extension_in("a", "a.diarized.2.srt")
    ('seglst.json', 'srt')
    """
    rest = name.removeprefix(place.rpartition("/")[2])
    return re.sub(rf"^{re.escape(OWN_SUFFIX)}(\.\d+)?(?=\.)", "", rest).removeprefix(".")


def beside(place: str, name: str) -> str:
    """Return the name below the root of a file that lies beside a place.

    Examples
    --------
    >>> beside("monday/talk", "talk.srt"), beside("talk", "talk.srt")
    ('monday/talk.srt', 'talk.srt')
    """
    folder = place.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name


def main_json(place: str, outputs: Iterable[str]) -> str | None:
    """Return the name below the root of the result among the files of a place; None without."""
    found = (beside(place, name) for name in outputs if extension_in(place, name) == "json")
    return next(found, None)


def result_at(store: Store, name: str) -> Result | None:
    """Return a result as its JSON holds it today; None where there is none, or it is damaged."""
    content = store.read(name)
    try:
        return None if content is None else from_json(json_value(content), store.place(name))
    except (TranscriptError, ValueError):
        return None
