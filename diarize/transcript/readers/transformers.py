"""Hugging Face's speech pipeline and insanely-fast-whisper: chunks of phrases, or of words."""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    Place,
    finish,
    has_items,
    is_list_of_dicts,
    make_segment,
    time_of,
    without,
)
from diarize.transcript.readers.words import are_words, make_word, phrases


def _unwrap(source: Any) -> Any:
    """A batch of one recording is a list of one result; a bare list of chunks is a result too."""
    if isinstance(source, list) and len(source) == 1 and "chunks" in source[0]:
        return source[0]
    if source and is_list_of_dicts(source) and all("timestamp" in item for item in source):
        return {"chunks": source}
    return source


def _matches(source: Any) -> bool:
    if isinstance(source, list) and not is_list_of_dicts(source):
        return False
    return has_items(_unwrap(source), "chunks", "text", "timestamp")


def _times(chunk: Data, place: object = "") -> tuple[float | None, float | None]:
    stamp = chunk["timestamp"]
    if not isinstance(stamp, (list, tuple)) or len(stamp) != 2:
        return None, None
    return time_of(stamp[0], place), time_of(stamp[1], place)


def _lists_words(chunks: list[Data]) -> bool:
    texts = [str(chunk["text"] or "") for chunk in chunks]
    places = [Place(text, index) for index, text in enumerate(texts)]
    return are_words(texts, list(map(_times, chunks, places)))


def _read(source: Any) -> Data:
    result = _unwrap(source)
    chunks = result["chunks"]
    extra = without(result, "chunks")
    if _lists_words(chunks):
        words = [
            make_word(without(chunk, "timestamp", "text"), str(chunk["text"] or ""), *_times(chunk))
            for chunk in chunks
        ]
        return finish(extra, phrases(words, result.get("text")))
    segments = []
    for index, chunk in enumerate(chunks):
        start, end = _times(chunk)
        segments.append(make_segment(without(chunk, "timestamp"), index, start=start, end=end))
    return finish(extra, segments)


def _write(labelled: Data, source: Any) -> object:
    result = _unwrap(source)
    if _lists_words(result["chunks"]):
        items = [(w, w["word"]) for s in labelled["segments"] for w in s.get("words", ())]
        if not any(str(chunk["text"])[:1].isspace() for chunk in result["chunks"]):
            items = [(word, text.strip()) for word, text in items]
    else:
        items = [(segment, segment["text"]) for segment in labelled["segments"]]
    chunks = [
        {
            **without(item, "id", "start", "end", "text", "word", "words", "source_word"),
            "text": item.get("source_word", text),
            "timestamp": [item.get("start"), item.get("end")],
        }
        for item, text in items
    ]
    if result is not source and "text" not in result:
        return chunks
    written = {**without(labelled, "segments"), "chunks": chunks}
    return [written] if isinstance(source, list) else written


FORMAT = Format(
    "transformers",
    "Hugging Face chunks ({chunks: [{text, timestamp: [start, end]}]})",
    _matches,
    _read,
    _write,
)
