"""Give a stretch of time, with its turns and its words, to another speaker."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diarize.annotation import Diarization, Speaker
from diarize.result import Result
from diarize.timeline import Segment, Turn, difference, union
from diarize.transcript.segments import renumber, runs_of, split_segment

# What would be left of a turn, shorter than these seconds, goes along: it holds no word.
SLIVER = 0.2


@dataclass(frozen=True)
class Move:
    """What moves to the target: what ``source`` says in a span, or everybody where it is None."""

    span: Segment
    target: Speaker
    source: Speaker | None = None

    def takes(self, speaker: object, start: float, end: float) -> bool:
        """Return whether a word or segment moves: by its speaker's name, and its middle."""
        mine = self.source is None or speaker == self.source.display
        return mine and 0.5 * (start + end) in self.span


def reassign(result: Result, move: Move) -> Result:
    """Return a result in which the target speaks within the span.

    Turns are cut at the span's ends, and segments of the transcript before and after the words
    that move; a word moves if its middle lies in the span. Where nobody was heard in the span, the
    target gets a new turn.
    """
    before = result.diarization
    turns = _moved_turns(before, move)
    present, had = {turn.speaker for turn in turns}, {turn.speaker for turn in before.turns}
    speakers = [one for one in before.speakers if one.label in present or one.label not in had]
    if move.target not in speakers and move.target.label in present:
        speakers.append(move.target)
    vectors = {key: value for key, value in before.embeddings.items() if key in present}
    after = replace(before, turns=turns, speakers=speakers, embeddings=vectors)
    transcript = result.transcript and _moved_transcript(result.transcript, move)
    return replace(result, diarization=after, transcript=transcript)


def _moved_turns(diarization: Diarization, move: Move) -> list[Turn]:
    target, span = move.target.label, move.span
    same: list[Turn] = []
    changed: list[Turn] = []
    moved: list[Segment] = []
    for turn in diarization.turns:
        part = turn.segment & span
        if not part or (move.source and turn.speaker != move.source.label):
            same.append(turn)
        elif turn.speaker == target:
            same.append(replace(turn, unsure=False))
        else:
            start = turn.start if part.start - turn.start < SLIVER else part.start
            end = turn.end if turn.end - part.end < SLIVER else part.end
            moved.append(Segment(start, end))
            if start > turn.start:
                changed.append(replace(turn, end=start))
            if end < turn.end:
                changed.append(replace(turn, start=end))
    silent = not any(turn.segment & span for turn in diarization.turns)
    if silent and move.source is None:
        moved.append(Segment(span.start, min(span.end, max(span.start, diarization.duration))))
    own = [turn.segment for turn in same if turn.speaker == target]
    changed += [Turn(part.start, part.end, target) for part in difference(union(moved), own)]
    everything = same + changed

    def overlapped(turn: Turn) -> bool:
        return any(
            other.speaker != turn.speaker and other.start < turn.end and turn.start < other.end
            for other in everything
        )

    return same + [replace(turn, overlap=overlapped(turn)) for turn in changed]


def _moved_transcript(transcript: Mapping[str, Any], move: Move) -> dict[str, Any]:
    before = transcript.get("segments") or ()
    moving = [_moving_words(segment, move) for segment in before]
    segments = [
        piece
        for segment, inside in zip(before, moving, strict=True)
        for piece in _moved_segment(segment, inside, move)
    ]
    if len(segments) > len(before):
        renumber(segments)
    flags = list(itertools.chain.from_iterable(moving))
    changed = {**transcript, "segments": segments}
    for key in ("word_segments", "words"):
        flat = transcript.get(key)
        if isinstance(flat, list) and len(flat) == len(flags):
            changed[key] = [
                _given(word, move) if flag and isinstance(word, Mapping) else word
                for word, flag in zip(flat, flags, strict=True)
            ]
    return changed


def _moving_words(segment: Mapping[str, Any], move: Move) -> list[bool]:
    """Say of each word of a segment whether it moves; one without a time does as the one before."""
    start = end = _seconds(segment, "start", 0.0)
    moving = []
    for word in segment.get("words") or ():
        if word.get("start") is not None and word.get("end") is not None:
            start, end = float(word["start"]), float(word["end"])
        moving.append(move.takes(word.get("speaker") or segment.get("speaker"), start, end))
    return moving


def _moved_segment(
    segment: Mapping[str, Any], moving: Sequence[bool], move: Move
) -> list[dict[str, Any]]:
    """Return a segment, or its pieces, after the move."""
    if not moving:
        start, end = _seconds(segment, "start", 0.0), _seconds(segment, "end", 0.0)
        moves = move.takes(segment.get("speaker"), start, end)
        return [_given(segment, move) if moves else dict(segment)]
    if not any(moving):
        return [dict(segment)]
    words = [
        _given(word, move) if flag else word
        for word, flag in zip(segment["words"], moving, strict=True)
    ]
    texts = [str(word.get("word", "")) for word in words]
    runs = runs_of([int(flag) for flag in moving])
    pieces = split_segment({**segment, "words": words}, texts, _bounds(segment), runs)
    return [
        _given(piece, move) if run.speaker else dict(piece)
        for piece, run in zip(pieces, runs, strict=True)
    ]


def _bounds(segment: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return the times of a segment's words; one without is where the one before ended."""
    clock = _seconds(segment, "start", 0.0)
    bounds = []
    for word in segment["words"]:
        start = _seconds(word, "start", clock)
        clock = _seconds(word, "end", start)
        bounds.append((start, clock))
    return bounds


def _seconds(item: Mapping[str, Any], key: str, default: float) -> float:
    value = item.get(key)
    return default if value is None else float(value)


def _given(item: Mapping[str, Any], move: Move) -> dict[str, Any]:
    """Return a segment or word of the target's; a person has settled whose it is."""
    changed = {**item, "speaker": move.target.display}
    changed.pop("unsure", None)
    return changed
