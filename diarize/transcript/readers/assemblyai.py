"""AssemblyAI's transcript object; times in milliseconds.

Source: AssemblyAI API reference, "Get transcript", and "Speaker Diarization" (``utterances``):
https://www.assemblyai.com/docs/api-reference/transcripts/get
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    Place,
    dicts,
    has_items,
    seconds_of,
    without,
)
from diarize.transcript.readers.words import interleaved, phrases, spoken


def _matches(source: Any) -> bool:
    marks = {"audio_duration", "audio_url", "language_model", "acoustic_model", "utterances"}
    return has_items(source, "words", "text") and bool(marks & source.keys())


def _read(source: Data) -> Data:
    extra = without(source, "words", "utterances", "text")
    utterances = [u for u in dicts(source.get("utterances")) if dicts(u.get("words"))]
    if utterances:
        tracks = [phrases(_words(u["words"], u.get("speaker")), u.get("text")) for u in utterances]
    else:
        tracks = [phrases(_words(source["words"], None), source.get("text"))]
    known = {"text": source["text"]} if isinstance(source.get("text"), str) else {}
    return interleaved(extra, tracks, language=source.get("language_code"), **known)


def _words(words: list[Data], speaker: object) -> list[Data]:
    return [
        spoken(
            word.get("text"),
            seconds_of(word.get("start"), Place(word.get("text"))),
            seconds_of(word.get("end"), Place(word.get("text"))),
            word.get("confidence"),
            word.get("speaker") or speaker or word.get("channel"),
        )
        for word in words
    ]


FORMAT = Format("assemblyai", "AssemblyAI ({words, utterances}, milliseconds)", _matches, _read)
