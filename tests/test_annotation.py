"""Values of who spoke when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.annotation import Diarization, Speaker, find_speaker
from diarize.rttm import rttm_field
from diarize.timeline import Segment, Turn

times = st.integers(0, 600).map(lambda n: n / 10)


@st.composite
def turns(draw):
    start = draw(times)
    length = draw(st.integers(1, 80)) / 10
    confidence = draw(st.one_of(st.none(), st.floats(0, 1)))
    return Turn(start, start + length, draw(st.sampled_from("ABCD")), confidence)


talks = st.lists(turns(), max_size=12).map(lambda ts: Diarization(ts, duration=80.0))


def speech_at(talk: Diarization, instant: float) -> set[str]:
    return {turn.speaker for turn in talk.turns if turn.start <= instant < turn.end}


def test_speakers_come_in_order_of_appearance_and_keep_what_is_known():
    talk = Diarization(
        [Turn(3, 4, "x"), Turn(0, 1, "y")], 5, speakers=[Speaker("x", name="Ann"), Speaker("y")]
    )
    assert talk.labels == ("y", "x")
    assert talk.display("x") == "Ann"
    assert talk.display("y") == "y"
    assert talk.speech == (Segment(0, 1), Segment(3, 4))


def test_values_cannot_be_changed():
    with pytest.raises(AttributeError):
        Turn(0, 1, "a").start = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Diarization([], 1).duration = 3  # type: ignore[misc]


def test_talk_time_counts_time_once():
    talk = Diarization([Turn(0, 2, "a"), Turn(1, 3, "a"), Turn(2, 4, "b")], 5)
    assert talk.talk_time("a") == 3
    assert talk.talk_time("nobody") == 0


def test_exclusive_gives_overlap_to_the_surer_turn():
    talk = Diarization([Turn(0, 4, "a", 0.2, True), Turn(1, 2, "b", 0.9, True)], 5)
    assert list(talk.exclusive()) == [Turn(0, 1, "a"), Turn(1, 2, "b"), Turn(2, 4, "a")]
    assert not any(turn.overlap for turn in talk.exclusive())


@given(talks)
def test_exclusive_keeps_the_speech_and_one_voice_of_those_talking(talk):
    alone = talk.exclusive()
    for before, after in zip(alone.turns, alone.turns[1:], strict=False):
        assert before.end <= after.start
    for tick in range(800):
        instant = tick / 10 + 0.05
        was, now = speech_at(talk, instant), speech_at(alone, instant)
        assert len(now) == min(1, len(was))
        assert now <= was
    assert list(alone.exclusive()) == list(alone)


@given(talks, times, times)
def test_crop_keeps_what_is_inside(talk, a, b):
    window = Segment(min(a, b), max(a, b))
    inside = talk.crop(window)
    for tick in range(800):
        instant = tick / 10 + 0.05
        expected = speech_at(talk, instant) if instant in window else set()
        assert speech_at(inside, instant) == expected


def test_rename_can_merge_two_speakers():
    talk = Diarization([Turn(0, 1, "a"), Turn(2, 3, "b")], 5).rename({"b": "a"})
    assert talk.labels == ("a",)
    assert talk.talk_time("a") == 2


def test_rttm_has_ten_fields_and_no_spaces_in_names():
    talk = Diarization(
        [Turn(0.5, 2.25, "SPEAKER_00")], 3, uri="my talk", speakers=[Speaker("SPEAKER_00", "Ann L")]
    )
    (line,) = talk.to_rttm().splitlines()
    assert line.split() == [
        "SPEAKER", "my_talk", "1", "0.500", "1.750", "<NA>", "<NA>", "Ann_L", "<NA>", "<NA>",
    ]  # fmt: skip
    assert rttm_field("  ") == "_"


@given(talks)
def test_annotation_round_trip(talk):
    pytest.importorskip("pyannote.core", reason='pip install "autospeech-diarize[test]"')
    back = Diarization.from_annotation(talk.to_annotation(), duration=talk.duration)
    assert [(t.start, t.end, t.speaker) for t in back] == sorted(
        (t.start, t.end, t.speaker) for t in talk
    )


def test_find_speaker_by_label_name_or_number():
    speakers = [Speaker("SPEAKER_00", "1"), Speaker("SPEAKER_01", "Ann"), Speaker("SPEAKER_11")]
    talk = Diarization([Turn(at, at + 1, one.label) for at, one in enumerate(speakers)], 3)
    talk = replace(talk, speakers=speakers)
    found = {
        key: (lambda one: one and one.label)(find_speaker(talk, key))
        for key in ("SPEAKER_01", "Ann", "01", "11", "1", "2", "", "ann")
    }
    assert found == {
        "SPEAKER_01": "SPEAKER_01", "Ann": "SPEAKER_01", "01": "SPEAKER_01", "11": "SPEAKER_11",
        "1": "SPEAKER_00",  # a name comes before a number
        "2": None, "": None, "ann": None,
    }  # fmt: skip
    foreign = Diarization([Turn(0, 1, "spk1"), Turn(1, 2, "guest 1")], 2)
    assert find_speaker(foreign, "1") is None


def test_likely_count_is_said_where_the_number_is_in_doubt() -> None:
    turns = [Turn(0, 2, "a"), Turn(2, 4, "b"), Turn(4, 6, "c")]
    said = {
        counts: str(Diarization(turns, 6, speaker_counts=dict(counts))).splitlines()[0]
        for counts in (((3, 1.0),), ((2, 0.6), (3, 0.4)), ((3, 0.6), (4, 0.4)), ((2, 1.0),))
    }
    shown = [line.partition("3 speakers")[2].partition(" in ")[0] for line in said.values()]
    assert shown == ["", " (2 likely)", " (perhaps 4)", ""]


def test_rename_keeps_confidences_until_speakers_are_joined() -> None:
    talk = Diarization(
        [Turn(0, 2, "a"), Turn(2, 4, "b")],
        4,
        confidences={"a": 0.9, "b": 0.8},
        speaker_counts={2: 1.0},
    )
    renamed = talk.rename({"a": "x"})
    assert (renamed.confidences, renamed.speaker_counts) == ({"x": 0.9, "b": 0.8}, {2: 1.0})
    joined = talk.rename({"a": "b"})
    assert (joined.confidences, joined.speaker_counts) == ({}, {})


def test_confidences_are_written_and_read_back() -> None:
    from diarize.result import Result
    from diarize.result_file import from_json, to_block

    talk = Diarization(
        [Turn(0, 2, "a"), Turn(2, 4, "b")],
        4,
        confidences={"a": 0.9},
        speaker_counts={1: 0.2, 2: 0.8},
    )
    block = to_block(Result(talk, None, None))
    assert [one["confidence"] for one in block["speakers"]] == [0.9, None]
    back = from_json({"diarization": block}).diarization
    assert (back.confidences, back.speaker_counts) == (talk.confidences, talk.speaker_counts)
