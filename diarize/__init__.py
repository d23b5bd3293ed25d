"""Who said what: speaker diarization that puts the right person's name on every word.

>>> from diarize import diarize, Diarizer, label_transcript
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
    from diarize.pipeline.diarizer import Diarizer, diarize
    from diarize.speakers.segments import identify_segments
    from diarize.timeline import Segment, Turn
    from diarize.transcript.assign import label_transcript
    from diarize.transcript.readers import read_transcript

__all__ = [
    "Candidate",
    "Diarization",
    "DiarizeError",
    "Diarizer",
    "Segment",
    "Speaker",
    "Turn",
    "__version__",
    "diarize",
    "identify_segments",
    "label_transcript",
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
    "Diarizer": "diarize.pipeline.diarizer",
    "diarize": "diarize.pipeline.diarizer",
    "identify_segments": "diarize.speakers.segments",
    "label_transcript": "diarize.transcript.assign",
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
