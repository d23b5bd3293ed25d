"""All that decides on the results of a batch, and what became of each recording."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from diarize.batch.items import Item
from diarize.batch.sidecar import Sidecar, beside, stamps_beside
from diarize.batch.stores import Store
from diarize.embedding.embedder import open_embedder
from diarize.errors import ModelError, SpeakerBookError
from diarize.formats import WriterOptions, changed_options
from diarize.labeler import LabelOptions
from diarize.onnx.bundled import bundled
from diarize.onnx.files import locate, sha256_of
from diarize.settings import DEFAULTS, LinkingSettings, Settings
from diarize.speakers.book import opened
from diarize.transcript.engines import get_engine, is_ready


@dataclass(frozen=True)
class Outcome:
    """What became of one recording.

    Parameters
    ----------
    audio, place : str
        The recording, and its outputs' name below the output folder, without an extension.
    state : {"done", "skipped", "failed"}
        ``skipped``: it was done before.
    kind : str
        Of a failure: ``error`` (the message says what is wrong), ``unexpected``, ``crash`` (its
        worker died), or ``timeout``.
    error : str
        What is wrong.
    duration, elapsed : float
        Seconds of the recording, and of the work.
    speakers : tuple of (str, float)
        Who speaks, and for how many seconds.
    messages : tuple of str
        What the user should know.
    """

    audio: str
    place: str
    state: Literal["done", "skipped", "failed"]
    kind: str = ""
    error: str = ""
    duration: float = 0.0
    elapsed: float = 0.0
    speakers: tuple[tuple[str, float], ...] = ()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """All that decides on the results, whoever works on the recordings; it can be pickled.

    Parameters
    ----------
    output : str
        The folder of the outputs: a path or a URL.
    diarizer : mapping
        What a :class:`diarize.Diarizer` is made with, but for its threads.
    bounds : mapping
        What is known of the number of speakers in all recordings.
    label : LabelOptions
    formats : tuple of str
        What to write; the usual formats where empty. JSON is always written.
    writer : WriterOptions
    overwrite : bool
        Replace files that were changed since, or written by others.
    force : bool
        Work on recordings that are done.
    voices : bool
        Keep the speakers' centroids in the sidecars, and link them over all recordings.
    tables : bool
        Write all results as Parquet, too.
    """

    output: str
    diarizer: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, int | None] = field(default_factory=dict)
    label: LabelOptions = field(default_factory=LabelOptions)
    formats: tuple[str, ...] = ()
    writer: WriterOptions = field(default_factory=WriterOptions)
    overwrite: bool = False
    force: bool = False
    voices: bool = False
    tables: bool = False

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What the sidecars say of how an output was made, as JSON gives it back."""
        told = dict(self.diarizer)
        settings, speakers = told.pop("settings", None) or DEFAULTS, told.get("speakers")
        if speakers is None and told.get("participants"):
            speakers = "default"
        if speakers is not None:
            told["speakers"] = _book_digest(speakers)
        label = asdict(replace(self.label, engine=_named(self.label.engine)))
        label.pop("keep_names")
        label["whisper"].pop("device", None)
        block = {
            "diarizer": {key: _named(value) for key, value in told.items() if value is not None},
            "bounds": {key: value for key, value in self.bounds.items() if value is not None},
            "label": label,
            "formats": list(self.formats),
            "writer": changed_options(self.writer),
            "settings": settings.digest(),
        }
        read: dict[str, Any] = json.loads(json.dumps(block, default=str))
        return read

    def parameters_of(self, item: Item) -> dict[str, Any]:
        """Return the same with what the manifest says of one recording."""
        own = item.settings()
        told = {**self.parameters, "recording": own} if own else self.parameters
        invites = item.invited and "speakers" not in told["diarizer"]
        return {**told, "invited_from": self._usual_book} if invites else told

    @cached_property
    def _usual_book(self) -> str:
        """What changes with the people of the usual book, of whom manifests invite some."""
        try:
            return _book_digest("default")
        except SpeakerBookError:  # each recording that needs it says so
            return ""

    @cached_property
    def _makes_words(self) -> bool:
        """Whether a recogniser can run by now."""
        engine = self.label.engine
        return is_ready(
            get_engine(engine, self.label.whisper) if isinstance(engine, str) else engine
        )

    @cached_property
    def models(self) -> dict[str, str]:
        """The checksums of the models of this machine."""
        embedder, vad = self.diarizer.get("embedder"), self.diarizer.get("vad", "auto")
        found = {}
        if embedder is None or isinstance(embedder, str | Path):
            found["embedding"] = _checksum(bundled("autospeech") if embedder is None else embedder)
        else:
            found["embedding"] = embedder.checksum
        if vad in ("auto", "neural"):
            found["segmentation"] = _checksum(bundled("segmentation"))
        elif isinstance(vad, str | Path) and Path(vad).is_file():
            found["segmentation"] = _checksum(vad)
        return found

    @property
    def link_threshold(self) -> float:
        """The average cosine from which voices of several recordings are one person."""
        embedder = open_embedder(self.diarizer.get("embedder"))
        return float(embedder.thresholds.verification) + self.linking.score_offset

    @property
    def linking(self) -> LinkingSettings:
        """How voices of several recordings are joined."""
        settings: Settings = self.diarizer.get("settings") or DEFAULTS
        return settings.linking

    def is_done(self, sidecar: Sidecar, item: Item, place: str) -> bool:
        """Return whether an output is there, and nothing that made it has changed."""
        if self.force or (self.voices and sidecar.voices is None):
            return False
        if sidecar.parameters != self.parameters_of(item) or sidecar.models != self.models:
            return False
        if sidecar.lacks_words and self._makes_words:
            return False
        store = Store(self.output)
        outputs = [beside(place, name) for name in sidecar.outputs]
        if sidecar.transcripts != stamps_beside(item, [store.place(one) for one in outputs]):
            return False
        return all(map(store.has, outputs)) and sidecar.is_of(item.audio)


def _named(value: Any) -> Any:
    """Return how parameters name something that may be an object of the user's own."""
    if value is None or isinstance(value, str | int | float | bool | list | tuple):
        return value
    named = value if hasattr(value, "__qualname__") else type(value)
    return str(getattr(value, "name", None) or f"{named.__module__}.{named.__qualname__}")


@lru_cache
def _checksum(model: str | Path) -> str:
    try:
        return sha256_of(locate(model))
    except ModelError:  # a plug-in's name, or nothing: then making the diarizer says so
        return str(model)


def _book_digest(speakers: Any) -> str:
    """Return what changes with the people of a book."""
    with opened(speakers) as book:
        vectors, owners, names = book.vectors()
    digest = hashlib.sha256(vectors.tobytes() + owners.tobytes())
    digest.update("\0".join(names).encode())
    return digest.hexdigest()[:16]


def outcome_of(item: Item, place: str, sidecar: Sidecar, elapsed: float | None = None) -> Outcome:
    """Return the outcome of a recording with a sidecar; it was skipped where no time is given."""
    return Outcome(
        item.audio,
        place,
        "skipped" if elapsed is None else "done",
        duration=sidecar.duration,
        elapsed=round(elapsed or 0.0, 3),
        speakers=sidecar.speakers,
        messages=() if elapsed is None else sidecar.messages,
    )
