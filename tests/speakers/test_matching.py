"""Open-set matching: names only where threshold, margin and mutual choice all agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from diarize.arrays import unit
from diarize.embedding.base import Thresholds
from diarize.settings import IdentificationSettings
from diarize.speakers.book import SpeakerBook
from diarize.speakers.matching import Gallery, MatchOptions, _match, decide, match
from diarize.speakers.records import BookModel, BookThresholds, Sample

OPTIONS = MatchOptions(threshold=0.5, margin=0.1, clear=0.7, proposal=0.1)


def apart(count: int) -> np.ndarray:
    return np.ones((count, count), bool)


def directions(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# -- the decision ---------------------------------------------------------------------------


def test_decide_threshold_margin_and_mutual_choice():
    clear = np.float32([[0.9, 0.1], [0.2, 0.8], [0.3, 0.1]])
    assert decide(clear, apart(3), OPTIONS, 0.5) == [0, 1, None]
    assert decide(np.float32([[0.49, 0.0]]), apart(1), OPTIONS, 0.5) == [None]
    assert decide(np.float32([[0.8, 0.71]]), apart(1), OPTIONS, 0.5) == [None]
    assert decide(np.float32([[0.8, 0.69]]), apart(1), OPTIONS, 0.5) == [0]


def test_decide_a_likeness_below_the_threshold_cannot_outbid_a_match():
    # Summed blindly, giving both to each other's person would score higher.
    scores = np.float32([[0.9, 0.5], [0.45, -0.2]])
    assert decide(scores, apart(2), OPTIONS, 0.5) == [0, None]


def test_decide_a_score_at_the_bar_is_enough():
    scores = np.float32([[0.5]])
    assert decide(scores, np.ones((1, 1), bool), MatchOptions(0.5), bar=0.5) == [0]


def test_decide_one_person_enrolled_needs_no_margin():
    assert decide(np.float32([[0.6]]), apart(1), OPTIONS, 0.5) == [0]


def test_decide_two_voices_of_one_person_only_if_both_are_clear_and_never_at_once():
    scores = np.float32([[0.9, 0.1], [0.75, 0.1]])
    together = np.zeros((2, 2), bool)
    assert decide(scores, together, OPTIONS, 0.5) == [0, 0]
    assert decide(scores, apart(2), OPTIONS, 0.5) == [0, None]
    assert decide(np.float32([[0.9, 0.1], [0.69, 0.1]]), together, OPTIONS, 0.5) == [0, None]
    assert decide(np.float32([[0.69, 0.1], [0.66, 0.1]]), together, OPTIONS, 0.5) == [0, None]


def test_decide_who_is_outbid_gets_nobody_else():
    # Both are closest to the first person; the weaker one must not be given the second.
    scores = np.float32([[0.9, 0.6], [0.8, 0.6]])
    assert decide(scores, apart(2), OPTIONS, 0.5) == [0, None]


scores_of = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.floats(-1, 1, width=32),
)


@given(scores_of, st.floats(-0.5, 0.9), st.floats(0.0, 0.5))
def test_decide_never_forces_a_name(scores, threshold, margin):
    options = MatchOptions(threshold, margin=margin, clear=threshold)
    chosen = decide(scores, ~apart(len(scores)), options, threshold)
    assert len(chosen) == len(scores)
    for row, person in zip(scores, chosen, strict=True):
        if person is None:
            continue
        assert row[person] >= threshold
        others = np.delete(row, person)
        assert not len(others) or row[person] - others.max() >= np.float32(margin) - 1e-6
    alone = decide(scores, apart(len(scores)), options, threshold)
    named = [person for person in alone if person is not None]
    assert len(named) == len(set(named))


@given(scores_of, st.randoms(use_true_random=False))
def test_decide_does_not_depend_on_the_order_of_people(scores, random):
    distinct = scores + np.arange(scores.size, dtype=np.float32).reshape(scores.shape) * 1e-3
    order = list(range(scores.shape[1]))
    random.shuffle(order)
    options = MatchOptions(0.2, margin=0.05)
    plain = decide(distinct, apart(len(scores)), options, 0.2)
    shuffled = decide(distinct[:, order], apart(len(scores)), options, 0.2)
    assert plain == [None if person is None else order[person] for person in shuffled]


# -- scores and proposals -------------------------------------------------------------------


def gallery(**people: list[float]) -> Gallery:
    return Gallery(tuple(people), np.array([unit(v) for v in people.values()], np.float32))


def at(cosine: float) -> list[float]:
    """A voice of that cosine with the first axis, and none with the second."""
    return [cosine, 0.0, float(np.sqrt(1 - cosine**2))]


def test_match_proposes_between_the_bars():
    people = gallery(Ann=[1, 0, 0], Ben=[0, 1, 0])
    named, asked, strange = (
        match(np.float32([at(cosine)]), people, OPTIONS)[0] for cosine in (0.55, 0.45, 0.35)
    )
    assert (named.name, named.proposal) == ("Ann", None)
    assert asked.name is None
    assert asked.proposal is not None
    assert asked.proposal.name == "Ann"
    assert asked.proposal.score == pytest.approx(0.45)
    assert (strange.name, strange.proposal) == (None, None)
    assert strange.candidates[0].name == "Ann"
    assert strange.score == pytest.approx(0.35)
    assert strange.margin == pytest.approx(0.35)


def test_match_proposes_nobody_who_is_named_elsewhere():
    people = gallery(Ann=[1, 0, 0], Ben=[0, 1, 0])
    first, second = match(np.float32([at(0.9), at(0.45)]), people, OPTIONS)
    assert (first.name, second.name, second.proposal) == ("Ann", None, None)


def test_match_proposes_whom_the_margin_keeps_from_a_name():
    people = gallery(Ann=[1, 0, 0], Ann2=[0.97, 0.1, 0])
    (found,) = match(np.float32([[1, 0, 0]]), people, OPTIONS)
    assert found.name is None
    assert found.proposal is not None
    assert found.proposal.name == "Ann"


def test_match_nobody_enrolled():
    nobody = Gallery((), np.empty((0, 4), np.float32))
    (only,) = match(directions(1, 4), nobody, OPTIONS)
    assert (only.name, only.score, only.candidates, only.proposal) == (None, None, (), None)
    assert match(np.empty((0, 4), np.float32), gallery(Ann=[1, 0, 0, 0]), OPTIONS) == []


def test_match_names_the_right_people_and_no_stranger():
    voices = directions(6, 64, seed=3)
    noise = 0.6 * directions(4, 64, seed=8)
    people = Gallery(
        tuple(f"person {n}" for n in range(4)),
        np.array([unit(voices[n] + noise[n]) for n in range(4)], np.float32),
    )
    found = match(voices, people, OPTIONS)
    assert [one.name for one in found] == [f"person {n}" for n in range(4)] + [None, None]
    for one in found:
        assert len(one.candidates) == 2
        assert one.score == one.candidates[0].score >= one.candidates[1].score
        assert one.margin == pytest.approx(one.candidates[0].score - one.candidates[1].score)


# -- the recording's channel, and voices of more than one person -----------------------------


def test_what_all_voices_share_is_nobodys_likeness():
    # Everybody is heard through one telephone, which one person was enrolled by, too.
    line = np.eye(5, dtype=np.float32)[4]
    voices = np.array([unit(0.5 * np.eye(5)[n] + line) for n in range(4)], np.float32)
    people = Gallery(("phone", "Ann"), np.array([line, np.eye(5)[0]], np.float32))
    plain = MatchOptions(threshold=0.6)
    assert [one.name for one in match(voices, people, plain)].count("phone") == 1
    options = MatchOptions(threshold=0.6, shrinkage=0.5)
    assert [one.name for one in match(voices, people, options)] == ["Ann", None, None, None]


def test_one_voice_alone_is_no_channel():
    (found,) = match(
        np.float32([[1, 0]]), gallery(Ann=[0.8, 0.6]), MatchOptions(0.5, shrinkage=2.0)
    )
    assert (found.name, found.score) == ("Ann", pytest.approx(0.8))


def test_windows_are_compared_without_the_recordings_channel():
    line = np.eye(3, dtype=np.float32)[2]
    voices = unit(np.array([np.eye(3)[0] + 2 * line, np.eye(3)[1] + 2 * line], np.float32))
    options = MatchOptions(threshold=0.4, turn=0.6, alike=0.5, shrinkage=0.5)
    (ann, _) = match(voices, gallery(Ann=[1, 0, 0]), options, windows=[voices[:1], voices[1:]])
    assert ann.name == "Ann"
    (ann, _) = match(
        voices,
        gallery(Ann=[1, 0, 0]),
        replace(options, shrinkage=np.inf),
        windows=[voices[:1], voices[1:]],
    )
    assert ann.name is None


def test_a_voice_is_only_whom_enough_of_its_windows_sound_like():
    people = gallery(Ann=[1, 0, 0], Ben=[0, 1, 0])
    options = MatchOptions(threshold=0.5, proposal=0.1, turn=0.3, alike=0.5)
    voice = np.float32([unit([1, 0.2, 0.8])])
    for ann, name in ((1, None), (2, "Ann"), (3, "Ann")):
        windows = np.float32([[1, 0, 0]] * ann + [[0, 0, 1]] * (4 - ann))
        (found,) = match(voice, people, options, windows=[windows])
        assert found.name == name
        assert found.candidates[0].name == "Ann"
        assert (found.proposal is None) == (name is not None)


# -- people of a book, thresholds -----------------------------------------------------------


def filled(book: SpeakerBook) -> dict[str, np.ndarray]:
    people = {f"person {n}": directions(1 + n, 8, seed=n) for n in range(4)}
    book.add_people(
        {
            name: [Sample(vector, "a.wav", (), 6.0, 0.9) for vector in vectors]
            for name, vectors in people.items()
        },
        BookModel("tiny", "a" * 64, 8),
    )
    return people


def test_a_gallery_holds_everybodys_mean(tmp_path):
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        assert len(Gallery.of(book)) == 0
        people = filled(book)
        found = Gallery.of(book)
        assert found.names == tuple(people)
        expected = [unit(vectors.mean(axis=0)) for vectors in people.values()]
        np.testing.assert_allclose(found.centroids, expected, atol=1e-6)
        some = found.only(["person 3", "nobody", "person 1"])
        assert some.names == ("person 1", "person 3")
        np.testing.assert_array_equal(some.centroids, found.centroids[[1, 3]])
        assert len(found.only([])) == 0


def test_each_setting_moves_its_own_bar(tmp_path):
    model = Thresholds(clustering=0.3, verification=0.6, margin=0.1)
    own = IdentificationSettings(
        -0.05, 0.2, 0.03, 0.07, clear=0.15, turn_offset=-0.3, alike=0.7, shrinkage=3.0
    )
    found = MatchOptions.of(model, settings=own)
    assert found.bar(100, 2) == pytest.approx(0.55)
    assert found.bar(2, 2) == pytest.approx(0.35)
    assert (found.margin, found.proposal) == (0.03, 0.07)
    assert found.clear == pytest.approx(0.75)
    assert found.turn == pytest.approx(0.3)
    assert (found.alike, found.shrinkage) == (0.7, 3.0)
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        filled(book)
        book.set_thresholds(BookThresholds(0.7, 0.2, "by hand"))
        calibrated = MatchOptions.of(model, book, own)
    assert calibrated.bar(1, 9) == calibrated.bar(9, 1) == 0.7
    assert (calibrated.margin, calibrated.clear) == (0.2, pytest.approx(0.85))


def test_a_rejected_voice_is_never_that_person_again():
    people = np.float32([[1, 0, 0], [0, 1, 0]])
    voice = np.float32([[0.98, 0.199, 0]])
    options = MatchOptions(threshold=0.5, proposal=0.1)
    (free,) = match(voice, Gallery(("Ann", "Bob"), people), options)
    assert free.name == "Ann"
    gallery = Gallery(("Ann", "Bob"), people, {"Ann": np.float32([[0.97, 0.243, 0]])})
    (rejected,) = match(voice, gallery, options)
    assert rejected.name is None
    assert rejected.proposal is None
    assert [one.name for one in rejected.candidates] == ["Bob"]
    (other,) = match(np.float32([[0.6, 0, 0.8]]), gallery, options)
    assert other.name == "Ann"
    (nobody,) = match(voice, gallery.only(["Ann"]), options)
    assert (nobody.score, nobody.candidates) == (None, ())


# -- limits, exactly ------------------------------------------------------------------------


def test_the_bar_by_people_and_voices():
    options = MatchOptions(threshold=0.6, relief=0.2)
    bars = {(1, 1): 0.4, (1, 4): 0.4, (2, 1): 0.6, (2, 2): 0.4, (4, 1): 0.6, (0, 0): 0.4}
    for (people, voices), bar in bars.items():
        assert options.bar(people, voices) == pytest.approx(bar)
    assert options.bar(3, 2) == pytest.approx(0.6 - 0.2 * (1 - np.log2(1.5)))


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_decide_the_order_of_people_changes_nothing(order):
    def chosen(*scores):
        found = decide(np.float32(scores)[:, order], apart(len(scores)), OPTIONS, 0.5)
        return [None if person is None else order[person] for person in found]

    # Just at the bar is worth more than any likeness below it.
    assert chosen([0.5, 0.0], [0.4, 0.3]) == [0, None]
    # One clear match is worth more than two that are just above the bar.
    assert chosen([0.9, 0.55], [0.56, 0.1]) == [0, None]


def test_decide_two_voices_just_clear_are_one_person():
    options = replace(OPTIONS, clear=0.75)
    scores = np.float32([[0.9, 0.1], [0.75, 0.1]])
    assert decide(scores, ~apart(2), options, 0.5) == [0, 0]


def test_match_without_more_knowledge_no_two_voices_are_one_person():
    gallery = Gallery(("Ann",), np.eye(1, 2, dtype=np.float32))
    voices = np.float32([[1.0, 0.0], [0.96, 0.28]])
    assert [one.name for one in match(voices, gallery, OPTIONS)] == ["Ann", None]
    assert [one.name for one in match(voices, gallery, OPTIONS, ~apart(2))] == ["Ann", "Ann"]


@pytest.mark.parametrize(("turn", "name"), [(1.0, "Ann"), (1.01, None)])
def test_match_windows_may_sound_just_like_the_person(turn, name):
    gallery = Gallery(("Ann",), np.eye(1, 2, dtype=np.float32))
    voices = np.float32([[1.0, 0.0]])
    options = replace(OPTIONS, turn=turn, alike=1.0)
    (found,) = match(voices, gallery, options, windows=[voices])
    assert found.name == name


def test_match_names_are_proposed_from_a_score_on():
    def proposed(scores, limit, taken=frozenset()):
        found = _match(np.float32(scores), None, set(taken), ("Ann", "Bo"), limit, 2).proposal
        return found and found.name

    assert proposed([0.25, 0.1], 0.25) == "Ann"
    assert proposed([0.25, 0.1], 0.26) is None
    assert proposed([0.1, 0.25], 0.25) == "Bo"
    assert proposed([0.1, 0.25], 0.05, {1}) is None
