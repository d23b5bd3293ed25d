"""SubRip subtitles."""

from __future__ import annotations

from diarize.transcript.readers.common import Data, Format, finish, make_segment
from diarize.transcript.readers.cues import (
    find_cues,
    is_broken_timing,
    is_timing,
    lines_of,
    untimed,
    without_rolled,
)
from diarize.transcript.readers.labels import take_labels
from diarize.transcript.readers.markup import join_lines, plain_text


def _matches(source: str) -> bool:
    first = [line for line in lines_of(source[:4000]) if line.strip("\ufeff \t")][:8]
    return any(is_timing(line) or is_broken_timing(line) for line in first)


def _read(source: str) -> Data:
    lines = lines_of(source)
    cues = find_cues(lines, named=False)
    plain = ([plain_text(line, entities=False) for line in cue.lines] for cue in cues)
    texts = [[line for line in text if line] for text in plain]
    segments: list[Data] = []
    for cue, text, rolled in zip(cues, texts, without_rolled(cues, texts), strict=True):
        if text[rolled:]:
            said = {"text": join_lines(text[rolled:])}
            segments.append(make_segment({}, len(segments), start=cue.start, end=cue.end, **said))
    return finish({}, take_labels(segments), warnings=untimed(lines, cues))


FORMAT = Format("srt", "SRT subtitles", _matches, _read)
