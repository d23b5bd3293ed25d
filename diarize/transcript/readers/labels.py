"""Speakers that other tools wrote into the text itself."""

from __future__ import annotations

import re

from diarize.transcript.readers.common import Data

# Only labels made by machines: "[SPEAKER_00]: " and "[[SPEAKER_00]]" (whisperX), "SPEAKER_00: ",
# "(speaker 0)" (whisper.cpp). "Note: …" may be text, so a word before a colon stays where it is.
_PREFIX = re.compile(
    r"""^\s*(?:
        \[{1,2}(?P<bracketed>[A-Z]+_\d+)\]{1,2}\s*:?
      | (?P<bare>SPEAKER_\d+)\s*:
      | \(speaker\ (?P<numbered>\d+|\?)\)
    )\s*""",
    re.VERBOSE,
)


def split_speaker(text: str) -> tuple[str | None, str]:
    """Take a machine's speaker label off the front of a text.

    Examples
    --------
    >>> split_speaker("[SPEAKER_01]: Hello.")
    ('SPEAKER_01', 'Hello.')
    >>> split_speaker("Note: this stays.")
    (None, 'Note: this stays.')
    """
    match = _PREFIX.match(text)
    if match is None:
        return None, text
    label = match["bracketed"] or match["bare"] or match["numbered"]
    return label, text[match.end() :]


def set_text(segment: Data, text: str) -> Data:
    """Put a text into a segment, and a label at its front into ``original_speaker``; in place."""
    speaker, segment["text"] = split_speaker(text)
    if speaker is not None:
        segment.setdefault("original_speaker", speaker)
    return segment
