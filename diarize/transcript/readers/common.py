"""What the readers share: numbers, other tools' speakers, missing times, JSON out of objects."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from diarize.errors import TranscriptError
from diarize.transcript.schema import join_texts

Data = dict[str, Any]

# Conversational speech runs at about 15 characters a second (English, German, Spanish subtitles
# all lie between 12 and 18): the length of a phrase whose end nobody noted.
_SECONDS_PER_CHARACTER = 1 / 15
_SHORTEST_PHRASE = 0.3
# Times may lie before 0 by what rounding and padding do (seconds); more is another clock.
_ROUNDING = 1.0
_BACKWARDS, _BACKWARDS_SECONDS = "\0backwards", 0.05
WARNINGS = "\0warnings"
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")
_ISO = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")


@dataclass(frozen=True)
class Format:
    """One producer's shape: how to know it, how to read it, how to write it back.

    ``producer`` is the tool's name, and ``expects`` what its files hold, for error messages.
    ``matches`` and ``read`` take the decoded source (from JSON, or the text of a file); the latter
    returns whisper-shaped data. ``write`` takes such data with labels, and the source, and returns
    the producer's shape.
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


def clock_of(value: object) -> float | None:
    """Return a time in seconds: a number, ``1.5s`` (Google), ``PT1.5S`` (Azure) or a clock's.

    Examples
    --------
    >>> clock_of("1,5"), clock_of("1.5s"), clock_of("PT1M1.5S"), clock_of("01:01,5"), clock_of("x")
    (1.5, 1.5, 61.5, 61.5, None)
    """
    seconds = number(value)
    if seconds is not None or not isinstance(value, str):
        return seconds
    text = value.strip().replace(",", ".")
    if (match := _CLOCK.fullmatch(text)) or (match := _ISO.fullmatch(text)):
        hours, minutes, rest = match.groups()
    else:
        return number(text.removesuffix("s"))
    return float(hours or 0) * 3600 + float(minutes or 0) * 60 + float(rest or 0)


def time_of(value: object, place: object = "") -> float | None:
    """Return a time as :func:`clock_of` does; None where none is given.

    Raises
    ------
    TranscriptError
        If a text is no time; ``place`` says where it stands.
    """
    return _given(value, clock_of(value), place)


def seconds_of(
    value: object, place: object = "", *, unit: str = "milliseconds", per_second: float = 1000
) -> float | None:
    """Return a time given as a number of milliseconds, or of another unit, in seconds.

    Raises
    ------
    TranscriptError
        If a text is no number; ``place`` says where it stands.
    """
    found = _given(value, number(value), place, f"number of {unit}")
    return None if found is None else found / per_second


def _given(value: object, time: float | None, place: object, kind: str = "time") -> float | None:
    """Return the time that was read; refuse a text in which there is none."""
    if time is None and isinstance(value, str) and value.strip():
        raise TranscriptError(
            f"{place}{value!r:.40} is no {kind}; write the {kind}, or take its entry out"
        )
    return time


class Place(NamedTuple):
    """A segment, by its index too, or else a word; put into words only where a message needs it."""

    text: object
    segment: int | None = None

    def __str__(self) -> str:
        quoted = f"{str(self.text or '').strip()!r:.40}"
        if self.segment is None:
            return f"the word {quoted}: "
        return f"segment {self.segment + 1} ({quoted}): "


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
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return plain(own | _public(value))
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: plain(getattr(value, name)) for name in getattr(value, "_fields", ())}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (Sequence, set, frozenset, Iterator)) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    return plain(_public(value)) if hasattr(value, "__dict__") else str(value)


def _public(value: object) -> Data:
    """Return the attributes of an object that has any of its own."""
    attributes = getattr(value, "__dict__", {}).items()
    return {name: item for name, item in attributes if name[:1] != "_"}


def is_list_of_dicts(value: object) -> bool:
    """Return whether a value is a list that holds nothing but dictionaries."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def get(value: object, *path: str | int) -> Any:
    """Return what lies at a path inside of dictionaries and lists; None where nothing does."""
    for key in path:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and len(value) > key:
            value = value[key]
        else:
            return None
    return value


def dicts(value: object) -> list[Data]:
    """Return the dictionaries in a list; an empty list for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def has_items(source: object, key: str, *keys: str) -> bool:
    """Return whether ``source[key]`` is a list of dictionaries, each of which has some keys."""
    items = get(source, key)
    return is_list_of_dicts(items) and all(set(keys) <= item.keys() for item in items)


def words_inside(segments: Iterable[Data]) -> list[Data]:
    """Return all words that segments hold; anything else under ``words`` is passed over."""
    return [word for segment in segments for word in dicts(segment.get("words"))]


