"""Vosk's results: one JSON object an utterance, one after the other or in a list.

Source: Vosk API, ``KaldiRecognizer.Result`` with ``SetWords(True)`` (``result``: ``conf``,
``start``, ``end``, ``word``): https://github.com/alphacep/vosk-api/blob/master/src/vosk_api.h
"""

from __future__ import annotations

from typing import Any

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import Data, Format
from diarize.transcript.readers.items import dicts, interleaved, phrases, spoken


def _utterances(source: Any) -> list[Data]:
    items = source if isinstance(source, list) else [source]
    found = [item for item in items if isinstance(item, dict)]
    # A file of a live session also holds what was thought on the way.
    return found if len(found) == len(items) else []


def _matches(source: Any) -> bool:
    items = _utterances(source)
    return bool(items) and (
        any(_is_result(item) for item in items)
        and all(_is_result(item) or item.keys() <= {"text", "partial"} for item in items)
    )


def _is_result(item: Data) -> bool:
    words = item.get("result")
    return isinstance(words, list) and all(
        isinstance(word, dict) and {"word", "start", "end"} <= word.keys() for word in words
    )


def _read(source: Any) -> Data:
    tracks = []
    for index, item in enumerate(_utterances(source)):
        listed, text = dicts(item.get("result")), str(item.get("text") or "")
        if text.strip() and not listed:
            raise TranscriptError(
                f"utterance {index + 1} ({text!r:.40}) has no times: call SetWords(True) first"
            )
        words = [spoken(w["word"], w["start"], w["end"], w.get("conf")) for w in listed]
        tracks.append(phrases(words, text))
    return interleaved({}, tracks)


FORMAT = Format("vosk", "Vosk ({result: [{word, start, end}], text})", _matches, _read)
