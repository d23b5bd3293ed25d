"""Who talks at the same time as the main speaker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.pipeline.assignment import assign_speakers
from diarize.pipeline.intermediate import WindowEmbeddings
from diarize.pipeline.overlap import overlapped_turns, solo_seconds
from diarize.segmentation.activity import LocalSpeakers, SpeechActivity
from diarize.timeline import Segment, Turn


def local_of(*talks: tuple[int, float, float], seconds: float = 10.0) -> LocalSpeakers:
    """One window from 0 s in frames of 0.1 s: (local speaker, start, end) …"""
    activity = np.zeros((1, round(seconds * 10), 3), dtype=bool)
    for speaker, start, end in talks:
        activity[0, round(start * 10) : round(end * 10), speaker] = True
    return LocalSpeakers(np.array([0.0]), 0.1, activity)


def test_solo_seconds_leave_out_overlaps() -> None:
    local = local_of((0, 0.0, 4.0), (1, 3.0, 6.0))
    seconds = solo_seconds([Segment(0.0, 2.0), Segment(2.0, 5.0), Segment(9.0, 12.0)], local, 0)
    assert seconds == pytest.approx(np.array([[2.0, 0, 0], [1.0, 1.0, 0], [0, 0, 0]]))


TURNS = [Turn(0.0, 5.0, "SPEAKER_00", 0.4), Turn(5.0, 9.0, "SPEAKER_01", 0.4)]
WINDOWS = [Segment(0.0, 2.0), Segment(2.0, 4.0), Segment(5.5, 7.0), Segment(7.0, 9.0)]
SCORES = np.array([[0.9, 0.1, 0.2], [0.8, 0.0, 0.3], [0.1, 0.9, 0.4], [0.2, 0.8, 0.1]])


def test_the_second_voice_is_found_through_its_own_windows() -> None:
    local = local_of((0, 0.0, 5.5), (1, 4.5, 9.0))
    turns = overlapped_turns(TURNS, [Segment(4.5, 5.5)], WINDOWS, SCORES, local)
    # Before the change the one who comes next talks already; after it the one before talks still.
    assert [(t.start, t.end, t.speaker, t.overlap) for t in turns] == [
        (4.5, 5.0, "SPEAKER_01", True),
        (5.0, 5.5, "SPEAKER_00", True),
    ]
    assert [turn.confidence for turn in turns] == [0.2, 0.2]


def test_two_local_speakers_are_never_one_voice() -> None:
    # Both look most like speaker 0; the assignment has to choose for which one it costs less.
    scores = np.array([[0.9, 0.1, 0.2], [0.8, 0.0, 0.3], [0.7, 0.6, 0.1], [0.7, 0.6, 0.1]])
    local = local_of((0, 0.0, 5.0), (1, 3.9, 9.0))
    turns = overlapped_turns(TURNS[:1], [Segment(3.9, 5.0)], WINDOWS, scores, local)
    assert [turn.speaker for turn in turns] == ["SPEAKER_01"]


def test_without_local_speakers_the_nearest_other_one_is_taken() -> None:
    turns = overlapped_turns(TURNS, [Segment(3.0, 3.5), Segment(0.0, 1.0)], WINDOWS, SCORES, None)
    assert [(t.start, t.end, t.speaker) for t in turns] == [(3.0, 3.5, "SPEAKER_01")]


def test_a_single_voice_has_no_second() -> None:
    assert not overlapped_turns(TURNS[:1], [Segment(1.0, 2.0)], WINDOWS, SCORES[:, :1], None)


def test_a_decision_carries_both_voices_and_keeps_the_main_one() -> None:
    vectors = unit(np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 1]]))
    activity = SpeechActivity(
        (Segment(0.0, 9.0),),
        overlaps=(Segment(4.5, 5.5),),
        changes=(4.5, 5.5),
        local=local_of((0, 0.0, 5.5), (1, 4.5, 9.0)),
    )
    decision = assign_speakers(WindowEmbeddings(activity, tuple(WINDOWS), vectors), threshold=0.5)
    overlapping = [turn for turn in decision.turns if turn.overlap]
    main = [turn for turn in decision.turns if not turn.overlap]
    assert [turn.speaker for turn in main] == ["SPEAKER_00", "SPEAKER_01"]
    assert sum(turn.duration for turn in overlapping) == pytest.approx(1.0)
    # Where only a part is sure enough, the second turn is no longer than that.
    doubt = replace(activity, confident_overlaps=(Segment(4.5, 5.0),))
    decision = assign_speakers(WindowEmbeddings(doubt, tuple(WINDOWS), vectors), threshold=0.5)
    assert [(t.start, t.end) for t in decision.turns if t.overlap] == [(4.5, 5.0)]
    for turn in overlapping:
        over = [other for other in main if other.segment.overlap(turn.segment) > 0]
        assert all(other.speaker != turn.speaker for other in over)
