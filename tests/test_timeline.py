"""Every sweep over segments agrees with what is true instant by instant."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.timeline import (
    Segment,
    coverage,
    difference,
    intersection,
    layers,
    overlapping_pairs,
    runs,
    union,
)

# Whole edges, and instants half-way between them: no instant is an edge.
segments = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 9)).map(lambda it: Segment(it[0], sum(it))),
    max_size=8,
)
INSTANTS = [number + 0.5 for number in range(50)]


def within(parts: list[Segment], instant: float) -> bool:
    return any(instant in part for part in parts)


def tidy(parts: list[Segment]) -> bool:
    """Whether segments are in order, disjoint, and none is empty."""
    ordered = all(one.end <= two.start for one, two in itertools.pairwise(parts))
    return ordered and all(parts)


def test_segments_meet_and_join() -> None:
    assert Segment(0, 2) & Segment(1, 3) == Segment(1, 2)
    assert Segment(0, 2) | Segment(1, 3) == Segment(0, 3)
    assert not Segment(0, 1) & Segment(1, 2)
    assert Segment(0, 1).gap(Segment(3, 4)) == 2
    assert Segment(3, 1).duration == 0


def test_union_bridges_gaps() -> None:
    assert union([Segment(0, 1), Segment(1.2, 2)], gap=0.3) == [Segment(0, 2)]
    assert union([Segment(0, 1), Segment(1.2, 2)], gap=0.1) == [Segment(0, 1), Segment(1.2, 2)]
    assert union([Segment(2, 1)]) == []


@given(segments)
def test_union(some: list[Segment]) -> None:
    joined = union(some)
    assert all(within(joined, at) == within(some, at) for at in INSTANTS)
    assert tidy(joined)
    assert all(one.end < two.start for one, two in itertools.pairwise(joined))


@given(segments, segments)
def test_difference(regions: list[Segment], holes: list[Segment]) -> None:
    left = difference(regions, holes)
    for at in INSTANTS:
        assert within(left, at) == (within(regions, at) and not within(holes, at))
    assert all(left)


@given(segments, segments)
def test_intersection(some: list[Segment], others: list[Segment]) -> None:
    common = intersection(union(some), union(others))
    for at in INSTANTS:
        assert within(common, at) == (within(some, at) and within(others, at))
    assert tidy(common)


@given(segments, segments)
def test_overlapping_pairs(some: list[Segment], others: list[Segment]) -> None:
    one, two = union(some), union(others)
    assert list(overlapping_pairs(one, two)) == [(a, b) for a in one for b in two if a & b]


@given(segments)
def test_layers(spans: list[Segment]) -> None:
    found = list(layers(spans))
    assert tidy([Segment(start, end) for start, end, _ in found])
    for at in INSTANTS:
        there = [active for start, end, active in found if start <= at < end]
        assert sorted(there[0] if there else []) == sorted(s for s in spans if at in s)


@given(segments, segments)
def test_coverage(spans: list[Segment], regions: list[Segment]) -> None:
    speech = union(regions)
    expected = [sum(span.overlap(part) for part in speech) for span in spans]
    assert coverage(spans, speech) == pytest.approx(expected, abs=1e-9)


def test_runs_finds_stretches_at_both_ends() -> None:
    mask = np.array([True, False, True, True])
    assert runs(mask, 0.5, 10.0) == [Segment(10.0, 10.5), Segment(11.0, 12.0)]
    assert runs(np.zeros(0, dtype=bool), 0.5) == []
