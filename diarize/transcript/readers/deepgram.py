"""Deepgram's answer for recorded audio.

Source: Deepgram API reference, "Pre-Recorded Audio", and the guides "Diarization" and
"Utterances": https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import Data, Format, dicts, get, has_items, without
from diarize.transcript.readers.words import interleaved, phrases, spoken


def _matches(source: Any) -> bool:
    return has_items(get(source, "results"), "channels", "alternatives")


def _read(source: Data) -> Data:
    channels = source["results"]["channels"]
    tracks = []
    for number, channel in enumerate(channels):
        best = get(channel, "alternatives", 0) or {}
        name = f"channel {number}" if len(channels) > 1 else None
        words = [_word(word, name) for word in dicts(best.get("words"))]
        tracks.append(phrases(words, best.get("transcript")))
    language = get(channels, 0, "detected_language")
    return interleaved(without(source, "results"), tracks, language=language)


def _word(word: Data, channel: str | None) -> Data:
    text = word.get("punctuated_word", word.get("word"))
    speaker = word.get("speaker", channel)
    return spoken(text, word.get("start"), word.get("end"), word.get("confidence"), speaker)


FORMAT = Format("deepgram", "Deepgram ({results: {channels}})", _matches, _read)
