"""whisperX's JSON: words without leading spaces, some without times, listed a second time."""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    finish,
    has_items,
    without,
    words_inside,
)
from diarize.transcript.readers.whisper import read_segment
from diarize.transcript.readers.words import source_word


def _matches(source: Any) -> bool:
    if not has_items(source, "segments"):
        return False
    if "word_segments" in source or "speaker_embeddings" in source:
        return True
    words = words_inside(source["segments"])
    return any("score" in word and "probability" not in word for word in words)


def _read(source: Data) -> Data:
    segments = [read_segment(item, index) for index, item in enumerate(source["segments"])]
    return finish(without(source, "segments", "word_segments"), segments)


def _write(labelled: Data, source: Data) -> Data:
    segments = [
        {**without(segment, "id"), "words": [_write_word(word) for word in segment["words"]]}
        if "words" in segment
        else without(segment, "id")
        for segment in labelled["segments"]
    ]
    result = {**labelled, "segments": segments}
    if "text" not in source:
        del result["text"]
    if "word_segments" in source:
        result["word_segments"] = [word for s in segments for word in s.get("words", ())]
    return result


def _write_word(word: Data) -> Data:
    return {**without(word, "probability", "source_word"), "word": source_word(word)}


FORMAT = Format(
    "whisperx",
    "whisperX JSON ({segments, word_segments} with scored words)",
    _matches,
    _read,
    _write,
)
