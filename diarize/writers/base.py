"""What all writers share: their protocol, their options, times and tiers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from diarize.annotation import Diarization
from diarize.result import Result, Utterance
from diarize.timeline import union
from diarize.writers.cues import Cue, cues

UNKNOWN = "Unknown"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How results are written.

    Parameters
    ----------
    speaker_prefix : {"always", "on-change", "never"}
        When a subtitle begins with its speaker's name.
    max_line_width : int or None
        Columns in a subtitle line (a CJK character takes two).
    max_line_count : int or None
        Lines in a subtitle.
    max_cue_seconds : float or None
        Seconds a subtitle stays.
    max_characters_per_second : float or None
        Reading speed: subtitles that are shown too shortly stay longer, where there is room.
    dashes : bool
        Two speakers share a subtitle, each on a line after a dash, where both say little.
    exclusive : bool
        Write RTTM without overlaps.
    mark_unsure : bool
        Put a ``?`` behind a name in text formats where the turn does not sound like the person.
    json_shape : {"whisper", "source"}
        ``source``: JSON as the producer of the transcript wrote it, with ``speaker`` added.
    """

    speaker_prefix: str = "always"
    max_line_width: int | None = None
    max_line_count: int | None = None
    max_cue_seconds: float | None = None
    max_characters_per_second: float | None = None
    dashes: bool = False
    exclusive: bool = False
    mark_unsure: bool = False
    json_shape: str = "whisper"


class Writer(Protocol):
    """Renders a result in one format.

    Attributes
    ----------
    extension : str
        What the file's name ends with, without the dot before it.
    """

    extension: str

    def render(self, result: Result, options: WriterOptions) -> str | bytes:
        """Return the whole file, as text or, where the format is binary, as bytes."""
        ...


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and whole seconds.

    Examples
    --------
    >>> clock(3725.9)
    '01:02:05'
    """
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def talk_shares(diarization: Diarization) -> list[tuple[str, float, float, int]]:
    """Return each speaker's name, seconds of talk, share of all talk, and number of turns.

    Who talks most comes first. Clusters with the same name count as one speaker.
    """
    talk: dict[str, float] = {}
    turns: dict[str, int] = {}
    for label in diarization.labels:
        name = diarization.display(label)
        mine = [turn.segment for turn in diarization.turns if turn.speaker == label]
        talk[name] = talk.get(name, 0.0) + sum(part.duration for part in union(mine))
        turns[name] = turns.get(name, 0) + len(mine)
    total = sum(talk.values())
    return [
        (name, seconds, seconds / total if total else 0.0, turns[name])
        for name, seconds in sorted(talk.items(), key=lambda item: -item[1])
    ]


def cues_of(result: Result, options: WriterOptions, prefix: str | None = None) -> list[Cue]:
    """Return a result's cues as the options ask for; ``prefix`` goes before theirs."""
    return cues(
        result.utterances,
        prefix=prefix or options.speaker_prefix,
        max_line_width=options.max_line_width,
        max_line_count=options.max_line_count,
        max_cue_seconds=options.max_cue_seconds,
        max_characters_per_second=options.max_characters_per_second,
        dashes=options.dashes,
    )


def xml_text(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NOT_XML.sub(" ", text)


def milliseconds(seconds: float) -> int:
    """Return a time in whole milliseconds."""
    return round(seconds * 1000)


def tiers(result: Result) -> dict[str, list[Utterance]]:
    """Return each speaker's utterances, clipped so that none of one speaker overlap.

    Annotation editors allow neither overlaps nor empty stretches within a tier. An utterance that
    has no room left gives its text to the one before it.
    """
    rows: dict[str, list[Utterance]] = {name or UNKNOWN: [] for name in result.speakers_shown()}
    for part in sorted(result.utterances, key=lambda part: (part.start, part.end)):
        row = rows[part.speaker or UNKNOWN]
        start, end = milliseconds(part.start) / 1000, milliseconds(part.end) / 1000
        if row:
            start = max(start, row[-1].end)
        if end > start:
            row.append(Utterance(start, end, part.speaker, part.text))
        elif row:
            last = row.pop()
            text = f"{last.text} {part.text}".strip()
            row.append(Utterance(last.start, last.end, last.speaker, text))
        else:
            row.append(Utterance(start, start + 0.001, part.speaker, part.text))
    return rows


def end_of(result: Result, rows: Sequence[Utterance]) -> float:
    """Return the recording's end in seconds, or that of the last utterance if that is later."""
    last = max((part.end for part in rows), default=0.0)
    return max(milliseconds(result.diarization.duration) / 1000, last, 0.001)
