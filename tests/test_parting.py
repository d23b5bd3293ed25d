"""Turns that do not sound like the person their cluster is named after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.annotation import Diarization, Segment, Turn
from diarize.details import DiarizationDetails
from diarize.speakers.index import SampleIndex
from diarize.speakers.matching import MatchOptions
from diarize.speakers.naming import name_voices
from diarize.speakers.parting import at_once, part, set_apart
from diarize.speakers.records import unit

ANN, BOB, EVE = np.eye(3, dtype=np.float32)
OPTIONS = MatchOptions(threshold=0.7, margin=0.1, support=0.5)


def heard(*parts: tuple[str, np.ndarray, int]) -> DiarizationDetails:
    """Turns one after another, each of so many windows of a second: (label, voice, windows)."""
    turns, windows, vectors, labels, at = [], [], [], [], 0.0
    for label, voice, count in parts:
        turns.append(Turn(at, at + count, label))
        for number in range(count):
            windows.append(Segment(at + number, at + number + 1))
            vectors.append(unit(voice + 0.05 * np.float32([number % 2, 0.5, 1])))
            labels.append(label)
        at += count + 1.0
    stacked = np.array(vectors)
    means = {
        label: unit(stacked[[mine == label for mine in labels]].mean(axis=0))
        for label in dict.fromkeys(labels)
    }
    talk = Diarization(turns, at, "talk", embeddings=means)
    return DiarizationDetails(talk, tuple(windows), stacked, tuple(labels))


def book(**people: np.ndarray) -> SampleIndex:
    starts = np.arange(len(people) + 1, dtype=np.int64)
    return SampleIndex(np.array(list(people.values()), np.float32), starts, list(people))


def names(talk: Diarization) -> list[str]:
    return [talk.display(turn.speaker) for turn in talk.turns]


def test_a_stranger_in_a_named_cluster_stays_unnamed():
    details = heard(("S0", ANN, 8), ("S0", EVE, 3), ("S0", ANN, 6), ("S1", BOB, 5))
    found = name_voices(details, book(Ann=ANN), OPTIONS)
    assert names(found) == ["Ann", "SPEAKER_02", "Ann", "S1"]
    blind = name_voices(details, book(Ann=ANN), MatchOptions(0.7, 0.1))
    assert names(blind) == ["Ann", "Ann", "Ann", "S1"]


def test_what_was_parted_may_be_somebody_enrolled():
    details = heard(("S0", ANN, 8), ("S0", BOB, 4), ("S0", ANN, 6))
    found = name_voices(details, book(Ann=ANN, Bob=BOB), OPTIONS)
    assert names(found) == ["Ann", "Bob", "Ann"]
    assert found.embeddings[found.turns[1].speaker] @ BOB > 0.99
    assert found.embeddings[found.turns[0].speaker] @ ANN > 0.99


def test_a_guess_over_somebody_else_bears_no_name():
    details = heard(("S0", ANN, 8), ("S1", BOB, 8))
    guess = Turn(12.0, 12.9, "S0", overlap=True)
    talk = details.diarization
    guessed = DiarizationDetails(
        Diarization([*talk.turns, guess], 20.0, embeddings=talk.embeddings),
        details.windows,
        details.vectors,
        details.labels,
    )
    found = name_voices(guessed, book(Ann=ANN), OPTIONS)
    assert names(found) == ["Ann", "S1"]
    assert len(name_voices(guessed, book(Eve=EVE), OPTIONS)) == 3


def with_turns(details: DiarizationDetails, *turns: Turn) -> DiarizationDetails:
    """The same with turns that no window hears."""
    talk = details.diarization
    more = Diarization([*talk.turns, *turns], 60.0, embeddings=talk.embeddings)
    return DiarizationDetails(more, details.windows, details.vectors, details.labels)


def test_what_nobody_heard_bears_no_name():
    details = heard(("S0", ANN, 8), ("S1", BOB, 8), ("S1", BOB, 8))
    unheard = with_turns(details, Turn(9.2, 10.4, "S0"), Turn(17.2, 18.3, "S0"))
    found = name_voices(unheard, book(Ann=ANN), OPTIONS)
    assert names(found) == ["Ann", "S1", "SPEAKER_02", "SPEAKER_02", "S1"]
    assert "SPEAKER_02" not in found.embeddings
    # Less than a speaker has to say is no speaker.
    little = with_turns(details, Turn(17.2, 17.6, "S0"))
    assert names(name_voices(little, book(Ann=ANN), OPTIONS)) == ["Ann", "S1", "S1"]
    # Nor a voice that is unknown anyway: it keeps its label.
    found = name_voices(with_turns(details, Turn(8.2, 8.6, "S1")), book(Ann=ANN), OPTIONS)
    assert names(found) == ["Ann", "S1", "S1", "S1"]


def test_what_nobody_heard_between_two_turns_of_a_person_is_theirs():
    details = heard(("S0", ANN, 8), ("S0", ANN, 8), ("S1", BOB, 8))
    for turn, expected in ((Turn(8.3, 8.7, "S0"), ["Ann"]), (Turn(17.3, 17.7, "S0"), [])):
        found = name_voices(with_turns(details, turn), book(Ann=ANN), OPTIONS)
        assert [found.display(t.speaker) for t in found.turns if t.start == turn.start] == expected


def test_a_turn_inside_a_window_of_its_speaker_is_heard():
    """Without long pieces, windows reach over the ends of short turns."""
    details = heard(("S0", ANN, 8), ("S1", BOB, 8))
    short = replace(
        with_turns(details, Turn(17.3, 17.7, "S0")),
        windows=(*details.windows, Segment(17.0, 18.6)),
        vectors=np.concatenate([details.vectors, ANN[None]]),
        labels=(*details.labels, "S0"),
    )
    assert names(name_voices(short, book(Ann=ANN), OPTIONS)) == ["Ann", "S1", "Ann"]


def test_set_apart_moves_nothing_where_all_is_heard():
    details = heard(("S0", ANN, 8), ("S1", BOB, 3))
    people = {"S0": ("Ann", ANN[None]), "S1": ("Bob", BOB[None])}
    assert set_apart(details, people, 0.5) is details.diarization
    unheard = with_turns(details, Turn(9.5, 12.5, "S0"), Turn(20, 23, "S1"))
    assert names(set_apart(unheard, {"S0": people["S0"]}, 0.5)) == ["S0", "S1", "SPEAKER_02", "S1"]
    # One label for whatever is in doubt: more would look like more people.
    assert names(set_apart(unheard, people, 0.5)) == ["S0", "S1", "SPEAKER_02", "SPEAKER_02"]


def test_nobody_is_named_who_has_no_turn_left():
    details = heard(("S0", unit(ANN + 1.2 * EVE), 8), ("S1", BOB, 3))
    found = name_voices(details, book(Ann=ANN), MatchOptions(0.6, 0.1, support=0.9))
    assert [one.name for one in found.speakers] == [None, None]
    assert names(found) == ["SPEAKER_02", "S1"]
    assert set(found.embeddings) == {"S1"}


def test_where_a_cluster_hardly_leads_a_turn_has_to_sound_more_like_the_person():
    rather = unit(np.float32([0.55, 0.835, 0.0]))
    details = heard(("S0", ANN, 8), ("S1", BOB, 3), ("S0", rather, 3))
    people = {"S0": ("Ann", ANN[None])}
    for confidence, expected in ((None, "S0"), (0.4, "S0"), (0.1, "SPEAKER_02")):
        first, second, third = details.diarization.turns
        turns = [first, second, replace(third, confidence=confidence)]
        doubt = replace(details, diarization=replace(details.diarization, turns=turns))
        assert names(set_apart(doubt, people, 0.5)) == ["S0", "S1", expected]


def test_a_name_is_never_put_back_on_what_does_not_sound_like_it():
    """Two strangers who together are more like Ann than each of them."""
    one, two = unit(np.float32([0.45, 0.9, 0])), unit(np.float32([0.45, -0.9, 0]))
    details = heard(("S0", ANN, 8), ("S0", one, 2), ("S0", two, 2))
    again = part(details, {"S0": ANN[None]}, 0.5)
    assert again.diarization.embeddings["SPEAKER_01"] @ ANN > 0.9
    assert names(name_voices(details, book(Ann=ANN), OPTIONS))[1:] == ["SPEAKER_02"] * 2


def test_only_what_does_not_fit_is_parted():
    details = heard(("S0", ANN, 8), ("S0", EVE, 3))
    short = part(details, {"S0": ANN[None]}, 0.5)
    assert [turn.speaker for turn in short.diarization.turns] == ["S0", "SPEAKER_01"]
    assert short.labels == ("S0",) * 8 + ("SPEAKER_01",) * 3
    assert part(details, {}, 0.5) is details
    assert part(details, {"S0": ANN[None]}, -1.0) is details
    # Nothing of the cluster fits by itself: the cluster as a whole decides.
    assert part(details, {"S0": BOB[None]}, 0.5) is details


def test_two_who_talk_at_once_are_not_one_person():
    both = heard(("S0", ANN, 20), ("S1", ANN, 20))
    later = Turn(3.0, 23.0, "S1")
    together = Diarization(
        [both.diarization.turns[0], later], 50.0, embeddings=both.diarization.embeddings
    )
    crossing = DiarizationDetails(together, both.windows, both.vectors, both.labels)
    assert names(name_voices(both, book(Ann=ANN), OPTIONS)) == ["Ann", "Ann"]
    assert sorted(names(name_voices(crossing, book(Ann=ANN), OPTIONS)))[0] == "Ann"
    assert names(name_voices(crossing, book(Ann=ANN), OPTIONS)).count("Ann") == 1


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(18.5, 40.0, False), (15.0, 40.0, True), (15.0, 180.0, True)]
)
def test_at_once(start, end, expected):
    talk = Diarization([Turn(0, 20, "a"), Turn(start, end, "b")], 200)
    assert at_once(talk, "a", "b") is at_once(talk, "b", "a") is expected


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 2), st.integers(1, 5)), min_size=1),
    st.floats(-1, 1),
)
def test_parting_loses_nothing(plan, support):
    details = heard(*((label, (ANN, BOB, EVE)[who], count) for label, who, count in plan))
    found = part(details, {"A": ANN[None], "B": BOB[None]}, support)
    before, after = details.diarization, found.diarization
    assert [turn.segment for turn in after.turns] == [turn.segment for turn in before.turns]
    assert set(found.labels) <= set(after.labels) == set(after.embeddings)
    for turn in after.turns:
        for window, label in zip(found.windows, found.labels, strict=True):
            if turn.segment.overlap(window) > 0.5:
                assert label == turn.speaker
