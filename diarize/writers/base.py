"""What writers share: times, shares of talk, tiers, text that XML can hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diarize.annotation import Diarization
from diarize.result import Result, Utterance
from diarize.text import milliseconds, one_line, stamp
from diarize.timeline import union

UNKNOWN = "Unknown"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and whole seconds.

    Examples
    --------
    >>> clock(3725.9)
    '01:02:05'
    """
    return stamp(int(seconds)).partition(".")[0]


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


def xml_line(text: str) -> str:
    """Return a text on one line, without the characters that XML cannot hold."""
    return one_line(_NOT_XML.sub(" ", text))


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
        if row and end <= start:
            last = row.pop()
            text = f"{last.text} {part.text}".strip()
            row.append(Utterance(last.start, last.end, last.speaker, text))
        else:
            end = end if end > start else start + 0.001
            row.append(Utterance(start, end, part.speaker, part.text))
    return rows


def end_of(result: Result, rows: Sequence[Utterance]) -> float:
    """Return the recording's end in seconds, or that of the last utterance if that is later."""
    last = max((part.end for part in rows), default=0.0)
    return max(milliseconds(result.diarization.duration) / 1000, last, 0.001)
