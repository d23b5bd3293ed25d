"""Podcasting 2.0's transcript in JSON, for ``<podcast:transcript type="application/json">``.

Source: "Transcript File Format Details" of the podcast namespace:
https://github.com/Podcastindex-org/podcast-namespace
"""

from __future__ import annotations

import json

from diarize.formats import WriterOptions
from diarize.result import Result

extension = "podcast.json"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``startTime``, ``endTime``, ``speaker`` and ``body`` a segment."""
    segments = [
        {
            **({} if part.speaker is None else {"speaker": part.speaker}),
            "startTime": round(part.start, 3),
            "endTime": round(part.end, 3),
            "body": part.text,
        }
        for part in result.utterances
    ]
    document = {"version": "1.0.0", "segments": segments}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
