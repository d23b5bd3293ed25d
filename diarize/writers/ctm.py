"""CTM, the word time marks of NIST's scoring tools.

Source: SCTK documentation, "CTM format": https://github.com/usnistgov/SCTK/blob/master/doc/infmts.htm
"""

from __future__ import annotations

from itertools import groupby

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.rttm import rttm_field
from diarize.writers.base import UNKNOWN
from diarize.writers.cues import LEAST, timed_words

extension = "ctm"


def render(result: Result, options: WriterOptions) -> str:
    """Return ``recording channel start duration word [confidence]``, a word a line.

    CTM has no place for a speaker: a comment names the one of the words below it.
    """
    uri = rttm_field(result.diarization.uri)
    rows = []
    for part in result.utterances:
        if not part.text:
            rows.append((part.speaker or UNKNOWN, ""))
        for word in timed_words(part):
            duration = max(LEAST, word.end - word.start)
            mark = f"{uri} 1 {word.start:.3f} {duration:.3f} {word.text}"
            sure = "" if word.probability is None else f" {word.probability:.4f}"
            rows.append((word.speaker or UNKNOWN, f"{mark}{sure}\n"))
    return "".join(
        f";; speaker {name}\n" + "".join(row for _, row in group)
        for name, group in groupby(rows, key=lambda row: row[0])
    )
