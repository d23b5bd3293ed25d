"""Frame scores become regions: hysteresis, durations, overlaps and changes of speaker."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.segmentation.activity import LocalSpeakers
from diarize.segmentation.aggregation import FrameScores
from diarize.segmentation.binarization import binarize, hysteresis, postprocess
from diarize.settings import SegmentationSettings
from diarize.timeline import Segment, runs

PLAIN = SegmentationSettings(min_speech=0.0, min_silence=0.0, min_overlap=0.0, min_turn=0.04)
MASKS = st.lists(st.booleans(), max_size=200).map(lambda bits: np.array(bits, dtype=bool))
SCORES = st.lists(st.floats(0, 1), max_size=40)


def scores(speech: list[float], pair: list[float], leader: list[int]) -> FrameScores:
    """Hand-made scores with frames of one second."""
    local = LocalSpeakers(np.zeros(1), 1.0, np.zeros((1, len(speech), 3), dtype=bool))
    return FrameScores(
        1.0,
        0.0,
        np.array(speech, dtype=np.float32),
        np.array(pair, dtype=np.float32),
        np.eye(3, dtype=np.float32)[leader],
        local,
    )


def test_binarize_finds_a_change_inside_a_region() -> None:
    found = binarize(scores([0, 1, 1, 1, 1, 0], [0] * 6, [0, 0, 0, 1, 1, 1]), PLAIN, 6.0)
    assert found.speech == (Segment(1, 5),)
    assert found.changes == (3.0,)
    assert found.overlaps == ()


def test_binarize_reports_overlap_edges_as_changes_but_not_region_borders() -> None:
    speech, pair = [0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 0, 0]
    found = binarize(scores(speech, pair, [0, 0, 0, 1, 1, 1]), PLAIN, 6.0)
    assert found.overlaps == (Segment(2, 4),)
    assert found.changes == (2.0, 4.0)
    at_the_end = binarize(scores(speech, [0, 0, 0, 1, 1, 0], [0] * 6), PLAIN, 6.0)
    assert at_the_end.changes == (3.0,)


def test_binarize_says_which_overlaps_are_sure_enough_for_a_second_turn() -> None:
    speech, pair = [1] * 8, [0, 0.6, 0.9, 0.6, 0, 0.7, 0.7, 0]
    found_scores = scores(speech, pair, [0] * 8)
    found = binarize(found_scores, PLAIN, 8.0)
    assert found.overlaps == (Segment(1, 4), Segment(5, 7)) and found.confident_overlaps is None
    found = binarize(found_scores, replace(PLAIN, second_turn_onset=0.8), 8.0)
    assert found.overlaps == (Segment(1, 4), Segment(5, 7)) and found.confident_overlaps == (
        Segment(2, 3),
    )
    assert (
        binarize(found_scores, replace(PLAIN, second_turn_onset=0.95), 8.0).confident_overlaps == ()
    )


def test_binarize_keeps_the_changes_of_every_region() -> None:
    speech = [1, 1, 1, 1, 0, 0, 1, 1, 1, 1]
    pair = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    found = binarize(scores(speech, pair, [0, 0, 0, 0, 0, 0, 1, 2, 2, 2]), PLAIN, 10.0)
    assert found.changes == (1.0, 2.0, 7.0, 8.0, 9.0)


def test_binarize_closes_silences_before_it_drops_islands() -> None:
    options = SegmentationSettings(min_silence=1.5, min_speech=2.5, min_overlap=0.0)
    found = binarize(scores([1, 0, 1, 1, 0, 0, 0, 1], [0] * 8, [0] * 8), options, 8.0)
    assert found.speech == (Segment(0, 4),)


def test_binarize_a_bridged_silence_puts_the_change_in_its_middle() -> None:
    options = SegmentationSettings(min_silence=3.0, min_speech=0.0, min_turn=1.0)
    found = binarize(scores([1, 1, 0, 0, 1, 1], [0] * 6, [0, 0, 0, 0, 2, 2]), options, 6.0)
    assert found.changes == (3.0,)


@given(SCORES, st.floats(0, 1), st.floats(0, 1))
def test_hysteresis_agrees_with_a_plain_loop(values: list[float], a: float, b: float) -> None:
    offset, onset = min(a, b), max(a, b)
    on, expected = False, []
    for value in values:
        on = value >= onset or (on and value >= offset)
        expected.append(on)
    found = hysteresis(np.array(values), onset, offset, lead_in=False)
    assert found.tolist() == expected


@given(SCORES, st.floats(0, 1), st.floats(0, 1))
def test_hysteresis_with_lead_in_keeps_the_runs_that_reach_the_onset(
    values: list[float], a: float, b: float
) -> None:
    offset, onset = min(a, b), max(a, b)
    expected: list[list[int]] = []
    for index, value in enumerate(values):
        if value >= offset:
            if index and values[index - 1] >= offset:
                expected[-1].append(index)
            else:
                expected.append([index])
    kept = [run for run in expected if max(values[i] for i in run) >= onset]
    found = runs(hysteresis(np.array(values), onset, offset), 1.0)
    assert found == [Segment(run[0], run[-1] + 1) for run in kept]
    assert hysteresis(np.array(values), offset, onset).tolist() == [v >= offset for v in values]


@settings(max_examples=200, deadline=None)
@given(mask=MASKS)
def test_postprocess_without_durations_gives_the_mask_back(mask: np.ndarray) -> None:
    back = np.zeros_like(mask)
    found = postprocess(runs(mask, 0.02), mask.size * 0.02, min_silence=0, min_speech=0, pad=0)
    for part in found:
        back[round(part.start / 0.02) : round(part.end / 0.02)] = True
    assert np.array_equal(back, mask)


@settings(max_examples=200, deadline=None)
@given(mask=MASKS, silence=st.floats(0, 1), speech=st.floats(0, 1), pad=st.floats(0, 0.5))
def test_postprocess_keeps_its_durations(
    mask: np.ndarray, silence: float, speech: float, pad: float
) -> None:
    duration = mask.size * 0.02
    found = postprocess(runs(mask, 0.02), duration, min_silence=silence, min_speech=speech, pad=pad)
    assert all(0 <= part.start < part.end <= duration for part in found)
    assert all(b.start > a.end for a, b in pairwise(found))
    assert all(part.duration >= speech - 1e-9 for part in found)
