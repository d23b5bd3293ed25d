"""The forms as OpenAPI describes them; they are read by hand, straight to disk."""

from __future__ import annotations

from typing import Any

from diarize.serve import shapes

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ERROR}}}


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _error("The request or its recording cannot be used"),
    401: _error("The token is missing or wrong"),
    403: _error("The request comes from another site's page"),
    404: _error("There is no such thing"),
    413: _error("The upload is too large"),
    415: _error("The request is no form"),
    421: _error("The server does not go by this name"),
    429: _error("Too many recordings are waiting"),
}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 100}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_BOUNDS = {"num_speakers": _COUNT, "min_speakers": _COUNT, "max_speakers": _COUNT}
_FILE = {"type": "string", "format": "binary", "description": "The recording"}
_KNOWN = {
    "known_speaker_names[]": _TEXTS,
    "known_speaker_references[]": {
        **_TEXTS,
        "description": "A recording of each, as a data URL; anybody else keeps a label",
    },
}


def _form(properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": ["file"], "properties": properties}
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


_MODEL = {"type": "string", "description": "Any name: there is one model"}
TRANSCRIPTION = _form(
    {
        "file": _FILE,
        "model": _MODEL,
        "language": {"type": "string"},
        "prompt": {"type": "string"},
        "response_format": {"type": "string", "enum": list(shapes.TRANSCRIPTIONS)},
        "stream": {"type": "boolean"},
        **_KNOWN,
        **_BOUNDS,
    }
)
DIARIZATION = _form(
    {
        "file": _FILE,
        "model": _MODEL,
        "response_format": {"type": "string", "enum": list(shapes.DIARIZATIONS)},
        **_KNOWN,
        **_BOUNDS,
    }
)
RECORDING = _form(
    {
        "file": _FILE,
        "transcript": {"type": "string", "format": "binary", "description": "Its words, if any"},
        "words": {"type": "boolean", "description": "Transcribe, if there is no transcript"},
        "language": {"type": "string"},
        **_BOUNDS,
    }
)
