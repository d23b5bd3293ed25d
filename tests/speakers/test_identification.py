"""Names on a finished diarization: they never change who speaks when."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.annotation import Candidate, Diarization, Speaker, speaker_rows
from diarize.arrays import unit
from diarize.errors import SpeakerBookError
from diarize.formats import TEXT_FORMATS, WriterOptions, writable
from diarize.pipeline.intermediate import DiarizationDetails
from diarize.result import Result
from diarize.result_file import from_json, to_block
from diarize.speakers import identification
from diarize.speakers.book import SpeakerBook
from diarize.speakers.identification import among, identify_in, identify_turns
from diarize.speakers.matching import Gallery, MatchOptions
from diarize.speakers.records import BookModel, Sample
from diarize.speakers.segments import SegmentMatch
from diarize.timeline import Segment, Turn

ANN, BEN, EVE = np.eye(3, dtype=np.float32)
OPTIONS = MatchOptions(threshold=0.5, clear=0.6, proposal=0.1, turn=0.2)


def people(**vectors: np.ndarray) -> Gallery:
    return Gallery(tuple(vectors), np.array(list(vectors.values()), np.float32))


def details(*turns: tuple[float, float, str, np.ndarray]) -> DiarizationDetails:
    """A diarization with one window a turn, which sounds like the vector."""
    talk = [Turn(start, end, label) for start, end, label, _ in turns]
    labels = tuple(label for _, _, label, _ in turns)
    vectors = np.array([unit(vector) for *_, vector in turns], np.float32)
    embeddings = {
        label: unit(vectors[[mine == label for mine in labels]].mean(axis=0))
        for label in dict.fromkeys(labels)
    }
    diarization = Diarization(talk, 100.0, embeddings=embeddings)
    windows = tuple(Segment(start, end) for start, end, _, _ in turns)
    return DiarizationDetails(diarization, windows, vectors, labels)


def spans(talk: Diarization) -> list[tuple[float, float, bool]]:
    return [(turn.start, turn.end, turn.overlap) for turn in talk]


def test_identify_names_whole_speakers_and_marks_turns_that_sound_otherwise():
    before = details(
        (0, 8, "SPEAKER_00", ANN),
        (8, 12, "SPEAKER_01", EVE),
        (12, 14, "SPEAKER_00", BEN),
        (14, 20, "SPEAKER_00", ANN),
    )
    found = identify_in(before, people(Ann=ANN), OPTIONS)
    assert [speaker.display for speaker in found.speakers] == ["Ann", "SPEAKER_01"]
    assert [turn.unsure for turn in found] == [False, False, True, False]
    assert [turn.speaker for turn in found] == [turn.speaker for turn in before.diarization]
    assert found.embeddings.keys() == before.diarization.embeddings.keys()


def test_identify_names_nobody_whose_turns_are_half_somebody_elses():
    half = details(
        (0, 8, "SPEAKER_00", ANN + 0.5 * EVE),
        (8, 16, "SPEAKER_00", EVE),
        (16, 24, "SPEAKER_00", BEN),
        (24, 32, "SPEAKER_01", ANN + EVE),
    )
    options = replace(OPTIONS, alike=0.5)
    assert identify_in(half, people(Eve=EVE, Ann=ANN), options).speakers[0].name == "Eve"
    strict = identify_in(half, people(Eve=EVE, Ann=ANN), replace(options, alike=0.9))
    assert strict.speakers[0].name is None
    assert [turn.speaker for turn in strict] == [turn.speaker for turn in half.diarization]


def test_identify_marks_turns_that_no_window_speaks_for():
    before = details((0, 8, "SPEAKER_00", ANN), (10, 18, "SPEAKER_00", ANN))
    talk = replace(
        before.diarization, turns=[*before.diarization.turns, Turn(8.5, 8.7, "SPEAKER_00")]
    )
    found = identify_in(replace(before, diarization=talk), people(Ann=ANN), OPTIONS)
    assert [turn.unsure for turn in found] == [False, True, False]


def test_identify_makes_one_of_two_speakers_who_never_talk_at_once():
    near = ANN + 0.3 * BEN
    apart = details(
        (0, 8, "SPEAKER_00", ANN), (8, 12, "SPEAKER_01", EVE), (12, 16, "SPEAKER_02", near)
    )
    found = identify_in(apart, people(Ann=ANN), OPTIONS)
    assert [turn.speaker for turn in found] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    assert found.labels == ("SPEAKER_00", "SPEAKER_01")
    assert found.embeddings["SPEAKER_00"] == pytest.approx(unit(2 * ANN + unit(near)), abs=1e-6)
    at_once = details((0, 8, "SPEAKER_00", ANN), (7.5, 20, "SPEAKER_01", near))
    found = identify_in(at_once, people(Ann=ANN), OPTIONS)
    assert [speaker.display for speaker in found.speakers] == ["Ann", "SPEAKER_01"]


def test_participants_are_found_whatever_their_capitals_where_only_one_fits(tmp_path):
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        for name, vector in (("Ann", ANN), ("Ben", BEN), ("ben", EVE)):
            book.add(name, [Sample(vector, "a.wav", (), 8.0, 0.9)], BookModel("tiny", "a" * 64, 3))
        assert among(["ann", "Ben"], book) == (("Ann", "Ben"), ())
        found, (doubt, unknown) = among(["BEN", "Ann", "Zoe"], book)
        assert found == ("Ann",)
        assert doubt.startswith("BEN is not enrolled")
        assert "diarize enroll 'Zoe' FILE" in unknown
        with pytest.raises(SpeakerBookError, match="none of the participants"):
            among(["BEN"], book)


def test_identify_proposes_below_the_bar_and_json_keeps_it():
    before = details((0, 8, "SPEAKER_00", 0.45 * ANN + 0.893 * EVE), (8, 12, "SPEAKER_01", BEN))
    found = identify_in(before, people(Ann=ANN, Ben=BEN), OPTIONS)
    (unknown, ben) = found.speakers
    assert (unknown.name, ben.name, ben.proposal) == (None, "Ben", None)
    assert unknown.proposal is not None
    assert unknown.proposal.name == "Ann"
    block = json.loads(json.dumps(to_block(Result(found))))
    assert block["speakers"][0]["proposal"]["name"] == "Ann"
    back = from_json({"diarization": block}).diarization
    assert back.speakers[0].proposal == Candidate("Ann", unknown.proposal.score)
    assert back.speakers[1].proposal is None


def test_json_keeps_which_turns_are_unsure():
    talk = Diarization([Turn(0, 1, "a", unsure=True), Turn(1, 2, "a")], 2)
    back = from_json({"diarization": json.loads(json.dumps(to_block(Result(talk))))})
    assert [turn.unsure for turn in back.diarization] == [True, False]


def test_identify_of_nothing_and_of_nobody():
    nothing = DiarizationDetails(Diarization([], 5.0), (), np.empty((0, 3), np.float32), ())
    assert identify_in(nothing, people(Ann=ANN), OPTIONS) == nothing.diarization
    before = details((0, 8, "SPEAKER_00", ANN))
    nobody = Gallery((), np.empty((0, 3), np.float32))
    assert identify_in(before, nobody, OPTIONS) == before.diarization


@given(
    st.lists(
        st.tuples(st.floats(0, 90), st.floats(0.1, 9), st.integers(0, 3), st.integers(0, 9)),
        min_size=1,
        max_size=12,
        unique_by=lambda turn: turn[:2],  # turns of one span have no order of their own
    ),
    st.integers(0, 4),
)
def test_names_never_change_turns(plan, enrolled):
    rng = np.random.default_rng(7)
    voices = [unit(vector) for vector in rng.normal(size=(10, 3))]
    before = details(
        *((start, start + length, f"SPEAKER_{who:02d}", voices[sound])
          for start, length, who, sound in plan)
    )  # fmt: skip
    gallery = people(**{f"P{n}": voices[n] for n in range(enrolled)})
    found = identify_in(before, gallery, OPTIONS)
    assert spans(found) == spans(before.diarization)
    assert len(found.labels) <= len(before.diarization.labels)
    assert set(found.labels) <= set(before.diarization.labels)
    assert found.labels == tuple(dict.fromkeys(turn.speaker for turn in found))
    names = [speaker.name for speaker in found.speakers if speaker.name]
    assert len(names) == len(set(names))
    # Each speaker of before is one speaker afterwards.
    pairs = {(a.speaker, b.speaker) for a, b in zip(before.diarization, found, strict=True)}
    assert len(pairs) == len(before.diarization.labels)


def test_the_table_says_who_somebody_may_be():
    speaker = Speaker("a", proposal=Candidate("Ann", 0.583))
    talk = Diarization([Turn(0, 1, "a"), Turn(1, 2, "b")], 2, speakers=[speaker])
    rows = [row[0] for row in speaker_rows(talk)]
    assert rows == ["a may be Ann (0.58)", "b"]


def test_mark_unsure_puts_a_question_mark_behind_names_in_text_only():
    turns = [Turn(0, 4, "a"), Turn(4, 8, "a", unsure=True), Turn(8, 9, "b")]
    talk = Diarization(turns, 9, speakers=[Speaker("a", "Ann")])
    segments = [
        {"start": 0.0, "end": 3.9, "text": " Sure.", "speaker": "Ann"},
        {"start": 3.9, "end": 8.0, "text": " Not so sure.", "speaker": "Ann"},
        {"start": 8.0, "end": 9.0, "text": " Yes.", "speaker": "b"},
        {"start": 9.0, "end": 9.0, "text": " Hm.", "speaker": None},
    ]
    result = Result(talk, {"segments": segments})
    plain, marked = WriterOptions(), WriterOptions(mark_unsure=True)
    for name in set(writable()) - {"docx", "parquet"}:
        text = result.render(name, marked)
        if name in TEXT_FORMATS:
            assert text.count("Ann?") >= 1, name
            assert "b?" not in text, name
        else:
            assert text == result.render(name, plain), name
        assert "Ann?" not in result.render(name, plain)
        alone = Result(talk).render(name, marked)
        assert name not in ("srt", "csv", "md") or "Ann?" in alone, name
    assert result.transcript == {"segments": segments}
    for segment in segments:  # cues go by the speakers of the words
        segment["words"] = [{**segment, "word": segment["text"]}]
    for name in ("srt", "vtt", "ass"):
        text = result.render(name, marked)
        assert text.count("Ann?") >= 1 and "b?" not in text, name


# -- which windows speak for a turn, exactly ------------------------------------------------------


def marks(
    windows: list[tuple[tuple[float, float], np.ndarray]], options: MatchOptions = OPTIONS
) -> list[bool]:
    """Say which of Ann's turns, 0 to 4 s and 4 to 8 s, are marked; a stranger talks from 8 s on."""
    talk = Diarization(
        [Turn(0, 4, "SPEAKER_00"), Turn(4, 8, "SPEAKER_00"), Turn(8, 12, "SPEAKER_01")],
        12.0,
        embeddings={"SPEAKER_00": ANN, "SPEAKER_01": EVE},
    )
    spans = (*(Segment(*span) for span, _ in windows), Segment(8, 12))
    vectors = np.array([*(vector for _, vector in windows), EVE], np.float32)
    labels = (*("SPEAKER_00" for _ in windows), "SPEAKER_01")
    before = DiarizationDetails(talk, spans, vectors, labels)
    found = identify_in(before, people(Ann=ANN), options)
    assert [speaker.name for speaker in found.speakers] == ["Ann", None]
    return [turn.unsure for turn in found][:2]


