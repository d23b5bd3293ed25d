"""What OpenAI's transcription API answers: ``verbose_json`` and ``diarized_json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    finish,
    has_items,
    is_list_of_dicts,
    without,
    words_inside,
)
from diarize.transcript.readers.whisper import read_segment, read_word
from diarize.transcript.readers.words import phrases, set_word_texts, source_word


def _is_verbose(source: Any) -> bool:
    """The words stand beside the segments, not inside."""
    if not has_items(source, "words", "word"):
        return False
    segments = source.get("segments") or []
    return is_list_of_dicts(segments) and not words_inside(segments)


def _read_verbose(source: Data) -> Data:
    words = [read_word(word) for word in source["words"]]
    extra = without(source, "words", "segments")
    if not source.get("segments"):
        return finish(extra, phrases(words, source.get("text")))
    segments = [read_segment(item, index) for index, item in enumerate(source["segments"])]
    for segment, own in zip(segments, distribute(words, segments), strict=True):
        segment["words"] = own
        set_word_texts(own, segment["text"])
    return finish(extra, segments)


def distribute(words: Sequence[Data], segments: Sequence[Data]) -> list[list[Data]]:
    """Give each word to the segment whose text it stands in, else to the one at its time.

    Returns one list of words for each segment; the words' order stays.
    """
    shares: list[list[Data]] = [[] for _ in segments]
    here = position = 0
    for word in words:
        needle = word["word"].strip().lower()
        for index in range(here, len(segments)):
            text = segments[index]["text"].lower()
            begin = position if index == here else 0
            found = text.find(needle, begin) if needle else -1
            if found >= 0 and not any(c.isalnum() for c in text[begin:found]):
                here, position = index, found + len(needle)
                break
            if any(c.isalnum() for c in text[begin:]):
                # The text disagrees here: only time can tell.
                index = _by_time(word, segments, here)
                here, position = index, (position if index == here else 0)
                break
        shares[here].append(word)
    return shares


def _by_time(word: Data, segments: Sequence[Data], first: int) -> int:
    if "start" not in word:
        return first
    middle = 0.5 * (word["start"] + word["end"])
    later = [i for i in range(first, len(segments)) if segments[i].get("start", middle) <= middle]
    return later[-1] if later else first


def _write_verbose(labelled: Data, source: Data) -> Data:
    words = [
        {**without(word, "source_word"), "word": source_word(word)}
        for segment in labelled["segments"]
        for word in segment.get("words", ())
    ]
    result = {**without(labelled, "segments"), "words": words}
    if source.get("segments"):
        result["segments"] = [without(segment, "words") for segment in labelled["segments"]]
    return result


def _is_diarized(source: Any) -> bool:
    return has_items(source, "segments", "type") and {
        str(segment["type"]) for segment in source["segments"]
    } == {"transcript.text.segment"}


def _read_diarized(source: Data) -> Data:
    segments = [read_segment(item, index) for index, item in enumerate(source["segments"])]
    return finish(without(source, "segments"), segments)


VERBOSE = Format(
    "openai-api-verbose-json",
    "OpenAI API verbose_json ({text, segments, words: [{word, start, end}]})",
    _is_verbose,
    _read_verbose,
    _write_verbose,
)
DIARIZED = Format(
    "openai-api-diarized-json",
    "OpenAI API diarized_json ({segments: [{type, speaker, start, end, text}]})",
    _is_diarized,
    _read_diarized,
)
