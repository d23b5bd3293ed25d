"""Windows cover their regions, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.embedding import windows
from diarize.timeline import Segment


@st.composite
def regions(draw: st.DrawFn) -> list[Segment]:
    edges = sorted(draw(st.sets(st.integers(0, 3000), min_size=2, max_size=12)))
    edges = edges[: len(edges) // 2 * 2]
    return [Segment(a / 100, b / 100) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@given(regions(), st.floats(0.4, 3.0), st.floats(0.1, 1.5))
def test_windows_cover_every_region(pieces: list[Segment], window: float, hop: float) -> None:
    cuts = windows.sliding_windows(pieces, window, hop, shortest=0.1)
    assert cuts == sorted(cuts)
    for cut in cuts:
        assert cut.duration <= window + 0.05 + 1e-6
        assert any(p.start - 1e-6 <= cut.start and cut.end <= p.end + 1e-6 for p in pieces)
    for piece in pieces:
        mine = [cut for cut in cuts if cut.overlap(piece) > 0]
        if piece.duration < 0.1 - 1e-9:
            assert not mine
            continue
        assert mine[0].start == pytest.approx(piece.start)
        assert mine[-1].end == pytest.approx(piece.end)
        for before, after in pairwise(mine):
            assert after.start - before.start <= hop + 1e-6


@given(regions(), st.lists(st.floats(0, 30), max_size=8).map(sorted))
def test_pieces_add_up_to_the_regions(pieces: list[Segment], instants: list[float]) -> None:
    found = windows.split_at(pieces, instants, shortest=0.1)
    assert sum(p.duration for p in found) == pytest.approx(sum(p.duration for p in pieces))
    assert found == sorted(found)
    for piece in found:
        region = next(r for r in pieces if r.start <= piece.start < r.end)
        assert piece.end <= region.end
        # No instant is left inside a piece, unless a cut there would have left a crumb.
        for instant in instants:
            if piece.start + 0.1 < instant < piece.end - 0.1:
                pytest.fail(f"{instant} lies inside {piece}")


def test_windows_do_not_cross_an_instant() -> None:
    pieces = windows.split_at([Segment(0.0, 6.0)], [2.5], shortest=0.1)
    cuts = windows.sliding_windows(pieces, 1.6, 0.8, shortest=0.1)
    assert not any(cut.start < 2.5 < cut.end for cut in cuts)
