"""RTTM, the exchange format of diarization."""

from __future__ import annotations

from diarize.formats import WriterOptions
from diarize.result import Result


class RttmWriter:
    """Writes the turns, overlapping ones as they are unless ``options.exclusive``."""

    extension = "rttm"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the file's text."""
        diarization = result.diarization
        return (diarization.exclusive() if options.exclusive else diarization).to_rttm()
