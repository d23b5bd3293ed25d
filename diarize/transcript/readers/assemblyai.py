"""AssemblyAI's transcript object; times in milliseconds.

Source: AssemblyAI API reference, "Get transcript", and "Speaker Diarization" (``utterances``):
https://www.assemblyai.com/docs/api-reference/transcripts/get
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import Data, Format, is_list_of_dicts, number, without
from diarize.transcript.readers.items import dicts, interleaved, phrases, spoken


def _matches(source: Any) -> bool:
    if not isinstance(source, dict) or not is_list_of_dicts(source.get("words")):
        return False
    marks = {"audio_duration", "audio_url", "language_model", "acoustic_model", "utterances"}
    return bool(marks & source.keys()) and all("text" in word for word in source["words"])


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
            _seconds(word.get("start")),
            _seconds(word.get("end")),
            word.get("confidence"),
            word.get("speaker") or speaker or word.get("channel"),
        )
        for word in words
    ]


def _seconds(value: object) -> float | None:
    thousandths = number(value)
    return None if thousandths is None else thousandths / 1000


FORMAT = Format("assemblyai", "AssemblyAI ({words, utterances}, milliseconds)", _matches, _read)
