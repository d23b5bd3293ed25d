"""Cues that people can read: one speaker each, broken where the text breaks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from diarize.formats import WriterOptions
from diarize.result import Utterance
from diarize.text import one_line
from diarize.timeline import divided
from diarize.transcript.sentences import ends_clause, ends_sentence
from diarize.transcript.tokenize import tokens
from diarize.transcript.word_times import seconds

# Subtitling guides agree on about two lines of 42 columns; these serve where only one is given.
LINE_WIDTH = 42
LINE_COUNT = 2
# Without options Whisper's segments stay whole up to this (its longest are 30 s).
EXTREME_SECONDS = 15.0
EXTREME_WIDTH = 240
# What broadcasters ask for: 17 characters a second (BBC and Netflix: 160 to 180 words a minute),
# seven seconds at most, two frames between cues; a dash where two people share a cue.
BROADCAST = WriterOptions(
    max_line_width=LINE_WIDTH,
    max_line_count=LINE_COUNT,
    max_cue_seconds=7.0,
    max_characters_per_second=17.0,
    dashes=True,
)
CUE_GAP = 0.08
SHARED_SECONDS, BRIEF_SECONDS = 5.0, 1.2
# Cost of ending a cue after a word, beside 1 a cue: the numbers order the choices, no more.
_AFTER_SENTENCE, _AFTER_CLAUSE, _INSIDE, _TINY = 0.0, 0.35, 1.3, 0.6
_TINY_SHARE = 0.25  # a cue with less than this share of a full one looks lost
_SMALL_OVERLAP = 0.5  # seconds; cues that overlap by less are cut apart
# Seconds: what no format rounds to nothing, and how long a cue stays whose words took no time.
LEAST, _SHORTEST = 0.01, 0.3


@dataclass(frozen=True)
class Cue:
    """One subtitle: times in seconds, its speaker, and its lines.

    Where two people share it, ``second`` is the other one, who speaks the last line; both lines
    begin with a dash then.
    """

    start: float
    end: float
    speaker: str | None
    lines: tuple[str, ...]
    second: str | None = None

    def voices(self) -> list[tuple[str | None, tuple[str, ...]]]:
        """Return who speaks which lines."""
        if self.second is None:
            return [(self.speaker, self.lines)]
        return [(self.speaker, self.lines[:-1]), (self.second, self.lines[-1:])]


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with the time that it takes, known or estimated, in seconds.

    On its way into a cue its text has the white space before it, and its speaker is None.
    """

    text: str
    start: float
    end: float
    probability: float | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class _Limits:
    width: int | None
    lines: int
    seconds: float
    columns: int


