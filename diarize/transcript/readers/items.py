"""What services' answers have in common: words and punctuation one by one, each with a speaker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import Data, finish
from diarize.transcript.readers.words import add_spaces, group_words, make_word, set_word_texts


def spoken(
    text: object,
    start: object,
    end: object,
    confidence: object = None,
    speaker: object = None,
) -> Data:
    """Return a word; its speaker waits in ``original_speaker``."""
    return make_word({"speaker": speaker}, str(text or ""), start, end, confidence)


def append_mark(words: list[Data], text: object) -> None:
    """Put punctuation after the last word, in place; at the very beginning it is a word itself."""
    if words:
        words[-1]["word"] += str(text or "")
    elif text:
        words.append({"word": str(text)})


def phrases(words: Sequence[Data], text: object = None) -> list[Data]:
    """Return segments made of words, written as in ``text`` where that is at hand.

    Raises
    ------
    TranscriptError
        If there is a text but no word with its time.
    """
    if isinstance(text, str) and text.strip() and not words:
        raise TranscriptError(
            f"{text.strip()!r:.40} has no times to match speakers to: ask for the times of words"
        )
    if isinstance(text, str) and text.strip():
        set_word_texts(words, text)
    else:
        add_spaces(words)
    return group_words(words)


def interleaved(extra: Mapping[str, Any], tracks: Iterable[Sequence[Data]], **known: Any) -> Data:
    """Put the segments of several channels or passes together, in order of time.

    Segments without a start stay behind the one before them in their track.
    """
    keyed = []
    for track in tracks:
        clock = 0.0
        for segment in track:
            clock = float(segment.get("start", clock))
            keyed.append((clock, segment))
    segments = [segment for _, segment in sorted(keyed, key=lambda pair: pair[0])]
    for index, segment in enumerate(segments):
        segment["id"] = index
    return finish(extra, segments, **known)


def get(value: object, *path: str | int) -> Any:
    """Return what lies at a path inside of dictionaries and lists; None where nothing does."""
    for key in path:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and len(value) > key:
            value = value[key]
        else:
            return None
    return value


def dicts(value: object) -> list[Data]:
    """Return the dictionaries in a list; an empty list for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
