"""Embeddings of long stretches of one voice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diarize.audio.waveform import Waveform
from diarize.embedding.base import embed
from diarize.embedding.windows import equal_segments
from diarize.settings import DEFAULTS
from diarize.speakers.voiceprints import embed_means, split_into_segments
from diarize.timeline import Segment

LONGEST, SHORTEST = DEFAULTS.embedding.max_segment, DEFAULTS.identification.min_segment
SILENCE = Waveform(np.zeros(16_000 * 60, np.int16))


class Angles:
    """Answers with the middle of each segment, as an angle."""

    name, dimension, checksum = "angles", 2, "0" * 64

    def embed(self, waveform, segments, on_progress=None):
        angles = np.array([segment.middle for segment in segments]) / 100.0
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_short_speech_alone_is_embedded_nevertheless():
    assert split_into_segments([Segment(0, 0.2), Segment(1, 1.4)]) == [Segment(1, 1.4)]
    assert split_into_segments([]) == []
    assert embed(Angles(), SILENCE, []).shape == (0, 2)


def test_embed_means_gives_each_turn_one_unit_vector():
    turns = [Segment(0, 0.2), Segment(10, 22), Segment(30, 33)]
    found = embed_means(SILENCE, turns, Angles())
    middles = np.array([turn.middle for turn in turns]) / 100.0
    # The segments of a long turn lie evenly around its middle.
    np.testing.assert_allclose(found, np.stack([np.cos(middles), np.sin(middles)], 1), atol=1e-6)
    assert embed_means(SILENCE, [], Angles()).shape == (0, 2)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.01, 30)), max_size=8).map(
        lambda pairs: [Segment(start, start + length) for start, length in pairs]
    )
)
@example([Segment(2**-23, 2**-23 + 0.5)])
def test_segments_cover_what_is_long_enough(regions):
    pieces = equal_segments(regions, LONGEST, SHORTEST)
    assert all(piece.duration <= LONGEST + 1e-6 for piece in pieces)
    assert all(piece.duration >= SHORTEST - 1e-6 for piece in pieces)
    # As `whole` has it: a rounding error below the shortest is not too short.
    heard = [region for region in regions if region.duration >= SHORTEST - 1e-9]
    covered = sum(region.duration for region in heard)
    assert sum(piece.duration for piece in pieces) == pytest.approx(covered, abs=1e-6)
