"""Amazon Transcribe's batch output.

Source: Amazon Transcribe Developer Guide, "Data input and output", and "Partitioning speakers
(diarization)": https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    Place,
    dicts,
    get,
    has_items,
    time_of,
    without,
)
from diarize.transcript.readers.words import append_mark, interleaved, phrases, spoken


def _matches(source: Any) -> bool:
    return has_items(get(source, "results"), "items", "alternatives", "type")


def _read(source: Data) -> Data:
    results = source["results"]
    channels = dicts(get(results, "channel_labels", "channels"))
    speakers = _speakers(results)
    if channels:
        tracks = [
            phrases(_words(dicts(channel.get("items")), {}, channel.get("channel_label")))
            for channel in channels
        ]
    else:
        text = get(results, "transcripts", 0, "transcript")
        tracks = [phrases(_words(results["items"], speakers, None), text)]
    language = results.get("language_code")
    return interleaved(without(source, "results"), tracks, language=language)


def _speakers(results: Data) -> dict[float | None, object]:
    """Return who begins a word when, from the older output's list of speakers."""
    segments = dicts(get(results, "speaker_labels", "segments"))
    return {
        time_of(item.get("start_time")): item.get("speaker_label", segment.get("speaker_label"))
        for segment in segments
        for item in dicts(segment.get("items"))
    }


def _words(
    items: Sequence[Data], speakers: dict[float | None, object], channel: object
) -> list[Data]:
    words: list[Data] = []
    for item in items:
        best = get(item, "alternatives", 0) or {}
        if item.get("type") == "punctuation":
            append_mark(words, best.get("content"))
            continue
        start = time_of(item.get("start_time"), Place(best.get("content")))
        speaker = item.get("speaker_label", speakers.get(start, channel))
        confidence = best.get("confidence")
        words.append(spoken(best.get("content"), start, item.get("end_time"), confidence, speaker))
    return words


FORMAT = Format(
    "aws-transcribe", "Amazon Transcribe ({results: {items, transcripts}})", _matches, _read
)
