"""Finding the cues of a subtitle file, be they written by the book or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from diarize.errors import TranscriptError

_CLOCK = r"-?(?:\d+ ?: ?)?\d{1,2} ?: ?\d{1,2}(?:[.,]\d{1,9})?"
_ARROW = r"(?:[-\u2010-\u2015\u2212]{1,3}>|→)"
_SETTINGS = r"(?:\s+[A-Za-z]\w*:\S+)*"
_TIMING = re.compile(  # text editors turn the hyphens of the arrow into dashes
    rf"^\s*(?P<start>{_CLOCK})\s*(?:{_ARROW}|,(?=\d+:\d+:))"
    rf"(?:\s*(?P<end>{_CLOCK})(?:[ \t]+(?P<settings>(?!\d+:)\S.*))?|{_SETTINGS})\s*$"
)
_STAMP = r"\d+ ?: ?\d+ ?(?:: ?\d+(?:[.,:;]\d+)?|[.,]\d{3})"
_WORD = r"[^\s\[]\S*"
_BROKEN = re.compile(
    rf"^\s*(?:-?\d+ ?: ?\d.*-->|-->\s*-?\d+:\d|{_WORD}\s*-->\s*{_STAMP}{_SETTINGS}\s*$)"
)
# A clock, and another or a word: times where a cue begins, text elsewhere. Without hours and
# milliseconds it is a time of day; in brackets, a time of another format.
_STAMPS = re.compile(
    rf"^\s*(?:{_STAMP}[\W_]+{_STAMP}|{_STAMP}\s*{_ARROW}\s*\S+|{_WORD}\s*{_ARROW}\s*{_STAMP})"
    rf"{_SETTINGS}\s*$"
)
_BEGINS = re.compile(r"^\s*\d*\s*$")
# Short repetitions between two cues: how YouTube lets a line scroll up (seconds).
_BLINK = 0.05
_ADJACENT = 0.1
_ROLLED_SHARE = 0.3


@dataclass(frozen=True)
class Cue:
    """One cue as it stands in the file.

    ``line`` is the number of its line of times, counted from 1; times are in seconds, the end None
    where it is not written. ``name`` is the line above the times, if it belongs to the cue,
    ``settings`` what follows them, and ``lines`` the text as written, without empty lines.
    """

    line: int
    start: float
    end: float | None
    name: str
    settings: str
    lines: tuple[str, ...]


def lines_of(source: str) -> list[str]:
    """Return a file's lines, whatever system wrote it; other separators are text."""
    return re.split(r"\r\n|\r|\n", source)


def is_timing(line: str) -> bool:
    """Return whether a line holds a cue's times."""
    return _TIMING.match(line) is not None


def is_broken_timing(line: str, before: str = "") -> bool:
    """Return whether a line tries to hold a cue's times, and cannot be read.

    ``before`` is the line above it.
    """
    if is_timing(line):
        return False
    return bool(_BROKEN.match(line) or (_BEGINS.match(before) and _STAMPS.match(line)))


def find_cues(lines: Sequence[str], *, named: bool) -> list[Cue]:
    """Return the cues of a file.

    A cue begins at its line of times and lasts until the next one, so that empty lines inside a
    cue, and missing ones between cues, lose nothing. The line above the times may be its name where
    cues are ``named`` (WebVTT), else only its number (SubRip).

    Raises
    ------
    TranscriptError
        If a line of times cannot be read.
    """
    places = []
    for place, line in enumerate(lines):
        if is_timing(line):
            places.append(place)
        elif is_broken_timing(line, lines[place - 1] if place else ""):
            raise TranscriptError(
                f"line {place + 1}: {line.strip()!r} are no times of a subtitle; write them like "
                "00:01:02,500 --> 00:01:04,000, or take the subtitle out"
            )
    tops = _tops(lines, places, named)
    cues = []
    for place, top, following in zip(places, tops, [*tops[1:], len(lines)], strict=False):
        match = _TIMING.match(lines[place])
        assert match is not None
        if following == len(lines):
            following = _without_leftover(lines, place, lines[top].strip())
        inside = lines[place + 1 : following]
        cues.append(
            Cue(
                line=place + 1,
                start=_seconds(match["start"]),
                end=None if match["end"] is None else _seconds(match["end"]),
                name=lines[top].strip() if top < place else "",
                settings=(match["settings"] or "").strip(),
                lines=tuple(line for line in inside if line.strip()),
            )
        )
    return cues


