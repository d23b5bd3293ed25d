"""Who said what: speaker diarization that puts the right person's name on every word.

>>> from diarize import diarize, label_recording
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from diarize.onnx import telemetry
from diarize.version import __version__

if TYPE_CHECKING:
    from diarize.annotation import Candidate, Diarization, Speaker
    from diarize.errors import DiarizeError
    from diarize.formats import WriterOptions
    from diarize.labeler import Labeler, LabelOptions
    from diarize.result import Result
    from diarize.result_file import read_result
    from diarize.speakers.diarizer import Diarizer, diarize
    from diarize.speakers.segments import identify_segments
    from diarize.timeline import Segment, Turn
    from diarize.transcript.assign import label_transcript
    from diarize.transcript.readers import read_transcript
    from diarize.transcript.whisper import WhisperOptions
    from diarize.workflow import label_recording, label_recordings

__all__ = [
    "Candidate",
    "Diarization",
    "DiarizeError",
    "Diarizer",
    "LabelOptions",
    "Labeler",
    "Result",
    "Segment",
    "Speaker",
    "Turn",
    "WhisperOptions",
    "WriterOptions",
    "__version__",
    "diarize",
    "identify_segments",
    "label_recording",
    "label_recordings",
    "label_transcript",
    "read_result",
    "read_transcript",
]

telemetry.forbid()

# Silent unless the user sets logging up: info tells what was done, debug what each stage cost.
logging.getLogger("diarize").addHandler(logging.NullHandler())

# Public names are loaded on first use: the command line must answer before numpy has loaded.
_HOMES = {
    "Candidate": "diarize.annotation",
    "Diarization": "diarize.annotation",
    "Segment": "diarize.timeline",
    "Speaker": "diarize.annotation",
    "Turn": "diarize.timeline",
    "DiarizeError": "diarize.errors",
    "Diarizer": "diarize.speakers.diarizer",
    "diarize": "diarize.speakers.diarizer",
    "identify_segments": "diarize.speakers.segments",
    "label_transcript": "diarize.transcript.assign",
    "LabelOptions": "diarize.labeler",
    "Labeler": "diarize.labeler",
    "Result": "diarize.result",
    "WhisperOptions": "diarize.transcript.whisper",
    "WriterOptions": "diarize.formats",
    "label_recording": "diarize.workflow",
    "label_recordings": "diarize.workflow",
    "read_result": "diarize.result_file",
    "read_transcript": "diarize.transcript.readers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'diarize' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
