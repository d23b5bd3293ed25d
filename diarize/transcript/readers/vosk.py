"""Vosk's results: one JSON object an utterance, one after the other or in a list.

Source: Vosk API, ``KaldiRecognizer.Result`` with ``SetWords(True)`` (``result``: ``conf``,
``start``, ``end``, ``word``): https://github.com/alphacep/vosk-api/blob/master/src/vosk_api.h
"""

from __future__ import annotations

from typing import Any

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import Data, Format, dicts, has_items
from diarize.transcript.readers.words import interleaved, phrases, spoken


def _matches(source: Any) -> bool:
    items = source if isinstance(source, list) else [source]
    # A file of a live session also holds what was thought on the way.
    return any(map(_is_result, items)) and all(
        _is_result(item) or (isinstance(item, dict) and item.keys() <= {"text", "partial"})
        for item in items
    )


def _is_result(item: object) -> bool:
    return has_items(item, "result", "word", "start", "end")


def _read(source: Any) -> Data:
    tracks = []
    for index, item in enumerate(source if isinstance(source, list) else [source]):
        listed, text = dicts(item.get("result")), str(item.get("text") or "")
        if text.strip() and not listed:
            raise TranscriptError(
                f"utterance {index + 1} ({text!r:.40}) has no times: call SetWords(True) first"
            )
        words = [spoken(w["word"], w["start"], w["end"], w.get("conf")) for w in listed]
        tracks.append(phrases(words, text))
    return interleaved({}, tracks)


FORMAT = Format("vosk", "Vosk ({result: [{word, start, end}], text})", _matches, _read)
