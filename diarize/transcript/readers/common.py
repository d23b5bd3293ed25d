"""What the readers share: numbers, other tools' speakers, missing times, JSON out of objects."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Data = dict[str, Any]

# Conversational speech runs at about 15 characters a second (English, German, Spanish subtitles
# all lie between 12 and 18): the length of a phrase whose end nobody noted.
_SECONDS_PER_CHARACTER = 1 / 15
_SHORTEST_PHRASE = 0.3


@dataclass(frozen=True)
class Format:
    """One producer's shape: how to know it, how to read it, how to write it back.

    Parameters
    ----------
    producer : str
        The tool's name.
    expects : str
        What a file of this kind holds, for error messages.
    matches : callable
        Takes the decoded source (from JSON, or the text of a file) and says whether it fits.
    read : callable
        Takes the source, returns whisper-shaped data.
    write : callable
        Takes labelled whisper-shaped data and the source, returns the producer's shape.
    """

    producer: str
    expects: str
    matches: Callable[[Any], bool]
    read: Callable[[Any], Data]
    write: Callable[[Data, Any], object] = lambda labelled, source: labelled


def number(value: object) -> float | None:
    """Return a finite float, or None for anything that is not one.

    Examples
    --------
    >>> number("1.5"), number(2), number(float("nan")), number(None), number(True)
    (1.5, 2.0, None, None, None)
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return result if math.isfinite(result) else None


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds."""
    return round(seconds * 1000)


def plain(value: object) -> Any:
    """Turn objects into what JSON knows: mappings, lists, strings, numbers.

    Takes dataclasses, named tuples, pydantic models, numpy scalars and arrays, and objects that
    merely have attributes; iterators are used up.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field.name for field in dataclasses.fields(value))
        return {name: plain(getattr(value, name)) for name in fields} | plain(_extras(value))
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: plain(getattr(value, name)) for name in getattr(value, "_fields", ())}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset, Iterator)):
        return [plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {name: plain(item) for name, item in vars(value).items() if name[:1] != "_"}
    return str(value)


def _extras(value: object) -> Data:
    """Return the attributes of a dataclass instance that are not fields."""
    names = {field.name for field in dataclasses.fields(value)}  # type: ignore[arg-type]
    return {
        name: item
        for name, item in getattr(value, "__dict__", {}).items()
        if name not in names and not name.startswith("_")
    }


def is_list_of_dicts(value: object) -> bool:
    """Return whether a value is a list that holds nothing but dictionaries."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def words_inside(segments: Iterable[Data]) -> list[Data]:
    """Return all words that segments hold; anything else under ``words`` is passed over."""
    lists = (segment.get("words") for segment in segments)
    words = (word for items in lists if isinstance(items, list) for word in items)
    return [word for word in words if isinstance(word, dict)]


def set_speaker_aside(item: Data) -> None:
    """Move what another tool called the speaker out of the way of ours, in place."""
    if "speaker" in item:
        speaker = item.pop("speaker")
        if speaker is not None:
            item.setdefault("original_speaker", speaker)


def set_times(item: Data, start: float | None, end: float | None) -> None:
    """Set both times of an item, or neither when one is not known; in place."""
    item.pop("start", None)
    item.pop("end", None)
    if start is not None and end is not None:
        item["start"] = max(0.0, start)
        item["end"] = max(item["start"], end)


def make_segment(item: Mapping[str, Any], index: int, **known: Any) -> Data:
    """Return a whisper-shaped segment: ``item``'s own keys, with the known ones put over them.

    Times may still be missing; :func:`fill_times` puts them in.
    """
    segment: Data = {"id": item.get("id", index), **item, **known}
    segment["text"] = str(segment.get("text") or "")
    set_times(segment, number(segment.get("start")), number(segment.get("end")))
    if known.get("start") is not None and "start" not in segment:
        segment["start"] = max(0.0, float(known["start"]))
    if not isinstance(segment.get("words"), list):
        segment.pop("words", None)
    set_speaker_aside(segment)
    return segment


def fill_times(segments: Sequence[Data]) -> list[Data]:
    """Give every segment a start and an end, from its words or its neighbours; in place."""
    for index, segment in enumerate(segments):
        if "start" in segment and "end" in segment:
            continue
        timed = [word for word in segment.get("words") or () if "start" in word]
        before = float(segments[index - 1]["end"]) if index else 0.0
        start = segment.get("start")
        if start is None:
            start = timed[0]["start"] if timed else before
        if timed:
            end = max(start, timed[-1]["end"])
        else:
            length = max(_SHORTEST_PHRASE, len(segment["text"].strip()) * _SECONDS_PER_CHARACTER)
            later = (s["start"] for s in segments[index + 1 :] if "start" in s)
            end = max(start, min(start + length, next(later, math.inf)))
        set_times(segment, start, end)
    return list(segments)


def without(item: Mapping[str, Any], *keys: str) -> Data:
    """Return a copy that lacks some keys."""
    return {key: value for key, value in item.items() if key not in keys}


def finish(extra: Mapping[str, Any], segments: Iterable[Data], **known: Any) -> Data:
    """Put a transcript together: the producer's other top-level keys, then ours."""
    from diarize.transcript.schema import join_texts

    filled = fill_times(list(segments))
    data: Data = {**extra, **known, "segments": filled}
    if not isinstance(data.get("text"), str):
        data["text"] = join_texts(filled)
    return data
