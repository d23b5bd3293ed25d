"""openai-whisper's JSON and its relatives: stable-ts, whisper-timestamped, faster-whisper's
segments as dictionaries, and the labelled JSON that this package writes itself.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import (
    Data,
    Format,
    finish,
    get,
    has_items,
    make_segment,
    without,
    words_inside,
)
from diarize.transcript.readers.words import make_word, set_word_texts

# Seconds that phrases last at most, and letters a second that people say at least.
_LONGEST_SEGMENT, _SLOWEST = 60, 0.5
# What this package itself adds to a segment or a word that it labels.
_OWN_KEYS = ("speaker", "unsure")


def _has_segments(source: object) -> bool:
    return has_items(source, "segments", "text") and all(
        "start" in segment or "words" in segment
        for segment in source["segments"]  # type: ignore[index]
    )


def is_own(source: object) -> bool:
    """Return whether this package wrote a transcript: it then carries the diarization."""
    block = get(source, "diarization")
    return isinstance(block, dict) and "turns" in block


def _read(source: Data) -> Data:
    segments = [read_segment(item, index) for index, item in enumerate(source["segments"])]
    _check_unit(source["segments"])
    return finish(without(source, "segments"), segments)


def _check_unit(items: list[Data]) -> None:
    """Refuse integers that cannot be seconds, as nobody speaks so slowly."""
    times: list[tuple[Any, Any]] = [(item.get("start"), item.get("end")) for item in items]
    if len(times) < 2 or not all(type(a) is int and type(b) is int for a, b in times):
        return
    lengths = [end - start for start, end in times]
    letters = sum(len(str(item.get("text") or "").strip()) for item in items)
    if median(lengths) > _LONGEST_SEGMENT and letters < _SLOWEST * sum(lengths):
        raise TranscriptError(
            f"segment 1 lasts from {times[0][0]} to {times[0][1]}, too long for its text in "
            "seconds: divide the times, which seem to be in milliseconds or hundredths"
        )


def _read_own(source: Data) -> Data:
    """Read our own labelled JSON as the transcript that it was made from: without our labels."""
    segments = []
    for segment in source["segments"]:
        plain = without(segment, *_OWN_KEYS)
        if "words" in segment:
            plain["words"] = [without(word, *_OWN_KEYS) for word in words_inside([segment])]
        segments.append(plain)
    return _read({**without(source, "diarization"), "segments": segments})


def read_segment(item: Data, index: int) -> Data:
    """Return a segment in whisper's shape; words may use ``text``, ``score`` or ``confidence``."""
    segment = make_segment(item, index)
    if "words" in segment:
        segment["words"] = [read_word(word) for word in segment["words"] if isinstance(word, dict)]
        set_word_texts(segment["words"], segment["text"])
    return segment


def read_word(item: Data) -> Data:
    """Return a word in whisper's shape; its other keys stay."""
    text = str(item.get("word", item.get("text", "")))
    certainty = next(
        (item[key] for key in ("probability", "score", "confidence") if key in item), None
    )
    return make_word(item, text, item.get("start"), item.get("end"), certainty)


def _is_timestamped(source: object) -> bool:
    return _has_segments(source) and any(
        "text" in word and "word" not in word
        for word in words_inside(source["segments"])  # type: ignore[index]
    )


def _write_timestamped(labelled: Data, source: object) -> Data:
    """Name the words' keys as whisper-timestamped does: ``text`` and ``confidence``."""
    segments = []
    for segment in labelled["segments"]:
        words = segment.get("words") or ()
        own = [without(word, "word", "probability", "source_word") for word in words]
        segments.append({**segment, "words": own} if "words" in segment else segment)
    return {**labelled, "segments": segments}


def _is_segment_list(source: object) -> bool:
    return _has_segments({"segments": source}) and not any(
        "timestamp" in item
        for item in source  # type: ignore[attr-defined]
    )


def _write_list(labelled: Data, source: list[Data]) -> list[Any]:
    numbered = any("id" in item for item in source)
    return [s if numbered else without(s, "id") for s in labelled["segments"]]


# stable-ts builds its objects from the keys of a segment and a word, and fails on any other.
_STABLE_SEGMENT = frozenset(
    {"id", "seek", "start", "end", "text", "tokens", "temperature"}
    | {"avg_logprob", "compression_ratio", "no_speech_prob"}
)
_STABLE_WORD = frozenset(
    {"id", "segment_id", "word", "start", "end", "probability", "tokens"}
    | {"left_locked", "right_locked"}
)


def _write_stable(labelled: Data, source: object) -> Data:
    """Keep the speakers beside the segments: inside, stable-ts could not load them."""
    segments, speakers = [], []
    for segment in labelled["segments"]:
        words = segment.get("words") or []
        own = {key: item for key, item in segment.items() if key in _STABLE_SEGMENT}
        if "words" in segment:
            own["words"] = [{k: v for k, v in word.items() if k in _STABLE_WORD} for word in words]
        segments.append(own)
        speakers.append(
            {"speaker": segment["speaker"], "words": [word["speaker"] for word in words]}
        )
    return {**labelled, "segments": segments, "segment_speakers": speakers}


OWN = Format(
    "autospeech-diarize",
    "this package's own JSON ({diarization, segments})",
    lambda source: is_own(source) and _has_segments(source),
    _read_own,
)
STABLE_TS = Format(
    "stable-ts",
    "stable-ts JSON ({segments, ori_dict, …})",
    lambda source: (
        _has_segments(source)
        and any(key in source for key in ("ori_dict", "regroup_history", "nonspeech_sections"))
    ),
    _read,
    _write_stable,
)
TIMESTAMPED = Format(
    "whisper-timestamped",
    "whisper-timestamped JSON (words with text and confidence)",
    _is_timestamped,
    _read,
    _write_timestamped,
)
WHISPER = Format(
    "openai-whisper",
    "openai-whisper JSON ({segments: [{start, end, text, words?}]})",
    _has_segments,
    _read,
)
SEGMENT_LIST = Format(
    "segments",
    "a list of segments ([{start, end, text, words?}])",
    _is_segment_list,
    lambda source: _read({"segments": source}),
    _write_list,
)
