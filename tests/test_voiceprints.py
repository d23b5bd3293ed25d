"""Voices heard once more in long pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diarize.annotation import Diarization, Segment, Turn
from diarize.audio import Waveform
from diarize.details import DiarizationDetails
from diarize.settings import NamingSettings
from diarize.speakers.hearing import embed_pieces, hear_whole, pieces_of
from diarize.windows import whole

LONGEST, SHORTEST = NamingSettings().longest, NamingSettings().shortest


class Ear:
    """Answers with the middle of each piece, as an angle."""

    name, dimension, checksum = "ear", 2, "0" * 64

    def embed(self, waveform, segments, on_progress=None):
        angles = np.array([segment.middle for segment in segments]) / 100.0
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


SILENCE = Waveform(np.zeros(16_000 * 60, np.int16))


def details(*turns: Turn, windows: dict[str, list[Segment]]) -> DiarizationDetails:
    labels = [label for label, mine in windows.items() for _ in mine]
    every = [window for mine in windows.values() for window in mine]
    vectors = np.tile(np.float32([0.0, -1.0]), (len(every), 1))
    embeddings = {label: np.float32([0.0, -1.0]) for label in windows}
    talk = Diarization(turns, 60.0, embeddings=embeddings)
    return DiarizationDetails(talk, tuple(every), vectors, tuple(labels))


def test_pieces_are_long_and_one_voice_is_alone_in_them():
    before = details(
        Turn(0, 12, "a"),
        Turn(10, 14, "b"),
        Turn(20, 23, "a"),
        windows={"a": [Segment(0, 1.6)], "b": [Segment(12.4, 14)]},
    )
    after = hear_whole(before, SILENCE, Ear())
    found = dict.fromkeys(after.labels)
    assert list(found) == ["a", "b"]
    pieces = [(label, window) for label, window in zip(after.labels, after.windows, strict=True)]
    assert [(label, round(w.start, 2), round(w.end, 2)) for label, w in pieces] == [
        ("a", 0, 3.33),
        ("a", 3.33, 6.67),
        ("a", 6.67, 10),
        ("a", 20, 23),
        ("b", 12, 14),
    ]
    assert after.diarization is before.diarization
    assert np.allclose(after.vectors, Ear().embed(SILENCE, after.windows))


def test_who_is_never_alone_long_enough_keeps_the_windows():
    before = details(
        Turn(1, 9, "a"),
        Turn(5, 5.3, "b"),
        windows={"a": [Segment(0, 1.6)], "b": [Segment(5, 5.3)]},
    )
    after = hear_whole(before, SILENCE, Ear())
    assert after.labels == ("a", "a", "b")
    assert after.windows[-1] == Segment(5, 5.3)
    assert after.vectors[-1].tolist() == [0.0, -1.0]
    nobody = details(windows={})
    assert hear_whole(nobody, SILENCE, Ear()).windows == ()


def test_short_speech_alone_is_heard_nevertheless():
    assert pieces_of([Segment(0, 0.2), Segment(1, 1.4)]) == [Segment(1, 1.4)]
    assert pieces_of([]) == []
    assert embed_pieces(SILENCE, [], Ear()).shape == (0, 2)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.01, 30)), max_size=8).map(
        lambda pairs: [Segment(start, start + length) for start, length in pairs]
    )
)
@example([Segment(2**-23, 2**-23 + 0.5)])
def test_whole_pieces_cover_what_is_long_enough(regions):
    pieces = whole(regions, LONGEST, SHORTEST)
    assert all(piece.duration <= LONGEST + 1e-6 for piece in pieces)
    assert all(piece.duration >= SHORTEST - 1e-6 for piece in pieces)
    # As `whole` has it: a rounding error below the shortest is not too short.
    heard = [region for region in regions if region.duration >= SHORTEST - 1e-9]
    covered = sum(region.duration for region in heard)
    assert sum(piece.duration for piece in pieces) == pytest.approx(covered, abs=1e-6)
