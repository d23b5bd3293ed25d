"""WhisperKit's report: openai-whisper's shape with keys in camel case.

Source: WhisperKit's ``TranscriptionResult`` and ``TranscriptionSegment``:
https://github.com/argmaxinc/WhisperKit/blob/main/Sources/WhisperKit/Core/Models.swift
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import Data, Format, finish, has_items, without
from diarize.transcript.readers.whisper import read_segment

# The recogniser's own figures, by which invented text is told.
_FIGURES = {
    "avgLogprob": "avg_logprob",
    "compressionRatio": "compression_ratio",
    "noSpeechProb": "no_speech_prob",
}


def _matches(source: Any) -> bool:
    return has_items(source, "segments", "text", "avgLogprob") and bool(source["segments"])


def _read(source: Data) -> Data:
    segments = []
    for index, item in enumerate(source["segments"]):
        renamed = {_FIGURES.get(key, key): value for key, value in item.items()}
        segments.append(read_segment(renamed, index))
    return finish(without(source, "segments"), segments)


def _write(labelled: Data, source: Data) -> Data:
    names = {new: old for old, new in _FIGURES.items()}
    segments = [
        {names.get(key, key): value for key, value in segment.items()}
        for segment in labelled["segments"]
    ]
    return {**labelled, "segments": segments}


FORMAT = Format(
    "whisperkit",
    "WhisperKit ({segments: [{start, end, text, avgLogprob}]})",
    _matches,
    _read,
    _write,
)
