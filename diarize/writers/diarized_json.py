"""What OpenAI's API answers to ``response_format=diarized_json``.

Source: OpenAI API reference, "Create transcription", the diarized transcription object:
https://platform.openai.com/docs/api-reference/audio/diarized-json-object
"""

from __future__ import annotations

import json

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.transcript.schema import join_texts
from diarize.writers.base import UNKNOWN

extension = "diarized_json.json"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``{task, duration, text, segments: [{type, id, start, end, text, speaker}]}``."""
    duration = round(result.diarization.duration, 3)
    segments = [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03d}",
            "start": round(part.start, 3),
            "end": round(part.end, 3),
            "text": part.text,
            "speaker": part.speaker or UNKNOWN,
        }
        for number, part in enumerate(result.utterances, start=1)
    ]
    document = {
        "task": "transcribe",
        "duration": duration,
        "text": join_texts(segments),
        "segments": segments,
        "usage": {"type": "duration", "seconds": round(duration)},
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
