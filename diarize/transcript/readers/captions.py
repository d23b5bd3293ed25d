"""Lists of phrases by other keys: vibe, youtube-transcript-api, the Podcasting 2.0 namespace.

Sources: vibe's ``Segment`` (``start``, ``stop`` as whisper.cpp counts, in hundredths of a second):
https://github.com/thewh1teagle/vibe; youtube-transcript-api's README (``start``, ``duration``);
"Transcript File Format Details" of the podcast namespace (``startTime``, ``endTime``, ``body``,
``speaker``): https://github.com/Podcastindex-org/podcast-namespace
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    Place,
    clock_of,
    dicts,
    finish,
    make_segment,
    number,
    time_of,
    without,
)
from diarize.transcript.readers.words import are_words, group_words, spoken


def _list(source: Any, *keys: str) -> list[Data]:
    """Return the phrases, if all have these keys."""
    items = source.get("segments", source.get("snippets")) if isinstance(source, dict) else source
    found = dicts(items)
    return found if items == found and all(set(keys) <= item.keys() for item in found) else []


def _rest(source: Any) -> Data:
    return without(source, "segments", "snippets") if isinstance(source, dict) else {}


def _read_vibe(source: Any) -> Data:
    items = _list(source, "start", "stop", "text")
    values = [item[key] for item in items for key in ("start", "stop")]
    # A fraction anywhere means seconds: hundredths are whole. Clocks are seconds by themselves.
    whole = all(time is None or time == int(time) for time in map(clock_of, values))
    scale = 0.01 if whole else 1.0
    times = [value if (n := number(value)) is None else n * scale for value in values]
    segments = [
        make_segment(without(item, "stop"), index, start=start, end=end)
        for index, (item, start, end) in enumerate(zip(items, times[::2], times[1::2], strict=True))
    ]
    return finish(_rest(source), segments)


def _read_youtube(source: Any) -> Data:
    items = _list(source, "start", "duration", "text")
    segments = []
    for index, item in enumerate(items):
        place = Place(item["text"], index)
        start, length = (time_of(item[key], f"{place}its {key} ") for key in ("start", "duration"))
        end = None if start is None or length is None else start + length
        segments.append(make_segment(without(item, "duration"), index, start=start, end=end))
    for this, following in pairwise(segments):
        # A caption stays while the next one is spoken already.
        if this.get("start", 0.0) < following.get("start", 0.0) < this.get("end", 0.0):
            this["end"] = following["start"]
    return finish(_rest(source), segments)


def _read_podcast(source: Any) -> Data:
    items = _list(source, "startTime", "body")
    texts = [str(item["body"] or "") for item in items]
    places = [Place(text, index) for index, text in enumerate(texts)]
    times = [
        (time_of(item["startTime"], place), time_of(item.get("endTime"), place))
        for item, place in zip(items, places, strict=True)
    ]
    extra = without(_rest(source), "version")
    if are_words(texts, times):
        words = [
            spoken(text, start, end, speaker=item.get("speaker"))
            for item, text, (start, end) in zip(items, texts, times, strict=True)
        ]
        spaced = any(text[:1].isspace() for text in texts[1:])
        for word in words if not spaced else ():
            word["word"] = " " + word["word"]
        return finish(extra, group_words(words))
    segments = [
        make_segment(without(item, "startTime", "endTime", "body"), i, start=a, end=b, text=text)
        for i, (item, text, (a, b)) in enumerate(zip(items, texts, times, strict=True))
    ]
    return finish(extra, segments)


VIBE = Format(
    "vibe",
    "vibe ({segments: [{start, stop, text}]}, hundredths of a second)",
    lambda source: bool(_list(source, "start", "stop", "text")),
    _read_vibe,
)
YOUTUBE = Format(
    "youtube-transcript-api",
    "youtube-transcript-api ([{text, start, duration}])",
    lambda source: (
        bool(items := _list(source, "start", "duration", "text"))
        and not any("end" in item for item in items)
    ),
    _read_youtube,
)
PODCAST = Format(
    "podcast-namespace",
    "Podcasting 2.0 JSON ({segments: [{startTime, endTime, body}]})",
    lambda source: bool(_list(source, "startTime", "body")),
    _read_podcast,
)
