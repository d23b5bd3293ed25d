"""What answers look like, by ``response_format``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from diarize.result import Result
from diarize.serve.storage import rendered
from diarize.transcript.schema import join_texts
from diarize.writers.base import UNKNOWN

Shape = Callable[[Result], Response]
#: What Whisper tells of a segment, for a recogniser that does not.
_SEGMENT: Mapping[str, Any] = {
    "seek": 0,
    "tokens": (),
    "temperature": 0.0,
    "avg_logprob": 0.0,
    "compression_ratio": 0.0,
    "no_speech_prob": 0.0,
}


def words_of(result: Result) -> str:
    """Return all that is said, without names."""
    return join_texts([{"text": part.text} for part in result.utterances])


def _usage(result: Result) -> dict[str, Any]:
    return {"type": "duration", "seconds": round(result.diarization.duration)}


def _file(name: str, kind: str) -> Shape:
    """Return what answers with a file of a format."""
    return lambda result: Response(rendered(result, name), media_type=kind)


def verbose(result: Result) -> dict[str, Any]:
    """Return OpenAI's ``verbose_json``, with ``speaker`` in segments and words."""
    transcript = result.transcript or {}
    segments = transcript.get("segments") or ()
    return {
        "task": "transcribe",
        "language": transcript.get("language") or "",
        "duration": round(result.diarization.duration, 3),
        "text": words_of(result),
        "segments": [
            {
                "id": number,
                **{key: segment.get(key, usual) for key, usual in _SEGMENT.items()},
                "start": segment.get("start"),
                "end": segment.get("end"),
                "text": segment.get("text"),
                "speaker": segment.get("speaker") or UNKNOWN,
            }
            for number, segment in enumerate(segments)
        ],
        "words": [
            {
                "word": str(word.get("word", "")).strip(),
                "start": word.get("start"),
                "end": word.get("end"),
                "speaker": word.get("speaker") or segment.get("speaker") or UNKNOWN,
            }
            for segment in segments
            for word in segment.get("words") or ()
        ],
        "usage": _usage(result),
    }


def turns(result: Result) -> dict[str, Any]:
    """Return who speaks when, in the manner of OpenAI's ``diarized_json``."""
    talk = result.diarization
    return {
        "task": "diarize",
        "duration": round(talk.duration, 3),
        "segments": [
            {
                "type": "diarization.segment",
                "id": f"seg_{number:03d}",
                "start": round(turn.start, 3),
                "end": round(turn.end, 3),
                "speaker": talk.display(turn.speaker),
                "confidence": turn.confidence,
                "unsure": turn.unsure,
            }
            for number, turn in enumerate(talk.turns, start=1)
        ],
        "speakers": [
            {
                "speaker": one.display,
                "label": one.label,
                "name": one.name,
                "seconds": round(talk.talk_time(one.label), 3),
            }
            for one in talk.speakers
        ],
        "warnings": list(talk.warnings),
        "usage": _usage(result),
    }


def events(result: Result) -> Iterator[dict[str, Any]]:
    """Yield what OpenAI streams: a segment for each that somebody says, then the whole."""
    segments = json.loads(result.to_diarized_json())["segments"]
    for segment in segments:
        yield {**segment, "type": "transcript.text.segment"}
        yield {"type": "transcript.text.delta", "delta": f"{segment['text']} "}
    yield {"type": "transcript.text.done", "text": words_of(result), "usage": _usage(result)}


TRANSCRIPTIONS: Mapping[str, Shape] = {
    "json": lambda result: JSONResponse({"text": words_of(result), "usage": _usage(result)}),
    "text": lambda result: PlainTextResponse(words_of(result) + "\n"),
    "srt": _file("srt", "text/plain"),
    "verbose_json": lambda result: JSONResponse(verbose(result)),
    "vtt": _file("vtt", "text/plain"),
    "diarized_json": _file("diarized-json", "application/json"),
}
DIARIZATIONS: Mapping[str, Shape] = {
    "json": lambda result: JSONResponse(turns(result)),
    "rttm": _file("rttm", "text/plain"),
}
