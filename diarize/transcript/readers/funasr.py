"""FunASR's results: sentences with times in milliseconds, and a time for each of their tokens."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from diarize.text import milliseconds
from diarize.transcript.readers.common import (
    Data,
    Format,
    Place,
    finish,
    has_items,
    make_segment,
    seconds_of,
    without,
)
from diarize.transcript.readers.words import make_word, set_word_texts
from diarize.transcript.schema import is_unspaced

# A token is one character of a script without spaces, or a word of one with them.
_RUN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def _unwrap(source: Any) -> Any:
    """One recording's result comes in a list."""
    return source[0] if isinstance(source, list) and len(source) == 1 else source


def _matches(source: Any) -> bool:
    return has_items(_unwrap(source), "sentence_info")


def _read(source: Any) -> Data:
    result = _unwrap(source)
    segments = [_segment(item, index) for index, item in enumerate(result["sentence_info"])]
    return finish(without(result, "sentence_info"), segments)


def _segment(item: Data, index: int) -> Data:
    text = str(item.get("text", item.get("sentence", "")))
    start, end = (seconds_of(item.get(key), Place(text, index)) for key in ("start", "end"))
    own = without(item, "timestamp", "sentence", "spk")
    segment = make_segment(own, index, start=start, end=end, text=text)
    if item.get("spk") is not None:
        segment.setdefault("original_speaker", item["spk"])
    tokens, times = tokenize(text), item.get("timestamp")
    if isinstance(times, list) and tokens and len(tokens) == len(times):
        segment["words"] = [
            make_word({}, token, *_times(time, Place(token)))
            for token, time in zip(tokens, times, strict=True)
        ]
        set_word_texts(segment["words"], text)
    elif times is not None:
        segment["timestamp"] = times
    return segment


def _times(pair: object, place: object) -> tuple[float | None, float | None]:
    if not isinstance(pair, list) or len(pair) != 2:
        return None, None
    return seconds_of(pair[0], place), seconds_of(pair[1], place)


def tokenize(text: str) -> list[str]:
    """Cut a text as FunASR does: words, and single characters where no spaces are written.

    Examples
    --------
    >>> tokenize("好的, that's OK。")
    ['好', '的', "that's", 'OK']
    """
    tokens: list[str] = []
    for run in _RUN.findall(text):
        for unspaced, characters in groupby(run, key=is_unspaced):
            part = list(characters)
            tokens += part if unspaced else ["".join(part)]
    return tokens


def _write(labelled: Data, source: Any) -> object:
    result = _unwrap(source)
    labels = list(dict.fromkeys(s["speaker"] for s in labelled["segments"] if s.get("speaker")))
    text_key = "sentence" if any("sentence" in s for s in result["sentence_info"]) else "text"
    sentences = []
    for segment in labelled["segments"]:
        sentence = without(segment, "id", "words", "text")
        sentence[text_key] = segment["text"]
        sentence["start"] = milliseconds(segment["start"])
        sentence["end"] = milliseconds(segment["end"])
        speaker = segment.get("speaker")
        sentence["spk"] = labels.index(speaker) if speaker else None
        if segment.get("words"):
            timed = [word for word in segment["words"] if "start" in word]
            pairs = [[milliseconds(word["start"]), milliseconds(word["end"])] for word in timed]
            sentence["timestamp"] = pairs
        sentences.append(sentence)
    written = {**without(labelled, "segments"), "sentence_info": sentences}
    return [written] if isinstance(source, list) else written


FORMAT = Format(
    "funasr",
    "FunASR results ({sentence_info: [{start, end, text, spk}]})",
    _matches,
    _read,
    _write,
)