def test_a_window_speaks_for_the_turn_that_holds_most_of_it():
    assert marks([((2.0, 6.0), ANN)]) == [True, True]  # half of it in each
    assert marks([((1.0, 5.0), ANN)]) == [False, True]
    assert marks([((1.0, 5.0), BEN)]) == [True, True]
    assert marks([((0.0, 2.0), ANN), ((4.0, 5.0), ANN)]) == [False, False]


def test_a_turn_may_sound_just_like_the_person():
    assert marks([((0.0, 4.0), ANN)], replace(OPTIONS, turn=1.0)) == [False, True]


@pytest.mark.parametrize(("turn", "unsure"), [(0.85, False), (0.92, True)])
def test_turns_are_compared_without_what_all_voices_share(turn, unsure):
    """Of two voices and one of no sound, a third is shared: Ann's cosine is 2 / √5 without it."""
    options = replace(OPTIONS, turn=turn, shrinkage=1.0)
    assert marks([((0.0, 2.0), ANN), ((2.0, 4.0), ANN)], options) == [unsure, True]


@pytest.mark.parametrize("order", [(0.0, 0.3), (0.3, 0.0)])
def test_of_two_speakers_who_are_one_the_better_match_is_told(order):
    first, second = (unit(ANN + off * BEN) for off in order)
    apart = details((0, 8, "SPEAKER_00", first), (12, 16, "SPEAKER_01", second))
    (ann,) = identify_in(apart, people(Ann=ANN, Eve=EVE), OPTIONS).speakers
    assert (ann.label, ann.name) == ("SPEAKER_00", "Ann")
    assert ann.score == pytest.approx(1.0)
    assert ann.candidates[0].score == pytest.approx(1.0)


