"""One label for a stranger in all recordings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.annotation import Diarization, Speaker
from diarize.arrays import unit
from diarize.speakers.linking import link
from diarize.timeline import Turn


def voice(who: int, seed: int = 0, spread: float = 0.3) -> np.ndarray:
    base = np.zeros(32, np.float32)
    base[who] = 1.0
    noise = unit(np.random.default_rng(1000 * who + seed).normal(size=32))
    return unit(base + spread * noise)


def talk(uri: str, who: list[int], names: dict[int, str] | None = None) -> Diarization:
    labels = [f"SPEAKER_{n:02d}" for n in range(len(who))]
    seed = sum(map(ord, uri))
    return Diarization(
        [Turn(float(n), n + 1.0, label) for n, label in enumerate(labels)],
        float(len(who)),
        uri,
        speakers=[
            Speaker(label, (names or {}).get(person))
            for label, person in zip(labels, who, strict=True)
        ],
        embeddings={label: voice(person, seed) for label, person in zip(labels, who, strict=True)},
    )


def people_of(linked: list[Diarization], who: list[list[int]]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for recording, people in zip(linked, who, strict=True):
        for turn, person in zip(recording.turns, people, strict=True):
            found.setdefault(person, set()).add(turn.speaker)
    return found


def test_the_same_stranger_has_the_same_label_everywhere():
    who = [[0, 1], [1, 2], [2, 0, 3]]
    linked = link(
        [talk(uri, people) for uri, people in zip("abc", who, strict=True)], threshold=0.5
    )
    assert people_of(linked, who) == {
        0: {"SPEAKER_00"},
        1: {"SPEAKER_01"},
        2: {"SPEAKER_02"},
        3: {"SPEAKER_03"},
    }
    assert set(linked[1].embeddings) == {"SPEAKER_01", "SPEAKER_02"}


def test_swapped_labels_do_not_collide():
    linked = link([talk("a", [0, 1]), talk("b", [1, 0])], threshold=0.5)
    assert [turn.speaker for turn in linked[1].turns] == ["SPEAKER_01", "SPEAKER_00"]
    np.testing.assert_allclose(linked[1].embeddings["SPEAKER_00"], voice(0, ord("b")))


def test_two_speakers_of_one_recording_are_never_joined():
    twins = talk("a", [0, 0])
    linked = link([twins, talk("b", [0])], threshold=0.1)
    assert len(linked[0].labels) == 2
    assert set(linked[1].labels) < set(linked[0].labels)


def test_names_join_and_keep_apart():
    linked = link(
        [talk("a", [0], {0: "Ann"}), talk("b", [9], {9: "Ann"}), talk("c", [0])], threshold=0.5
    )
    assert linked[0].labels == linked[1].labels
    assert linked[2].labels != linked[0].labels
    assert linked[1].speakers[0].name == "Ann"


def test_nothing_to_link():
    assert link([], threshold=0.5) == []
    silent = Diarization([], 3.0, "silent")
    (only,) = link([silent], threshold=0.5)
    assert only.labels == ()
    (one,) = link([talk("a", [4])], threshold=0.5)
    assert one.labels == ("SPEAKER_00",)
    with pytest.raises(ValueError):
        link([silent])


def test_speakers_without_a_centroid_stay_apart():
    bare = Diarization([Turn(0, 1, "SPEAKER_00")], 1.0, "bare")
    linked = link([talk("a", [0]), bare, Diarization([Turn(0, 1, "x")], 1.0, "bare2")], threshold=0)
    assert len({recording.labels[0] for recording in linked}) == 3


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=4, unique=True), max_size=6),
    st.randoms(use_true_random=False),
)
def test_linking_is_right_and_deaf_to_the_order_of_files(who, random):
    talks = [talk(f"file{number}", people) for number, people in enumerate(who)]
    linked = link(talks, threshold=0.5)
    found = people_of(linked, who)
    assert all(len(labels) == 1 for labels in found.values())
    assert len({next(iter(labels)) for labels in found.values()}) == len(found)
    order = list(range(len(talks)))
    random.shuffle(order)
    shuffled = link([talks[at] for at in order], threshold=0.5)
    for at, recording in zip(order, shuffled, strict=True):
        assert recording == linked[at]
