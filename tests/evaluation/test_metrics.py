"""Error rates: exact small cases, and agreement with pyannote.metrics on random ones."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from diarize.evaluation import metrics
from diarize.evaluation.metrics import (
    FORGIVING,
    FULL,
    DiarizationError,
    JaccardError,
    diarization_error,
    jaccard_error,
    optimal_mapping,
    speaker_count_error,
)
from diarize.timeline import Segment, Turn

REFERENCE = [Turn(0, 10, "Ann"), Turn(12, 20, "Bob"), Turn(24, 27, "Ann"), Turn(30, 40, "Eve")]
HYPOTHESIS = [Turn(2, 13, "0"), Turn(13, 14, "3"), Turn(14, 20, "1"), Turn(22, 38, "2"),
              Turn(38, 40, "1")]  # fmt: skip


def test_parts_of_a_hand_made_case() -> None:
    error = diarization_error(REFERENCE, HYPOTHESIS)
    assert error == DiarizationError(total=31, missed=2, false_alarm=7, confusion=7)
    assert error.rate == pytest.approx(16 / 31)
    assert optimal_mapping(REFERENCE, HYPOTHESIS) == {"0": "Ann", "1": "Bob", "2": "Eve"}
    assert speaker_count_error(REFERENCE, HYPOTHESIS) == 1


def test_collar_is_one_sided_and_overlap_is_left_out() -> None:
    reference = [Turn(0, 10, "a"), Turn(8, 20, "b")]
    hypothesis = [Turn(0, 10.2, "x"), Turn(10.2, 20.3, "y")]
    full = diarization_error(reference, hypothesis)
    assert (full.total, full.missed) == (22, 2)
    assert full.false_alarm == pytest.approx(0.3) and full.confusion == pytest.approx(0.2)
    forgiving = diarization_error(reference, hypothesis, collar=0.25, skip_overlap=True)
    assert forgiving.total == pytest.approx(7.5 + 9.5)
    assert (forgiving.missed, forgiving.confusion) == (0, 0)
    assert forgiving.false_alarm == pytest.approx(0.05)
    assert (FULL.collar, FULL.skip_overlap) == (0.0, False)
    assert (FORGIVING.collar, FORGIVING.skip_overlap) == (0.25, True)


def test_uem_limits_every_measure() -> None:
    uem = [Segment(0, 10), Segment(30, 35)]
    error = diarization_error(REFERENCE, HYPOTHESIS, uem=uem)
    assert error == DiarizationError(total=15, missed=2)
    assert speaker_count_error(REFERENCE, HYPOTHESIS, uem=uem) == 0
    assert jaccard_error(REFERENCE, HYPOTHESIS, uem=uem) == JaccardError(pytest.approx(0.2), 2)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [([], [], 0.0), ([], [Turn(0, 1, "x")], 1.0), ([Turn(0, 1, "a")], [], 1.0)],
)
def test_nothing_to_compare(reference, hypothesis, rate) -> None:
    assert diarization_error(reference, hypothesis).rate == rate
    assert diarization_error(reference, hypothesis, collar=0.25, skip_overlap=True) is not None
    assert jaccard_error(reference, []).rate == (1.0 if reference else 0.0)
    assert jaccard_error([Turn(1, 1, "a")], [Turn(2, 1, "b")]) == JaccardError()


def test_files_add_up() -> None:
    one, two = DiarizationError(10, 1, 2, 3), DiarizationError(30, 1, 0, 1)
    assert (one + two).rate == pytest.approx(8 / 40)
    assert (JaccardError(1.0, 2) + JaccardError(0.5, 4)).rate == pytest.approx(0.25)


def test_perfect_whatever_the_names() -> None:
    renamed = [Turn(t.start, t.end, t.speaker[::-1]) for t in reversed(REFERENCE)]
    assert diarization_error(REFERENCE, renamed).rate == 0.0
    assert jaccard_error(REFERENCE, renamed).rate == 0.0


times = st.floats(0.0, 60.0, allow_subnormal=False).map(lambda value: round(value, 4))
lengths = st.floats(0.01, 15.0).map(lambda value: round(value, 4))


def turns(labels: str, least: int = 0):
    one = st.tuples(times, lengths, st.sampled_from(labels))
    made = st.lists(one, min_size=least, max_size=12)
    return made.map(lambda rows: [Turn(start, start + length, who) for start, length, who in rows])


regions = st.none() | st.lists(st.tuples(times, lengths), min_size=1, max_size=4).map(
    lambda rows: [Segment(start, start + length) for start, length in rows]
)


def tied(shared) -> bool:
    """Return whether more than one mapping of speakers shares the most time."""
    rows, columns = linear_sum_assignment(-shared)
    best = shared[rows, columns].sum()
    for row, column in zip(rows, columns, strict=True):
        without = shared.copy()
        without[row, column] = 0.0
        other = linear_sum_assignment(-without)
        if shared[row, column] > 0 and without[other].sum() > best - 1e-6:
            return True
    return False


@settings(max_examples=100, deadline=None)
@given(turns("abcde"), turns("xyzuvw"), regions, st.sampled_from([0.0, 0.1, 0.25]), st.booleans())
def test_equal_to_pyannote_metrics(reference, hypothesis, uem, collar, skip_overlap) -> None:
    theirs = pytest.importorskip(
        "pyannote.metrics.diarization", reason="pip install pyannote.metrics"
    )
    core = pytest.importorskip("pyannote.core")

    def annotation(turns):
        made = core.Annotation()
        for track, turn in enumerate(turns):
            made[core.Segment(turn.start, turn.end), track] = turn.speaker
        return made

    timeline = uem and core.Timeline([core.Segment(part.start, part.end) for part in uem])
    options = {"collar": 2 * collar, "skip_overlap": skip_overlap}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = theirs.DiarizationErrorRate(**options)(
            annotation(reference), annotation(hypothesis), uem=timeline, detailed=True
        )
        jaccard = theirs.JaccardErrorRate(**options)(
            annotation(reference), annotation(hypothesis), uem=timeline, detailed=True
        )
    ours = diarization_error(
        reference, hypothesis, collar=collar, skip_overlap=skip_overlap, uem=uem
    )
    assert ours.total == pytest.approx(parts["total"], abs=1e-6)
    assert ours.missed == pytest.approx(parts["missed detection"], abs=1e-6)
    assert ours.false_alarm == pytest.approx(parts["false alarm"], abs=1e-6)
    assert ours.confusion == pytest.approx(parts["confusion"], abs=1e-6)
    assert ours.rate == pytest.approx(parts["diarization error rate"], abs=1e-6)
    mine = jaccard_error(reference, hypothesis, collar=collar, skip_overlap=skip_overlap, uem=uem)
    assert mine.speakers == jaccard["speaker count"]
    shared = metrics._Sweep(reference, hypothesis, collar, skip_overlap, uem).cooccurrence()
    if tied(shared):  # several mappings are the best, and the Jaccard error depends on the choice
        return
    assert mine.error == pytest.approx(jaccard["speaker error"], abs=1e-6)
