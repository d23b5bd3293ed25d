"""JSON in openai-whisper's shape, plus speakers, plus everything known about them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.result_file import to_block
from diarize.transcript.readers import to_source_shape

extension = "json"


def render(result: Result, options: WriterOptions) -> str:
    """Return the labelled transcript with a ``diarization`` block beside it.

    In the shape ``source`` there is no ``diarization`` block: the file is the producer's own.
    """
    document: Any = {**(result.transcript or {}), "diarization": to_block(result)}
    if options.json_shape == "source" and result.transcript and result.source:
        document = to_source_shape(result.transcript, result.source)
    return json.dumps(_plain(document), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: arrays as lists, numbers that are none as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy, torch
        return _plain(value.tolist())
    return str(value)
