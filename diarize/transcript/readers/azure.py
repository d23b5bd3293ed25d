"""Azure Speech: batch transcription, and fast transcription.

Source: Azure AI Speech documentation, "Get batch transcription results" (``recognizedPhrases``,
times as ISO 8601 durations or ticks of 100 ns) and "Use the fast transcription API"
(``phrases``, milliseconds): https://learn.microsoft.com/azure/ai-services/speech-service/
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    dicts,
    get,
    has_items,
    make_segment,
    seconds_of,
    time_of,
    without,
)
from diarize.transcript.readers.words import interleaved, set_word_texts, spoken

_TICKS = 1e7  # a second


def _matches(source: Any) -> bool:
    return has_items(source, "recognizedPhrases") or (
        has_items(source, "phrases") and "combinedPhrases" in source
    )


def _read(source: Data) -> Data:
    phrases = source.get("recognizedPhrases", source.get("phrases"))
    segments = [_segment(phrase, index) for index, phrase in enumerate(dicts(phrases))]
    language = next((p["locale"] for p in dicts(phrases) if p.get("locale")), None)
    rest = without(source, "recognizedPhrases", "phrases")
    said = [segment for segment in segments if segment["text"].strip()]
    return interleaved(rest, [said], language=language)


def _segment(phrase: Data, index: int) -> Data:
    best = get(phrase, "nBest", 0) or phrase
    text = str(best.get("display") or best.get("lexical") or best.get("text") or "")
    speaker = phrase.get("speaker")
    if speaker is None and phrase.get("channel"):
        speaker = f"channel {phrase['channel']}"
    start, end = _times(phrase)
    segment = make_segment({}, index, start=start, end=end, text=text, speaker=speaker)
    listed = dicts(best.get("displayWords")) or dicts(best.get("words"))
    if listed:
        segment["words"] = [
            spoken(
                word.get("displayText", word.get("word", word.get("text"))),
                *_times(word),
                word.get("confidence"),
                speaker,
            )
            for word in listed
        ]
        set_word_texts(segment["words"], text)
    return segment


def _times(item: Data) -> tuple[float | None, float | None]:
    start, length = _seconds(item, "offset"), _seconds(item, "duration")
    return start, None if start is None or length is None else start + length


def _seconds(item: Data, name: str) -> float | None:
    for key, unit, per_second in (
        (f"{name}Milliseconds", "milliseconds", 1000),
        (f"{name}InTicks", "ticks", _TICKS),
    ):
        seconds = seconds_of(item.get(key), f"{key}: ", unit=unit, per_second=per_second)
        if seconds is not None:
            return seconds
    return time_of(item.get(name))


FORMAT = Format("azure-speech", "Azure Speech ({recognizedPhrases} or {phrases})", _matches, _read)
