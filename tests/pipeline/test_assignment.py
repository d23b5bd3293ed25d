"""From vectors of windows to turns, without any network."""

from __future__ import annotations

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.pipeline.assignment import assign_speakers, doubt_of_count
from diarize.pipeline.intermediate import WindowEmbeddings
from diarize.segmentation.activity import SpeechActivity
from diarize.settings import Settings
from diarize.timeline import Segment


def heard(speakers: list[int], noise: float = 0.05, dimension: int = 16) -> WindowEmbeddings:
    """Windows of 1.6 s every 0.8 s in one region of speech, each of one speaker."""
    rng = np.random.default_rng(0)
    vectors = np.eye(dimension)[speakers] + noise * rng.standard_normal((len(speakers), dimension))
    windows = tuple(Segment(0.8 * i, 0.8 * i + 1.6) for i in range(len(speakers)))
    return WindowEmbeddings(
        SpeechActivity((Segment(0.0, windows[-1].end),)), windows, unit(vectors)
    )


def test_speakers_are_numbered_by_their_first_turn() -> None:
    decision = assign_speakers(heard([3] * 8 + [1] * 8 + [3] * 6), threshold=0.5)
    assert [turn.speaker for turn in decision.turns] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    assert decision.turns[0].end == pytest.approx(6.8, abs=0.5)
    assert list(decision.embeddings) == ["SPEAKER_00", "SPEAKER_01"]
    assert decision.embeddings["SPEAKER_00"].argmax() == 3
    assert decision.embeddings["SPEAKER_01"].argmax() == 1


def test_every_window_has_a_speaker_who_has_turns() -> None:
    for threshold in (0.01, 0.5, 1.9):
        decision = assign_speakers(
            heard([0] * 9 + [1, 2] * 3 + [1] * 7, noise=0.2), threshold=threshold
        )
        labels = {turn.speaker for turn in decision.turns}
        assert set(decision.labels) <= labels == set(decision.embeddings)


def test_no_windows_no_turns() -> None:
    nothing = WindowEmbeddings(SpeechActivity(()), (), np.zeros((0, 16), np.float32))
    decision = assign_speakers(nothing, threshold=0.5, num_speakers=3)
    assert (decision.turns, decision.embeddings, decision.labels) == ((), {}, ())


@pytest.mark.parametrize(
    ("found", "asked", "said"),
    [
        (1, 1, None),
        (0, 2, None),
        (3, 2, None),
        (1, 2, "no more than 1"),
        (2, 2, None),
        (3, 3, "only 2 voices are told apart"),
    ],
)
def test_doubt_of_count_of_two_voices(found: int, asked: int, said: str | None) -> None:
    doubt = doubt_of_count(heard([0] * 8 + [1] * 8), found, asked, 0.5, Settings())
    assert said in doubt if said and doubt else doubt is said
