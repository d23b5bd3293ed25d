"""SegLST, the JSON list of utterances that MeetEval and CHiME use."""

from __future__ import annotations

import json

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.rttm import rttm_field
from diarize.writers.base import UNKNOWN

extension = "seglst.json"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``session_id``, ``speaker``, ``start_time``, ``end_time``, ``words`` a segment."""
    session = rttm_field(result.diarization.uri)
    rows = [
        {
            "session_id": session,
            "speaker": part.speaker or UNKNOWN,
            "start_time": round(part.start, 3),
            "end_time": round(part.end, 3),
            "words": part.text,
        }
        for part in result.utterances
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
