"""SubRip subtitles."""

from __future__ import annotations

from diarize.transcript.readers.common import Data, Format, finish, make_segment
from diarize.transcript.readers.cues import (
    Cue,
    find_cues,
    is_broken_timing,
    is_timing,
    lines_of,
    without_rolled,
)
from diarize.transcript.readers.labels import take_labels
from diarize.transcript.readers.markup import join_lines, plain_text


def _matches(source: object) -> bool:
    if not isinstance(source, str):
        return False
    first = [line for line in lines_of(source[:4000]) if line.strip("\ufeff \t")][:8]
    return any(is_timing(line) or is_broken_timing(line) for line in first)


def _read(source: str) -> Data:
    lines = lines_of(source)
    cues = find_cues(lines, named=False)
    texts = [_lines(cue, last=cue is cues[-1]) for cue in cues]
    segments: list[Data] = []
    for cue, text, rolled in zip(cues, texts, without_rolled(cues, texts), strict=True):
        if text[rolled:]:
            said = {"text": join_lines(text[rolled:])}
            segments.append(make_segment({}, len(segments), start=cue.start, end=cue.end, **said))
    return finish({}, take_labels(segments))


def _lines(cue: Cue, *, last: bool) -> list[str]:
    """Return a cue's text; a number left over at the end of a file that was cut is none."""
    lines = [plain_text(line, entities=False) for line in cue.lines]
    number = cue.name.isdecimal() and last and str(int(cue.name) + 1)
    return [line for line in (lines[:-1] if lines and lines[-1] == number else lines) if line]


FORMAT = Format("srt", "SRT subtitles", _matches, _read)