def width_of(text: str) -> int:
    """Return how many columns a text takes on a screen.

    Examples
    --------
    >>> width_of("abc"), width_of("你好")
    (3, 4)
    """
    return sum(
        0
        if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def cues(utterances: Iterable[Utterance], options: WriterOptions) -> list[Cue]:
    """Cut utterances into cues of one speaker each.

    An utterance without text (a bare turn) shows its speaker's name. Without any of the limits,
    utterances are not split unless they are extremely long; a single word longer than a line is
    never split. A cue that is too short for its text, by the reading speed, stays longer if there
    is room before the next one, and begins earlier if there is some after the one before.
    """
    limits = _limits(options)
    shown: list[Cue] = []
    for utterance in utterances:
        if not utterance.text:
            name = one_line(utterance.speaker or "")
            shown.append(Cue(utterance.start, utterance.end, utterance.speaker, (name,)))
            continue
        for speaker, pieces in _runs(utterance):
            previous = shown[-1].speaker if shown else None
            widest = _lead(speaker, None, options.speaker_prefix)
            for start, stop in _partition(pieces, widest, limits):
                lead = _lead(speaker, previous, options.speaker_prefix)
                part = pieces[start:stop]
                lines = _lines(lead, [piece.text for piece in part], limits)
                begin = part[0].start
                end = max(begin, max(piece.end for piece in part))
                if options.max_cue_seconds is not None:
                    end = min(end, begin + options.max_cue_seconds)
                shown.append(Cue(begin, end, speaker, tuple(lines)))
                previous = speaker
    shown = _lasting(_apart(shown))
    if options.dashes:
        shown = _shared(shown, limits)
    if options.max_characters_per_second is not None:
        shown = _readable(shown, options.max_characters_per_second, options.max_cue_seconds)
    return shown


def timed_words(utterance: Utterance) -> list[TimedWord]:
    """Return an utterance's words without white space, with times and speakers.

    What a recogniser calls one word may hold a space: its parts share its time by their lengths.
    """
    found = []
    for speaker, pieces in _runs(utterance):
        for piece in pieces:
            parts = piece.text.split()
            times = divided(piece.start, piece.end, list(map(len, parts)))
            for part, time in zip(parts, times, strict=True):
                found.append(TimedWord(part, time.start, time.end, piece.probability, speaker))
    return found


def _limits(options: WriterOptions) -> _Limits:
    width, count = options.max_line_width, options.max_line_count
    longest = options.max_cue_seconds
    if width is None and count is None:
        return _Limits(None, 1, longest or EXTREME_SECONDS, EXTREME_WIDTH)
    width = width or LINE_WIDTH
    count = count or LINE_COUNT
    return _Limits(width, count, longest or float("inf"), width * count)


def _lead(speaker: str | None, previous: str | None, prefix: str) -> str:
    """Return what stands before a cue's first word."""
    if speaker is None or prefix == "never" or (prefix == "on-change" and speaker == previous):
        return ""
    return f"{one_line(speaker)}: "


def _runs(utterance: Utterance) -> list[tuple[str | None, list[TimedWord]]]:
    """Return an utterance's words by speaker; words of nobody go with those before them."""
    timed = _timed(utterance)
    if timed is None:
        return [(utterance.speaker, _estimated(utterance))]
    owners: list[str | None] = []
    for word in utterance.words:
        fallback = owners[-1] if owners else utterance.speaker
        owners.append(word.get("speaker") or fallback)
    runs = []
    for speaker, group in groupby(range(len(timed)), key=owners.__getitem__):
        pieces = [timed[place] for place in group if timed[place].text.strip()]
        if pieces:
            runs.append((speaker, pieces))
    return runs


def _timed(utterance: Utterance) -> list[TimedWord] | None:
    """Return the utterance's own words, or None where they do not make up its text."""
    words = utterance.words
    spaced = any(str(word.get("word", ""))[:1].isspace() for word in words[1:])
    joiner = "" if spaced or utterance.text.count(" ") == 0 else " "
    texts = [joiner + str(word.get("word", "")) for word in words]
    if not words or one_line("".join(texts)) != utterance.text:
        return None
    pieces, clock = [], utterance.start
    for text, word in zip(texts, words, strict=True):
        start, end = seconds(word.get("start")), seconds(word.get("end"))
        start = clock if start is None else max(clock, start)
        end = start if end is None else max(start, end)
        pieces.append(TimedWord(text, start, end, seconds(word.get("probability"))))
        clock = start
    return pieces


def _estimated(utterance: Utterance) -> list[TimedWord]:
    """Return the words of a text, each with its share of the utterance's time."""
    texts = tokens(utterance.text)
    times = divided(utterance.start, utterance.end, list(map(len, texts)))
    return [TimedWord(text, time.start, time.end) for text, time in zip(texts, times, strict=True)]


def _partition(pieces: Sequence[TimedWord], lead: str, limits: _Limits) -> list[tuple[int, int]]:
    """Cut words into cues: as few as may be, ended where the text allows it best."""
    count = len(pieces)
    if _fits(pieces, lead, limits):
        return [(0, count)]
    best = [0.0] + [float("inf")] * count
    origin = [0] * (count + 1)
    for start in range(count):
        for stop in range(start + 1, count + 1):
            if stop > start + 1 and not _fits(pieces[start:stop], lead, limits):
                break
            cost = best[start] + 1.0 + _end_cost(pieces, start, stop, limits)
            if cost < best[stop]:
                best[stop], origin[stop] = cost, start
    ranges, stop = [], count
    while stop:
        ranges.append((origin[stop], stop))
        stop = origin[stop]
    return ranges[::-1]


def _fits(part: Sequence[TimedWord], lead: str, limits: _Limits) -> bool:
    if max(piece.end for piece in part) - part[0].start > limits.seconds:
        return False
    texts = [piece.text for piece in part]
    if limits.width is None:
        return width_of(lead + "".join(texts).strip()) <= limits.columns
    return len(_wrap(lead, texts, limits.width)) <= limits.lines


def _end_cost(pieces: Sequence[TimedWord], start: int, stop: int, limits: _Limits) -> float:
    """Return how badly a cue over these words ends."""
    text = "".join(piece.text for piece in pieces[start:stop])
    cost = _TINY if width_of(text.strip()) < _TINY_SHARE * limits.columns else 0.0
    if stop == len(pieces):
        return cost if start else 0.0
    last = pieces[stop - 1].text
    if ends_sentence(last):
        return cost + _AFTER_SENTENCE
    return cost + (_AFTER_CLAUSE if ends_clause(last) else _INSIDE)


def _wrap(lead: str, texts: Sequence[str], width: int) -> list[str]:
    """Fill lines with words, greedily."""
    lines = [lead + texts[0].strip()]
    for text in texts[1:]:
        if width_of(lines[-1]) + width_of(text) <= width:
            lines[-1] += text
        else:
            lines.append(text.strip())
    return [line.rstrip() for line in lines]


def _lines(lead: str, texts: Sequence[str], limits: _Limits) -> list[str]:
    """Return a cue's lines, as even as the number of lines allows."""
    if limits.width is None:
        return [one_line(lead + "".join(texts).strip())]
    lines = _wrap(lead, texts, limits.width)
    narrow = limits.width
    while narrow > limits.width // 2:
        narrow -= 1
        tighter = _wrap(lead, texts, narrow)
        if len(tighter) > len(lines):
            break
        lines = tighter
    return [one_line(line) for line in lines]


def _apart(shown: Sequence[Cue]) -> list[Cue]:
    """End each cue before the next begins, where they overlap by a little."""
    result = list(shown)
    for place in range(len(result) - 1):
        this, following = result[place], result[place + 1]
        if 0 < this.end - following.start <= _SMALL_OVERLAP and following.start > this.start:
            result[place] = replace(this, end=following.start)
    return result


def _lasting(shown: Sequence[Cue]) -> list[Cue]:
    """Let cues that last no time stay for a moment, if there is one before the next begins."""
    result = list(shown)
    for place, cue in enumerate(result):
        if cue.end - cue.start < LEAST:
            later = result[place + 1].start if place + 1 < len(result) else float("inf")
            end = max(cue.start + LEAST, min(cue.start + _SHORTEST, later))
            result[place] = replace(cue, end=end)
    return result


def _shared(shown: Sequence[Cue], limits: _Limits) -> list[Cue]:
    """Put short cues of two people together, where one follows the other closely or interrupts."""
    width = limits.width or LINE_WIDTH
    result: list[Cue] = []
    for cue in shown:
        last = result[-1] if result else None
        if last is not None and _can_share(last, cue, width, min(limits.seconds, SHARED_SECONDS)):
            lines = (f"- {last.lines[0]}", f"- {cue.lines[0]}")
            end = max(last.end, cue.end)
            result[-1] = Cue(last.start, end, last.speaker, lines, second=cue.speaker)
        else:
            result.append(cue)
    return result


def _can_share(one: Cue, other: Cue, width: int, longest: float) -> bool:
    close = other.start - one.end <= _SMALL_OVERLAP
    brief = min(one.end - one.start, other.end - other.start) < BRIEF_SECONDS
    return (
        one.second is None
        and None not in (one.speaker, other.speaker)
        and one.speaker != other.speaker
        and len(one.lines) == len(other.lines) == 1
        and max(width_of(one.lines[0]), width_of(other.lines[0])) + 2 <= width
        and max(one.end, other.end) - one.start <= longest
        and close
        and (brief or other.start < one.end)
    )


def _readable(shown: Sequence[Cue], speed: float, longest: float | None) -> list[Cue]:
    """Let cues stay, and come, as long as reading them takes, without touching their neighbours."""
    result = list(shown)
    for place, cue in enumerate(result):
        needed = sum(map(width_of, cue.lines)) / speed
        needed = needed if longest is None else min(needed, longest)
        if needed > cue.end - cue.start:
            later = result[place + 1].start if place + 1 < len(result) else float("inf")
            end = max(cue.end, min(cue.start + needed, later - CUE_GAP))
            before = result[place - 1].end if place else -CUE_GAP
            start = min(cue.start, max(end - needed, before + CUE_GAP, 0.0))
            result[place] = replace(cue, start=start, end=end)
    return result