def _without_leftover(lines: Sequence[str], place: int, number: str) -> int:
    """Return where the last cue ends: before the number of one that was cut off."""
    stop = len(lines)
    while stop > place + 1 and not lines[stop - 1].strip():
        stop -= 1
    left_over = (
        stop - 3 > place
        and number.isdecimal()
        and lines[stop - 1].strip() == str(int(number) + 1)
        and not lines[stop - 2].strip()
    )
    return stop - 1 if left_over else len(lines)


def untimed(lines: Sequence[str], cues: Sequence[Cue]) -> list[str]:
    """Return the warning for text before the first cue, which has no time."""
    stop = cues[0].line - 1 - bool(cues[0].name) if cues else len(lines)
    found = [place for place in range(stop) if lines[place].strip("\ufeff \t")]
    return [
        f"line {first + 1}: {lines[first].strip()!r:.60} stands before any time and is left out"
        for first in found[:1]
    ]


def _tops(lines: Sequence[str], places: Sequence[int], named: bool) -> list[int]:
    """Return the first line of each cue: that of its number or name, else that of its times."""
    tops: list[int] = []
    count: int | None = None
    for order, place in enumerate(places):
        above = places[order - 1] + 1 if order else 0
        filled = [at for at in range(above, place) if lines[at].strip()]
        top = place
        if filled:
            at = filled[-1]
            text = lines[at].strip().lstrip("\ufeff")
            separate = at == place - 1 and (at == 0 or not lines[at - 1].strip())
            counts = text.isdecimal() and (not order or count is not None)
            follows = counts and count is not None and int(text) == count + 1
            names = named and separate and not text.startswith("WEBVTT")
            if names or follows or (counts and (at == place - 1 or not order)):
                top = at
                count = int(text) if text.isdecimal() else count
        tops.append(top)
    return tops


def _seconds(clock: str) -> float:
    """Read ``[-][H:]M:S[,fraction]``; one digit after the comma is tenths.

    Examples
    --------
    >>> _seconds("00:00:09,2"), _seconds("1:02.5"), _seconds("-00:00:00,015")
    (9.2, 62.5, -0.015)
    """
    sign = -1.0 if clock.startswith("-") else 1.0
    seconds = 0.0
    for part in clock.lstrip("-").replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return sign * round(seconds, 6)


def without_rolled(cues: Sequence[Cue], texts: Sequence[list[str]]) -> list[int]:
    """Return how many of each cue's first lines merely stand there from the cue before.

    Captions that roll up show a line twice or more: first as it is spoken, then above the next.
    Somebody who says the same again is told from that by the file as a whole: in one that rolls,
    many cues begin with lines of the one before *and* go on with new ones. ``texts`` are the lines
    of each cue without markup.
    """
    repeated = [0] * len(cues)
    for place in range(1, len(cues)):
        before, this = cues[place - 1], cues[place]
        end = before.start if before.end is None else before.end
        if this.start - end <= _ADJACENT and this.start >= before.start:
            repeated[place] = _overlap(texts[place - 1], texts[place])
    rolled = sum(0 < count < len(text) for count, text in zip(repeated, texts, strict=True))
    blinks = sum(
        count == len(text) > 0 and cue.end is not None and cue.end - cue.start <= _BLINK
        for count, text, cue in zip(repeated, texts, cues, strict=True)
    )
    several = sum(len(text) > 1 for text in texts)
    rolls = (rolled >= 2 or (rolled and blinks)) and rolled >= _ROLLED_SHARE * several
    return repeated if rolls else [0] * len(cues)


def _overlap(before: list[str], after: list[str]) -> int:
    """Return how many lines end one text and begin the next."""
    counts = range(min(len(before), len(after)), 0, -1)
    return next((count for count in counts if before[-count:] == after[:count]), 0)
