"""Speechmatics' json-v2 transcript.

Source: Speechmatics documentation, "Batch output, json-v2" (``results`` of words and punctuation
with ``attaches_to``; ``speaker`` of the first alternative, UU where unknown; ``channel``):
https://docs.speechmatics.com/speech-to-text/batch/output
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import Data, Format, is_list_of_dicts, without
from diarize.transcript.readers.items import append_mark, get, interleaved, phrases, spoken


def _matches(source: Any) -> bool:
    results = get(source, "results")
    return is_list_of_dicts(results) and all(
        "start_time" in item and "type" in item and "alternatives" in item for item in results
    )


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
    for words in tracks.values():
        append_mark(words, pending)
        break
    language = get(source, "metadata", "transcription_config", "language")
    segments = [phrases(words) for words in tracks.values()]
    return interleaved(without(source, "results"), segments, language=language)


FORMAT = Format(
    "speechmatics", "Speechmatics json-v2 ({results: [{type, start_time}]})", _matches, _read
)
