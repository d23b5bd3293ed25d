"""NVIDIA NeMo's Parakeet and Canary, and those who run them: parakeet-mlx, onnx-asr, sherpa-onnx.

Sources: NeMo ASR documentation, "Transcribing with timestamps" (``hypothesis.timestamp`` with
``word`` and ``segment``; manifests of ``transcribe_speech.py`` write them as ``timestamp_word``);
parakeet-mlx's README, "Timestamp Result" (``sentences`` with ``tokens``); onnx-asr's
``TimestampedResult`` (``text``, ``tokens``, ``timestamps`` of their starts), which sherpa-onnx's
``OfflineRecognitionResult`` shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diarize.transcript.readers.common import (
    Data,
    Format,
    Place,
    dicts,
    finish,
    has_items,
    make_segment,
    time_of,
    without,
)
from diarize.transcript.readers.words import (
    group_words,
    interleaved,
    make_word,
    phrases,
    set_word_texts,
    spoken,
)
from diarize.transcript.schema import is_unspaced

_LEVELS = ("word", "segment", "char")
_SPACE = "\u2581"  # SentencePiece's mark of a word's beginning
_TOKEN_SECONDS = 0.24  # what a token without a successor may last at most


def _manifest(source: Any) -> Data | None:
    """Return a hypothesis with its times by level; a manifest of one line is one as well."""
    item = source[0] if isinstance(source, list) and len(source) == 1 else source
    if not isinstance(item, dict):
        return None
    stamps = item.get("timestamp", item.get("timestep"))
    if not isinstance(stamps, dict):
        stamps = {level: item.get(f"timestamp_{level}") for level in _LEVELS}
    found = {level: stamps[level] for level in _LEVELS if has_items(stamps, level, "start")}
    return {"text": item.get("pred_text") or item.get("text"), **found} if found else None


def _read_nemo(source: Any) -> Data:
    item = _manifest(source)
    assert item is not None
    if item.get("word"):
        words = [spoken(w.get("word"), w["start"], w.get("end")) for w in item["word"]]
        return finish({}, phrases(words, item["text"]))
    segments = [
        make_segment({}, index, start=s["start"], end=s.get("end"), text=s.get("segment"))
        for index, s in enumerate(item.get("segment") or item.get("char") or ())
    ]
    return finish({}, segments)


def _read_mlx(source: Data) -> Data:
    segments = []
    for index, item in enumerate(source["sentences"]):
        segment = make_segment(without(item, "tokens", "duration"), index)
        tokens = [(t, Place(t.get("text"))) for t in dicts(item.get("tokens"))]
        words = _join(
            [
                (str(t.get("text") or ""), time_of(t.get("start"), at), time_of(t.get("end"), at))
                for t, at in tokens
            ]
        )
        if words:
            segment["words"] = words
            set_word_texts(words, segment["text"])
        segments.append(segment)
    return finish(without(source, "sentences"), segments)


def _results(source: Any) -> list[Data]:
    """Return results of tokens; a recording cut at pauses gives a list of them."""
    items = source if isinstance(source, list) else [source]
    ok = all(
        isinstance(item, dict)
        and isinstance(item.get("tokens"), list)
        and isinstance(item.get("timestamps"), list)
        and len(item["tokens"]) == len(item["timestamps"])
        and all(isinstance(token, str) for token in item["tokens"])
        for item in items
    )
    return items if ok else []


def _read_tokens(source: Any) -> Data:
    tracks = []
    for item in _results(source):
        # With a voice activity detector, the tokens' clock starts at the result's own start.
        origin, end = time_of(item.get("start")) or 0.0, time_of(item.get("end"))
        starts = list(map(time_of, item["timestamps"], map(Place, item["tokens"])))
        starts = [None if start is None else origin + start for start in starts]
        lengths = item.get("durations")
        lengths = lengths if isinstance(lengths, list) and len(lengths) == len(starts) else []
        tokens = []
        for place, (text, start) in enumerate(zip(item["tokens"], starts, strict=True)):
            following = starts[place + 1] if place + 1 < len(starts) else end
            length = time_of(lengths[place]) if lengths else None
            tokens.append((text, start, _end(start, length, following)))
        words = _join(tokens)
        text = str(item.get("text") or "")
        if words:
            set_word_texts(words, text or "".join(word["word"] for word in words))
        tracks.append(group_words(words))
    return interleaved({}, tracks)


def _end(start: float | None, length: float | None, following: float | None) -> float | None:
    if start is None:
        return None
    longest = start + (_TOKEN_SECONDS if length is None else length)
    return longest if following is None else max(start, min(longest, following))


def _join(tokens: Sequence[tuple[str, float | None, float | None]]) -> list[Data]:
    """Join sub-word tokens into words; a word begins with a space or its mark."""
    words: list[Data] = []
    for raw, start, end in tokens:
        text = raw.replace(_SPACE, " ")
        fresh = not words or text[:1].isspace()
        fresh = fresh or (is_unspaced(text[:1] or "a") and any(map(str.isalnum, text)))
        if fresh:
            words.append(make_word({}, text, start, end))
        else:
            words[-1]["word"] += text
            if end is not None and "start" in words[-1]:
                words[-1]["end"] = max(words[-1]["end"], end)
    return words


NEMO = Format(
    "nemo",
    "NeMo hypotheses ({text, timestamp: {word, segment}})",
    lambda source: _manifest(source) is not None,
    _read_nemo,
)
MLX = Format(
    "parakeet-mlx",
    "parakeet-mlx ({text, sentences})",
    lambda source: has_items(source, "sentences", "text", "start", "end"),
    _read_mlx,
)
TOKENS = Format(
    "onnx-asr",
    "onnx-asr and sherpa-onnx ({text, tokens, timestamps})",
    lambda source: bool(_results(source)),
    _read_tokens,
)