def set_speaker_aside(item: Data) -> None:
    """Move what another tool called the speaker out of the way of ours, in place."""
    speaker = item.pop("speaker", None)
    if speaker is not None:
        item.setdefault("original_speaker", speaker)


def set_times(item: Data, start: float | None, end: float | None) -> None:
    """Set the times of an item, in place; one that is not known is left out."""
    item.pop("start", None)
    item.pop("end", None)
    if start is not None:
        item["start"] = max(0.0, start)
    if end is not None:
        item["end"] = max(item.get("start", 0.0), end)


def make_segment(item: Mapping[str, Any], index: int, **known: Any) -> Data:
    """Return a whisper-shaped segment: ``item``'s own keys, with the known ones put over them.

    Times may still be missing; :func:`finish` sees to that.

    Raises
    ------
    TranscriptError
        If a time cannot be read, or the segment begins before the recording does.
    """
    segment: Data = {"id": item.get("id", index), **item, **known}
    segment["text"] = str(segment.get("text") or "")
    place = Place(segment["text"], index)
    start, end = (time_of(segment.get(key), f"{place}its {key} ") for key in ("start", "end"))
    if start is not None and start < -_ROUNDING:
        raise TranscriptError(
            f"{place}it begins at {start:g} s, before the recording: the times of the transcript "
            "are shifted"
        )
    set_times(segment, start, end)
    if start is not None and end is not None and end < start - _BACKWARDS_SECONDS:
        segment[_BACKWARDS] = True
    if not isinstance(segment.get("words"), list):
        segment.pop("words", None)
    set_speaker_aside(segment)
    return segment


def _fill_times(segments: Sequence[Data]) -> list[str]:
    """Give every segment a start and an end; return what the user should know about it.

    A time that is missing is taken from the segment's words; else it is estimated, if a
    neighbour or the segment's other time bounds it, with a warning.
    """
    guessed: list[int] = []
    for index, segment in enumerate(segments):
        start, end = segment.get("start"), segment.get("end")
        words = segment.get("words") or ()
        if start is None:
            start = next((word["start"] for word in words if "start" in word), None)
        if end is None:
            end = max((word["end"] for word in words if "end" in word), default=None)
        if start is None or end is None:
            before = float(segments[index - 1]["end"]) if index else 0.0
            if segment["text"].strip():
                guessed.append(index)
                start, end = _guess(segments, index, start, end, before)
            else:
                start = end = before if start is None else start
        set_times(segment, start, end)
    backwards = [i for i, segment in enumerate(segments) if segment.pop(_BACKWARDS, False)]
    faults = {
        "lack a time, which is estimated from the length of the text": guessed,
        "end before they start": backwards,
    }
    return [
        f"{len(places)} segment(s) {what}, the first at {segments[places[0]]['start']:.2f} s "
        f"({segments[places[0]]['text'].strip()!r:.40})"
        for what, places in faults.items()
        if places
    ]


def _guess(
    segments: Sequence[Data], index: int, start: float | None, end: float | None, before: float
) -> tuple[float, float]:
    """Estimate a segment's missing time; one with neither needs neighbours on both sides."""
    text = segments[index]["text"].strip()
    length = max(_SHORTEST_PHRASE, len(text) * _SECONDS_PER_CHARACTER)
    later = next((s["start"] for s in segments[index + 1 :] if "start" in s), None)
    if start is not None:
        longest = start + length
        return start, longest if later is None else max(start, min(longest, later))
    if end is not None:
        return min(end, max(before, end - length)), end
    if not index or later is None or later < before:
        raise TranscriptError(
            f"segment {index + 1} ({text!r:.40}) has no times to match speakers to; give it a "
            "start and an end in seconds"
        )
    return before, min(before + length, later)


def without(item: Mapping[str, Any], *keys: str) -> Data:
    """Return a copy that lacks some keys."""
    return {key: value for key, value in item.items() if key not in keys}


def finish(
    extra: Mapping[str, Any],
    segments: Iterable[Data],
    *,
    warnings: Iterable[str] = (),
    **known: Any,
) -> Data:
    """Put a transcript together: the producer's other top-level keys, then ours.

    What the user should know goes under :data:`WARNINGS`, which no transcript keeps.

    Raises
    ------
    TranscriptError
        If a segment's time is not known and nothing bounds it.
    """
    filled = list(segments)
    notes = [*warnings, *_fill_times(filled)]
    data: Data = {**extra, **known, "segments": filled}
    if not isinstance(data.get("text"), str):
        data["text"] = join_texts(filled)
    lost = sum(segment["text"].count("\ufffd") for segment in filled)
    if lost:
        notes.append(f"{lost} character(s) were damaged before this was written (\ufffd)")
    return {**data, WARNINGS: notes} if notes else data
