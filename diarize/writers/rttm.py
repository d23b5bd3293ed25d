"""RTTM, the exchange format of diarization."""

from __future__ import annotations

from diarize.formats import WriterOptions
from diarize.result import Result

extension = "rttm"


def render(result: Result, options: WriterOptions) -> str:
    """Return the turns, overlapping ones as they are unless ``options.exclusive``."""
    diarization = result.diarization
    return (diarization.exclusive() if options.exclusive else diarization).to_rttm()
