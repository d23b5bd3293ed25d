"""Python objects instead of files: faster-whisper's segments, and whatever looks like them.

A generator is used up; what it yielded becomes the transcript's source.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from diarize.transcript.readers.common import Data, finish, plain
from diarize.transcript.readers.whisper import read_segment

PRODUCER = "faster-whisper"

# What faster-whisper says about the whole recording, and a reader of the transcript may want.
_INFO = ("language", "language_probability", "duration", "duration_after_vad")


@dataclasses.dataclass(frozen=True)
class SegmentObjects:
    """The objects that a transcript was read from: segments, and faster-whisper's info."""

    segments: tuple[Any, ...]
    info: Any = None


def collect(source: object) -> SegmentObjects | None:
    """Return the segment objects in ``source``; None when it is something else.

    Takes an iterable (a generator too) of objects with ``start``, ``end`` and ``text``, and the
    pair of such an iterable and an info object that faster-whisper's ``transcribe`` returns.
    """
    info = None
    if isinstance(source, tuple) and len(source) == 2 and hasattr(source[1], "language"):
        source, info = source
    if isinstance(source, (str, bytes, Mapping)) or not isinstance(source, Iterable):
        return None
    items = tuple(source)
    if info is None and not items:
        return None
    if not all(_is_segment(item) for item in items):
        return None
    return SegmentObjects(items, info)


def _is_segment(item: object) -> bool:
    if isinstance(item, Mapping) or hasattr(item, "timestamps"):  # onnx-asr's are of tokens
        return False
    return all(hasattr(item, name) for name in ("start", "end", "text"))


def as_dictionary(source: object) -> object:
    """Return the dictionary that a result stands for: of stable-ts, the openai client, NeMo, …"""
    if isinstance(source, Mapping):
        return plain(source)
    for method in ("to_dict", "model_dump"):
        if callable(getattr(source, method, None)):
            return plain(getattr(source, method)())
    if isinstance(source, Sequence) and not isinstance(source, (str, bytes)):
        return plain(source)
    if hasattr(source, "segments"):
        return plain({"segments": source.segments, "language": getattr(source, "language", None)})
    if any(hasattr(source, name) for name in ("timestamps", "timestamp", "sentences")):
        return plain(source)
    return None


def read(source: SegmentObjects) -> Data:
    """Return whisper-shaped data."""
    segments = [read_segment(plain(item), index) for index, item in enumerate(source.segments)]
    extra = {
        name: plain(getattr(source.info, name)) for name in _INFO if hasattr(source.info, name)
    }
    return finish(extra, segments)


def write(labelled: Data, source: SegmentObjects) -> list[Any]:
    """Return segment objects of the source's own class; they and their words have ``speaker``."""
    segment_like = source.segments[0] if source.segments else None
    words = (word for item in source.segments for word in getattr(item, "words", None) or ())
    word_like = next(iter(words), None)
    segments = []
    for item in labelled["segments"]:
        parts = item.get("words")
        words_made = None if parts is None else [_like(word_like, word) for word in parts]
        segments.append(_like(segment_like, {**item, "words": words_made}))
    return segments


def _like(example: object, values: Data) -> Any:
    """Build an object of the example's class; one with plain attributes if that is not possible."""
    if dataclasses.is_dataclass(example) and not isinstance(example, type):
        with suppress(TypeError):  # of a class that allows no other below it
            return _built(getattr(example, "_kind", type(example)), values)
    return SimpleNamespace(**values)


def _built(kind: Any, values: Data) -> Any:
    """Build an object of a dataclass, with fields for the values that it has none for."""
    own = [field.name for field in dataclasses.fields(kind) if field.init]
    more = tuple(name for name in values if name not in own)
    return _with_fields(kind, more)(**{name: values.get(name) for name in (*own, *more)})


@functools.cache
def _with_fields(kind: type[Any], more: tuple[str, ...]) -> type[Any]:
    """Return a subclass of a dataclass with more fields.

    Attributes alone would be lost in ``dataclasses.asdict`` and ``replace``.
    """

    def reduce(self: Any) -> tuple[Any, ...]:  # pickle would look for the class by its name
        return _built, (kind, {f.name: getattr(self, f.name) for f in dataclasses.fields(self)})

    made = dataclasses.make_dataclass(
        kind.__name__,
        [(name, Any, dataclasses.field(default=None)) for name in more],
        bases=(kind,),
        namespace={"__reduce__": reduce, "_kind": kind},
        frozen=kind.__dataclass_params__.frozen,
    )
    made.__module__, made.__qualname__ = kind.__module__, kind.__qualname__
    return made
