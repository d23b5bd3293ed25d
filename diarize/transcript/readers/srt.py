"""SubRip subtitles, read with pysrt."""

from __future__ import annotations

import re

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import Data, Format, finish, make_segment
from diarize.transcript.readers.labels import set_text

_TIMING = re.compile(r"^\s*\d{1,3}:\d{2}:\d{2}[,.]\d{1,3}\s*-->\s*\d", re.MULTILINE)


def _matches(source: object) -> bool:
    return isinstance(source, str) and bool(_TIMING.search(source[:4000]))


def _read(source: str) -> Data:
    import pysrt

    items = pysrt.from_string(source, error_handling=pysrt.SubRipFile.ERROR_PASS)
    if not items:
        raise TranscriptError("looks like SRT subtitles, but no cue in it can be read")
    segments = []
    for index, item in enumerate(items):
        text = " ".join(item.text_without_tags.split())
        start, end = item.start.ordinal / 1000, item.end.ordinal / 1000
        segments.append(set_text(make_segment({}, index, start=start, end=end), text))
    lost = len(_TIMING.findall(source)) - len(items)
    warnings = [f"{lost} subtitle(s) could not be read and are left out"] if lost > 0 else []
    return finish({"warnings": warnings} if warnings else {}, segments)


FORMAT = Format("srt", "SRT subtitles", _matches, _read)