def test_turns_named_one_by_one_have_a_speaker_for_each_person_and_each_label_left(monkeypatch):
    before = details(
        (0, 2, "SPEAKER_00", ANN), (2, 4, "SPEAKER_00", EVE), (4, 6, "SPEAKER_01", ANN),
        (6, 8, "SPEAKER_01", BEN), (8, 9, "SPEAKER_00", EVE),
    ).diarization  # fmt: skip
    matches = [
        SegmentMatch(0, 2, "Ann", 0.7, "Ann", "Ben", 0.1),
        SegmentMatch(2, 4, None, -0.4, "Ben"),
        SegmentMatch(4, 6, "Ann", 0.9, "Ann", "Ben", 0.2),
        SegmentMatch(6, 8),
        SegmentMatch(8, 9, None, -0.6, "Ann"),
    ]
    monkeypatch.setattr(identification, "identify_segments", lambda *_, **__: matches)
    found = identify_turns(before, None, None, None)
    assert [turn.speaker[-1] for turn in found] == ["0", "1", "0", "2", "1"]
    assert spans(found) == spans(before)
    shown = [(one.label, one.name, one.score) for one in found.speakers]
    assert shown == [
        ("SPEAKER_00", "Ann", 0.9), ("SPEAKER_01", None, -0.4), ("SPEAKER_02", None, None)
    ]  # fmt: skip
    # Of a person the book has the voice; what is left of a speaker keeps that speaker's.
    assert list(found.embeddings) == ["SPEAKER_01", "SPEAKER_02"]
    assert found.embeddings["SPEAKER_01"] is before.embeddings["SPEAKER_00"]
    assert found.turns[2].candidates == (("Ann", 0.9), ("Ben", 0.2))
    bare = identify_turns(replace(before, embeddings={}), None, None, None)
    assert bare.embeddings == {}
