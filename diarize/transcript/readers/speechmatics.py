"""Speechmatics' json-v2 transcript.

Source: Speechmatics documentation, "Batch output, json-v2" (``results`` of words and punctuation
with ``attaches_to``; ``speaker`` of the first alternative, UU where unknown; ``channel``):
https://docs.speechmatics.com/speech-to-text/batch/output
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import Data, Format, get, has_items, without
from diarize.transcript.readers.words import append_mark, interleaved, phrases, spoken


def _matches(source: Any) -> bool:
    return has_items(source, "results", "start_time", "type", "alternatives")


def _read(source: Data) -> Data:
    tracks: dict[object, list[Data]] = {}
    pending = ""
    for item in source["results"]:
        best = get(item, "alternatives", 0) or {}
        words = tracks.setdefault(item.get("channel"), [])
        text = str(best.get("content") or "")
        if item.get("type") == "punctuation" and item.get("attaches_to") == "next":
            pending += text
        elif item.get("type") == "punctuation" and item.get("attaches_to") != "none":
            append_mark(words, text)
        elif text:
            speaker = best.get("speaker", item.get("channel"))
            words.append(
                spoken(
                    pending + text,
                    item.get("start_time"),
                    item.get("end_time"),
                    best.get("confidence"),
                    None if speaker == "UU" else speaker,
                )
            )
            pending = ""
    for words in list(tracks.values())[:1]:
        append_mark(words, pending)
    language = get(source, "metadata", "transcription_config", "language")
    segments = [phrases(words) for words in tracks.values()]
    return interleaved(without(source, "results"), segments, language=language)


FORMAT = Format(
    "speechmatics", "Speechmatics json-v2 ({results: [{type, start_time}]})", _matches, _read
)
