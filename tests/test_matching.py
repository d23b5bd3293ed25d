"""Open-set matching: names only where threshold, margin and mutual choice all agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from diarize.speakers import index as index_module
from diarize.speakers.index import SampleIndex, load_index
from diarize.speakers.matching import MatchOptions, decide, match, query, rank, score
from diarize.speakers.records import BookModel, Sample, unit
from diarize.speakers.store import SpeakerBook, index_path

OPTIONS = MatchOptions(threshold=0.5, margin=0.1, top_k=2)


def directions(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_index(*people: np.ndarray) -> SampleIndex:
    starts = np.concatenate([[0], np.cumsum([len(samples) for samples in people])])
    names = [f"person {number}" for number in range(len(people))]
    return SampleIndex(np.concatenate(people).astype(np.float32), starts, names)


def near(vector: np.ndarray, seed: int, spread: float = 0.3) -> np.ndarray:
    noise = directions(1, len(vector), seed)[0]
    return unit(vector + spread * noise)


# -- the decision ---------------------------------------------------------------------------


def test_threshold_margin_and_mutual_choice():
    same = np.eye(3, dtype=np.float32)
    clear = np.float32([[0.9, 0.1], [0.2, 0.8], [0.3, 0.1]])
    assert decide(clear, same, OPTIONS) == [0, 1, None]
    assert decide(np.float32([[0.49, 0.0]]), same, OPTIONS) == [None]
    assert decide(np.float32([[0.8, 0.71]]), same, OPTIONS) == [None]
    assert decide(np.float32([[0.8, 0.69]]), same, OPTIONS) == [0]


def test_a_likeness_below_the_threshold_cannot_outbid_a_match():
    # Summed blindly, giving both to each other's person would score higher.
    scores = np.float32([[0.9, 0.5], [0.45, -0.2]])
    assert decide(scores, np.eye(2, dtype=np.float32), OPTIONS) == [0, None]


def test_one_person_enrolled_needs_no_margin():
    assert decide(np.float32([[0.6]]), np.eye(1, dtype=np.float32), OPTIONS) == [0]


def test_nobody_enrolled():
    assert decide(np.empty((2, 0), np.float32), np.eye(2, dtype=np.float32), OPTIONS) == [None] * 2
    empty = SampleIndex(np.empty((0, 4), np.float32), np.zeros(1, np.int64), [])
    (only,) = match([directions(1, 4)], empty, OPTIONS)
    assert (only.name, only.score, only.candidates) == (None, None, ())


def test_two_clusters_of_one_person_share_the_name_only_if_alike():
    scores = np.float32([[0.9, 0.1], [0.7, 0.1]])
    alike = np.float32([[1.0, 0.6], [0.6, 1.0]])
    assert decide(scores, alike, OPTIONS) == [0, 0]
    assert decide(scores, np.eye(2, dtype=np.float32), OPTIONS) == [0, None]


def test_who_is_outbid_gets_nobody_else():
    # Both are closest to the first person; the weaker one must not be given the second.
    scores = np.float32([[0.9, 0.6], [0.8, 0.6]])
    assert decide(scores, np.eye(2, dtype=np.float32), OPTIONS) == [0, None]


scores_of = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.floats(-1, 1, width=32),
)


@given(scores_of, st.floats(-0.5, 0.9), st.floats(0.0, 0.5))
def test_a_name_is_never_forced(scores, threshold, margin):
    options = MatchOptions(threshold, margin)
    alike = np.ones((len(scores), len(scores)), np.float32)
    chosen = decide(scores, alike, options)
    assert len(chosen) == len(scores)
    for row, person in zip(scores, chosen, strict=True):
        if person is None:
            continue
        assert row[person] >= options.threshold
        others = np.delete(row, person)
        assert not len(others) or row[person] - others.max() >= np.float32(margin) - 1e-6
    apart = decide(scores, np.full_like(alike, -1.0), options)
    named = [person for person in apart if person is not None]
    assert len(named) == len(set(named))


@given(scores_of, st.randoms(use_true_random=False))
def test_the_order_of_people_does_not_matter(scores, random):
    distinct = scores + np.arange(scores.size, dtype=np.float32).reshape(scores.shape) * 1e-3
    order = list(range(scores.shape[1]))
    random.shuffle(order)
    alike = np.eye(len(scores), dtype=np.float32)
    options = MatchOptions(0.2, 0.05)
    plain = decide(distinct, alike, options)
    shuffled = decide(distinct[:, order], alike, options)
    assert plain == [None if person is None else order[person] for person in shuffled]


# -- scores ---------------------------------------------------------------------------------


def test_a_query_is_the_centroid_and_its_best_windows():
    windows = np.float32([[0, 1], [1, 0], [0.8, 0.6], [0.6, 0.8]])
    found = query(np.float32([2, 0]), windows, count=2)
    np.testing.assert_allclose(found, [[1, 0], [1, 0], [0.8, 0.6]])
    assert len(query(np.float32([1, 0]))) == 1


def test_scores_are_means_of_the_highest_cosines():
    samples = np.float32([[1, 0], [0.6, 0.8]])
    voice = np.float32([[1, 0], [0, 1]])
    assert score(voice, samples, top_k=1) == pytest.approx(1.0)
    assert score(voice, samples, top_k=2) == pytest.approx(0.9)
    assert score(voice, samples, top_k=99) == pytest.approx((1 + 0.6 + 0 + 0.8) / 4)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 5), st.integers(0, 10**6))
def test_ranking_is_exact_however_many_people(people, voices, top_k, seed):
    rng = np.random.default_rng(seed)
    index = make_index(*[directions(int(rng.integers(1, 6)), 6, seed + n) for n in range(people)])
    queries = [directions(int(rng.integers(1, 4)), 6, seed + 1000 + n) for n in range(voices)]
    for voice, found in zip(queries, rank(queries, index, top_k), strict=True):
        every = [(score(voice, index.samples(p), top_k), p) for p in range(people)]
        best = sorted(every, key=lambda pair: (-pair[0], pair[1]))[:2]
        assert [pair[0] for pair in best] == pytest.approx([value for _, value in found])


def test_maxima_across_blocks(monkeypatch):
    monkeypatch.setattr(index_module, "BLOCK", 7)
    index = make_index(*[directions(1 + n % 3, 8, n) for n in range(20)])
    queries = [directions(2, 8, 100), directions(1, 8, 101)]
    expected = [[float((q @ index.samples(p).T).max()) for p in range(20)] for q in queries]
    np.testing.assert_allclose(index.maxima(queries), expected, atol=1e-6)


def test_matching_names_the_right_people_and_no_stranger():
    voices = directions(6, 64, seed=3)
    people = [
        np.array([near(voices[n], 10 * n + k, 0.5) for k in range(4)], np.float32) for n in range(4)
    ]
    index = make_index(*people)
    heard = [
        query(near(voice, 500 + n, 0.4), np.array([near(voice, 600 + n, 0.6)]))
        for n, voice in enumerate(voices)
    ]
    found = match(heard, index, OPTIONS)
    assert [one.name for one in found] == [f"person {n}" for n in range(4)] + [None, None]
    for one in found:
        assert len(one.candidates) == 2
        assert one.candidates[0].score >= one.candidates[1].score
        assert one.score == one.candidates[0].score
        assert one.margin == pytest.approx(one.candidates[0].score - one.candidates[1].score)


# -- the array beside the book --------------------------------------------------------------

MODEL = BookModel("tiny", "a" * 64, 8)


def fill(book: SpeakerBook, people: int, seed: int = 0) -> None:
    book.add_people(
        {
            f"person {n}": [
                Sample(vector, "a.wav", (), 6.0, 0.9) for vector in directions(3, 8, seed + n)
            ]
            for n in range(people)
        },
        MODEL,
    )


def test_a_small_book_has_no_second_copy(tmp_path):
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        fill(book, 3)
        index = load_index(book)
        assert index.names == ["person 0", "person 1", "person 2"]
        assert not index_path(book.path).exists()


def test_a_large_book_is_mapped_and_never_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "CACHED_FROM", 10)
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        fill(book, 5)
        first = load_index(book)
        assert isinstance(first.vectors, np.memmap)
        assert index_path(book.path).stat().st_mode & 0o077 == 0
        np.testing.assert_array_equal(first.vectors, book.vectors()[0])
        again = load_index(book)
        np.testing.assert_array_equal(again.vectors, first.vectors)
        book.rename("person 0", "Ann")
        assert load_index(book).names[0] == "Ann"
        book.forget(["Ann"])
        assert not index_path(book.path).exists()
        assert load_index(book).names == [f"person {n}" for n in range(1, 5)]
        book.forget(["person 1", "person 2"])
        assert len(load_index(book)) == 2
        assert not index_path(book.path).exists()


def test_an_index_of_another_book_or_a_damaged_one_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "CACHED_FROM", 10)
    with SpeakerBook(tmp_path / "other.db", create=True) as other:
        fill(other, 5, seed=50)
        load_index(other)
        content = index_path(other.path).read_bytes()
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        fill(book, 5)
        place = index_path(book.path)
        for damaged in (content, b"", b"nonsense", content[:100]):
            place.write_bytes(damaged)
            np.testing.assert_array_equal(load_index(book).vectors, book.vectors()[0])
