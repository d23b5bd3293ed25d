"""From windows to turns, on examples small enough to check by eye."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.pipeline.resegmentation import best_path, frame_scores, margins_of, to_turns
from diarize.settings import ResegmentationSettings
from diarize.timeline import Segment, union

PLAIN = ResegmentationSettings(step=0.1, switch_cost=0.0, min_island=0.0, join=0.0)


def path_score(scores: np.ndarray, path: tuple[int, ...], switch: float) -> float:
    total = sum(scores[frame, speaker] for frame, speaker in enumerate(path))
    return float(total) - switch * sum(a != b for a, b in pairwise(path))


@given(st.integers(1, 6), st.integers(1, 3), st.floats(0, 1), st.integers(0, 999))
def test_the_path_is_the_best_of_all(frames: int, speakers: int, switch: float, seed: int) -> None:
    scores = np.random.default_rng(seed).uniform(-1, 1, (frames, speakers))
    found = tuple(best_path(scores, switch).tolist())
    best = max(path_score(scores, path, switch) for path in product(range(speakers), repeat=frames))
    assert path_score(scores, found, switch) == pytest.approx(best)


def test_frames_follow_the_nearest_windows() -> None:
    windows = [Segment(0.0, 1.0), Segment(1.0, 2.0)]
    scores = np.array([[1.0, 0.0], [0.0, 1.0]])
    frames = frame_scores(Segment(0.0, 2.0), windows, scores, 0.1)
    assert frames.shape == (20, 2)
    assert frames.argmax(axis=1).tolist() == [0] * 10 + [1] * 10


def test_frames_between_windows_take_the_nearest() -> None:
    windows = [Segment(0.0, 0.5), Segment(3.5, 4.0)]
    frames = frame_scores(Segment(0.0, 4.0), windows, np.array([[1.0, 0.0], [0.0, 1.0]]), 0.1)
    assert frames.argmax(axis=1).tolist() == [0] * 20 + [1] * 20


def test_a_margin_is_the_lead_over_the_best_other() -> None:
    assert np.allclose(margins_of(np.array([[0.9, 0.2, 0.5]])), [[0.4, -0.7, -0.4]])
    assert margins_of(np.array([[0.7]])).tolist() == [[0.7]]


def alternating(lengths: list[int], lead_of: float = 1.0) -> tuple[list[Segment], np.ndarray]:
    """Windows of 0.2 s; speakers take turns of the given numbers of windows."""
    speakers = np.repeat(np.arange(len(lengths)) % 2, lengths)
    windows = [Segment(0.2 * i, 0.2 * (i + 1)) for i in range(len(speakers))]
    return windows, np.eye(2)[speakers] * lead_of


def test_turns_change_where_windows_do() -> None:
    windows, scores = alternating([10, 15])
    turns = to_turns([Segment(0.0, 5.0)], windows, scores, settings=PLAIN)
    assert [(t.start, t.end, t.speaker) for t in turns] == [
        (0.0, pytest.approx(2.0), "SPEAKER_00"),
        (pytest.approx(2.0), 5.0, "SPEAKER_01"),
    ]
    assert turns[0].confidence == pytest.approx(1.0, abs=0.05)


def test_unsure_islands_are_absorbed_and_sure_ones_are_not() -> None:
    settings = ResegmentationSettings(switch_cost=0.0, min_island=0.5, island_margin=0.5, join=0.0)
    for lead_of, turns_expected in ((0.1, 1), (1.0, 3)):
        windows, scores = alternating([10, 2, 10])
        scores[10:12] *= lead_of
        turns = to_turns([Segment(0.0, 4.4)], windows, scores, settings=settings)
        assert len(turns) == turns_expected


@pytest.mark.parametrize("scale", [1.0, 0.001])
def test_costs_follow_the_models_own_scale(scale: float) -> None:
    windows, scores = alternating([10, 1, 10])
    settings = ResegmentationSettings(switch_cost=6.0, min_island=0.0, join=0.0)
    turns = to_turns([Segment(0.0, 4.2)], windows, scores * scale, settings=settings)
    assert [turn.speaker for turn in turns] == ["SPEAKER_00"]
    free = ResegmentationSettings(switch_cost=0.5, min_island=0.0, join=0.0)
    assert len(to_turns([Segment(0.0, 4.2)], windows, scores * scale, settings=free)) == 3


def test_changes_move_to_known_instants_and_to_pauses() -> None:
    windows, scores = alternating([10, 10])
    region = [Segment(0.0, 4.0)]
    settings = ResegmentationSettings(switch_cost=0.0, snap=0.4, join=0.0)
    asked: list[tuple[float, float]] = []

    def quietest(start: float, end: float) -> float:
        asked.append((start, end))
        return 2.13

    known = to_turns(region, windows, scores, changes=[1.75], quietest=quietest, settings=settings)
    assert known[0].end == known[1].start == 1.75
    assert not asked
    quiet = to_turns(region, windows, scores, changes=[3.0], quietest=quietest, settings=settings)
    assert quiet[0].end == quiet[1].start == 2.13
    assert asked == [(pytest.approx(1.6), pytest.approx(2.4))]


def test_short_silences_inside_a_turn_are_closed() -> None:
    regions = [Segment(0.0, 1.0), Segment(1.3, 2.0), Segment(4.0, 5.0)]
    settings = ResegmentationSettings(join=0.5)
    turns = to_turns(regions, regions, np.ones((3, 1)), settings=settings)
    assert [(turn.start, turn.end) for turn in turns] == [(0.0, 2.0), (4.0, 5.0)]


def test_a_region_too_short_for_a_window_gets_its_neighbour() -> None:
    regions = [Segment(0.0, 1.0), Segment(5.0, 5.05), Segment(5.5, 7.0)]
    windows = [regions[0], regions[2]]
    turns = to_turns(regions, windows, np.eye(2), settings=PLAIN)
    assert [turn.speaker for turn in turns] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_01"]


def test_nothing_comes_of_nothing() -> None:
    assert to_turns([], [], np.zeros((0, 0))) == []


@given(st.integers(0, 999), st.integers(1, 4), st.booleans())
def test_turns_fill_the_speech_and_never_overlap(seed: int, speakers: int, snap: bool) -> None:
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.uniform(0, 30, 8)).tolist()
    regions = [Segment(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    windows = [
        Segment(start, min(start + 1.0, region.end))
        for region in regions
        for start in np.arange(region.start, region.end, 0.5).tolist()
    ]
    scores = rng.uniform(-1, 1, (len(windows), speakers))
    settings = ResegmentationSettings(join=0.0)
    quietest = (lambda a, b: float(rng.uniform(a, b))) if snap else None
    turns = to_turns(regions, windows, scores, quietest=quietest, settings=settings)
    assert turns == sorted(turns)
    for before, after in pairwise(turns):
        assert before.end <= after.start + 1e-9
    filled = sum(part.duration for part in union(turn.segment for turn in turns))
    assert filled == pytest.approx(sum(region.duration for region in regions))
    assert all(0.0 <= (turn.confidence or 0.0) <= 1.0 for turn in turns)


def test_turns_leave_out_the_pauses_that_windows_reach_across() -> None:
    regions = [Segment(0.0, 2.0), Segment(2.5, 4.0), Segment(6.0, 7.0)]
    windows = [Segment(0.0, 1.6), Segment(1.2, 2.8), Segment(2.4, 4.0), Segment(6.0, 7.0)]
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    turns = to_turns(regions, windows, scores)
    found = [(turn.start, turn.end, turn.speaker) for turn in turns]
    assert found == [
        (0.0, 2.0, "SPEAKER_00"),
        (2.5, 4.0, "SPEAKER_00"),
        (6.0, 7.0, "SPEAKER_01"),
    ]
