"""Give a stretch of time, with its turns and its words, to another speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diarize.annotation import Diarization, Speaker
from diarize.result import Result
from diarize.timeline import Segment, Turn, difference, union
from diarize.transcript.segments import renumber, runs_of, split_segment
from diarize.transcript.tokenize import tokens
from diarize.transcript.word_times import lay_out

# What would be left of a turn, shorter than these seconds, goes along, with the word that it holds.
SLIVER = 0.2


@dataclass(frozen=True)
class Move:
    """What moves to the target: what ``source`` says in a span, or everybody where it is None.

    ``slivers`` are parts of turns that go along, with their speakers' names.
    """

    span: Segment
    target: Speaker
    source: Speaker | None = None
    slivers: tuple[tuple[str, Segment], ...] = ()

    def takes(self, speaker: object, start: float, end: float) -> bool:
        """Return whether a word or segment moves: by its speaker's name, and its middle."""
        middle = 0.5 * (start + end)
        if middle in self.span:
            return self.source is None or speaker == self.source.display
        return any(speaker == name and middle in part for name, part in self.slivers)


def reassign(result: Result, move: Move) -> Result:
    """Return a result in which the target speaks within the span.

    Turns are cut at the span's ends, and segments of the transcript before and after the words
    that move; a word moves if its middle lies in the span. Where a segment has no words, their
    times are estimated. Where nobody was heard in the span, the target gets a new turn.
    """
    before = result.diarization
    turns, slivers = _moved_turns(before, move)
    move = replace(move, slivers=slivers)
    speech = union(turn.segment for turn in before.turns)
    transcript = result.transcript and _moved_transcript(result.transcript, move, speech)
    present, had = {turn.speaker for turn in turns}, {turn.speaker for turn in before.turns}
    named, were = _names(transcript), _names(result.transcript)

    def remains(one: Speaker) -> bool:
        used = one.label in present or one.display in named
        return used or (one.label not in had and one.display not in were)

    speakers = [one for one in before.speakers if remains(one)]
    if move.target not in speakers and (
        move.target.label in present or move.target.display in named
    ):
        speakers.append(move.target)
    left = {one.label for one in speakers}
    vectors = {key: value for key, value in before.embeddings.items() if key in left}
    after = replace(before, turns=turns, speakers=speakers, embeddings=vectors)
    return replace(result, diarization=after, transcript=transcript)


def _names(transcript: Mapping[str, Any] | None) -> set[object]:
    """Return the speakers who are named in a transcript."""
    segments = (transcript or {}).get("segments") or ()
    items = [*segments, *(word for segment in segments for word in segment.get("words") or ())]
    return {item.get("speaker") for item in items}


def _moved_turns(
    diarization: Diarization, move: Move
) -> tuple[list[Turn], tuple[tuple[str, Segment], ...]]:
    """Return the turns after the move, and the slivers that go along."""
    target, span = move.target.label, move.span
    same: list[Turn] = []
    changed: list[Turn] = []
    moved: list[Segment] = []
    slivers: list[tuple[str, Segment]] = []
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
            if moved[-1] != part:
                slivers.append((diarization.display(turn.speaker), moved[-1]))
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

    return same + [replace(turn, overlap=overlapped(turn)) for turn in changed], tuple(slivers)


def _moved_transcript(
    transcript: Mapping[str, Any], move: Move, speech: Sequence[Segment]
) -> dict[str, Any]:
    before = transcript.get("segments") or ()
    segments: list[dict[str, Any]] = []
    flags: list[bool] = []
    for segment in before:
        if segment.get("words"):
            moving = _moving_words(segment, move)
            texts = [str(word.get("word", "")) for word in segment["words"]]
            bounds = _bounds(segment)
            flags += moving
        else:
            texts = tokens(str(segment.get("text") or "")) or [""]
            start, end = _seconds(segment, "start", 0.0), _seconds(segment, "end", 0.0)
            bounds = [(time.start, time.end) for time in lay_out(texts, start, end, speech)]
            moving = [move.takes(segment.get("speaker"), *bound) for bound in bounds]
        segments += _moved_segment(segment, texts, bounds, moving, move)
    if len(segments) > len(before):
        renumber(segments)
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
    segment: Mapping[str, Any],
    texts: Sequence[str],
    bounds: Sequence[tuple[float, float]],
    moving: Sequence[bool],
    move: Move,
) -> list[dict[str, Any]]:
    """Return a segment, or its pieces, after the move."""
    if not any(moving):
        return [dict(segment)]
    changed = dict(segment)
    if segment.get("words"):
        changed["words"] = [
            _given(word, move) if flag else word
            for word, flag in zip(segment["words"], moving, strict=True)
        ]
    runs = runs_of([int(flag) for flag in moving])
    pieces = split_segment(changed, texts, bounds, runs)
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
