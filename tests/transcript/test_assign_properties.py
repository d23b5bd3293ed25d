"""What must hold for every transcript and every diarization."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytest.importorskip("hypothesis", reason="pip install hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.annotation import Diarization, Speaker
from diarize.settings import WordSettings
from diarize.timeline import Turn
from diarize.transcript.assign import label_transcript
from diarize.transcript.segments import split_text

TEXTS = st.sampled_from(
    [" yes", " no.", " well,", " Dr.", " €500", " what?", " …", "你", "好。", " -", " 12", " I", ""]
)
TIMES = st.one_of(
    st.integers(0, 40).map(lambda value: value / 4),
    st.floats(0, 10, allow_nan=False).map(lambda value: round(value, 3)),
)
SPEAKERS = st.sampled_from(["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"])
TRUST = st.sampled_from([None, 0.0, 0.05, 0.5])


@st.composite
def diarizations(draw: st.DrawFn) -> Diarization:
    turns = []
    for _ in range(draw(st.integers(0, 8))):
        start, length = draw(TIMES), draw(st.floats(0, 4))
        turns.append(Turn(start, start + length, draw(SPEAKERS), draw(TRUST)))
    named = draw(st.booleans())
    speakers = [Speaker("SPEAKER_00", name="Ann")] if named else []
    return Diarization(turns, duration=14.0, speakers=speakers)


@st.composite
def words(draw: st.DrawFn, start: float) -> dict[str, Any]:
    word: dict[str, Any] = {"word": draw(TEXTS), "probability": 0.5}
    shape = draw(st.sampled_from(["both", "both", "both", "none", "start", "end", "nan", "wild"]))
    length = draw(st.sampled_from([0.0, 0.2, 0.5, 3.0]))
    if shape in ("both", "start"):
        word["start"] = start
    if shape in ("both", "end"):
        word["end"] = start + length
    if shape == "nan":
        word.update(start=float("nan"), end=None)
    if shape == "wild":
        word.update(start=draw(TIMES), end=draw(TIMES))
    return word


@st.composite
def transcripts(draw: st.DrawFn) -> dict[str, Any]:
    segments = []
    clock = 0.0
    for index in range(draw(st.integers(0, 4))):
        start = clock
        timed = draw(st.sampled_from(["words", "words", "text", "empty"]))
        segment: dict[str, Any] = {"id": index, "tokens": [index], "start": start}
        if timed == "words":
            segment["words"] = []
            for _ in range(draw(st.integers(1, 8))):
                segment["words"].append(draw(words(clock)))
                clock += draw(st.sampled_from([0.0, 0.2, 0.3, 1.5]))
            segment["text"] = "".join(word["word"] for word in segment["words"])
        elif timed == "text":
            segment["text"] = "".join(draw(st.lists(TEXTS, max_size=10)))
            clock += draw(st.sampled_from([0.0, 0.5, 2.0, 5.0]))
        else:
            segment["text"] = ""
            clock += 0.5
        segment["end"] = clock
        segments.append(segment)
    return {"text": "all", "segments": segments, "language": "en", "mine": [1]}


OPTIONS = st.sampled_from([WordSettings(), WordSettings(realign=False)])


def flat(transcript: dict[str, Any]) -> list[dict[str, Any]]:
    return [word for segment in transcript["segments"] for word in segment.get("words") or ()]


@settings(max_examples=100, deadline=None)
@given(transcripts(), diarizations(), OPTIONS)
def test_nothing_is_lost_added_or_moved(
    transcript: dict[str, Any], diarization: Diarization, options: WordSettings
) -> None:
    before = copy.deepcopy(transcript)
    labelled = label_transcript(transcript, diarization, options=options)
    assert repr(transcript) == repr(before)  # times that are no number are equal as text only
    assert [word["word"] for word in flat(labelled)] == [word["word"] for word in flat(before)]
    assert "".join(segment["text"] for segment in labelled["segments"]) == "".join(
        segment["text"] for segment in before["segments"]
    )
    for segment in labelled["segments"]:
        if segment.get("words"):
            assert segment["text"] == "".join(word["word"] for word in segment["words"])
    assert labelled["mine"] == [1]
    assert all("tokens" in segment for segment in labelled["segments"])
    identifiers = [segment["id"] for segment in labelled["segments"]]
    assert identifiers == list(range(len(identifiers)))


@settings(max_examples=100, deadline=None)
@given(transcripts(), diarizations(), OPTIONS)
def test_everything_has_a_known_speaker_or_none(
    transcript: dict[str, Any], diarization: Diarization, options: WordSettings
) -> None:
    labelled = label_transcript(transcript, diarization, options=options)
    allowed = {diarization.display(label) for label in diarization.labels} | {None}
    for item in [*labelled["segments"], *flat(labelled)]:
        assert item["speaker"] in allowed
    if options.realign:
        for segment in labelled["segments"]:
            inside = {word["speaker"] for word in segment.get("words") or ()}
            assert inside <= {segment["speaker"], None}


@settings(max_examples=100, deadline=None)
@given(transcripts(), diarizations(), OPTIONS)
def test_times_run_forwards(
    transcript: dict[str, Any], diarization: Diarization, options: WordSettings
) -> None:
    labelled = label_transcript(transcript, diarization, options=options)
    for segment in labelled["segments"]:
        assert segment["end"] >= segment["start"]
        clock = 0.0
        for word in segment.get("words") or ():
            assert clock <= word["start"] <= word["end"]
            clock = word["start"]


@settings(max_examples=200, deadline=None)
@given(transcripts(), diarizations(), OPTIONS)
def test_labelling_again_changes_nothing(
    transcript: dict[str, Any], diarization: Diarization, options: WordSettings
) -> None:
    once = label_transcript(transcript, diarization, options=options)
    assert label_transcript(once, diarization, options=options) == once


@given(
    st.lists(st.sampled_from(["yes", " no.", " 10", "ten ", " …", "你好", ""]), max_size=12),
    st.lists(st.sampled_from([" yes", "no", "ten", " ", "你", "I'm", "-"]), min_size=1, max_size=9),
    st.sets(st.integers(1, 8)),
)
def test_pieces_of_a_text_are_the_text_whatever_the_words(
    parts: list[str], words: list[str], cuts: set[int]
) -> None:
    starts = [0, *sorted(cut for cut in cuts if cut < len(words))]
    pieces = split_text("".join(parts), words, starts)
    assert "".join(pieces) == "".join(parts)
    assert len(pieces) == len(starts)
