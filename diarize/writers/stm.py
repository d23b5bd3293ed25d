"""STM, the segment time marks of NIST's scoring tools.

Source: SCTK documentation, "STM format": https://github.com/usnistgov/SCTK/blob/master/doc/infmts.htm
"""

from __future__ import annotations

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.rttm import rttm_field
from diarize.writers.base import UNKNOWN

extension = "stm"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``recording channel speaker start end text``; spaces in names become ``_``."""
    uri = rttm_field(result.diarization.uri)
    return "".join(
        f"{uri} 1 {rttm_field(part.speaker or UNKNOWN)} {part.start:.3f} {part.end:.3f} "
        f"{part.text}".rstrip()
        + "\n"
        for part in result.utterances
    )
