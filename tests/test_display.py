"""How values look when they are printed, and in a notebook."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.annotation import Diarization, Speaker
from diarize.annotation import picture as timeline
from diarize.audio.waveform import Waveform
from diarize.errors import SpeakerBookError
from diarize.pipeline.intermediate import DiarizationDetails, WindowEmbeddings
from diarize.result import Result
from diarize.segmentation.activity import LocalSpeakers, SpeechActivity
from diarize.speakers import BookModel, Sample, SpeakerBook
from diarize.timeline import Segment, Turn
from diarize.transcript.readers import read_transcript

TURNS = [Turn(0.75, 9.8, "SPEAKER_00"), Turn(10.0, 21.44, "SPEAKER_01"), Turn(21, 30, "SPEAKER_00")]
ANN = Speaker("SPEAKER_00", name="Ann")
TALK = Diarization(
    TURNS, 31.0, "meeting", [ANN], embeddings={"SPEAKER_00": np.ones(256, np.float32)}
)
SEGMENTS = [
    {"id": 0, "start": 0.8, "end": 9.8, "text": " Good morning\nto all of you."},
    {"id": 1, "start": 10.0, "end": 21.0, "text": " Morning."},
]
SPOKEN = [{**SEGMENTS[0], "speaker": "Ann"}, {**SEGMENTS[1], "speaker": "SPEAKER_01"}]
RESULT = Result(TALK, {"text": "", "segments": SPOKEN}, "meeting.mp3")


def test_print_shows_speakers_and_turns() -> None:
    assert str(TALK) == (
        "'meeting': 3 turns of 2 speakers in 0:31\n\n"
        "speaker     speech  share  turns\n"
        "Ann           0:18    61%      2\n"
        "SPEAKER_01    0:11    39%      1\n\n"
        "start   end     speaker\n"
        "0:00.8  0:09.8  Ann\n"
        "0:10.0  0:21.4  SPEAKER_01\n"
        "0:21.0  0:30.0  Ann"
    )
    assert str(TALK.turns[0]) == "0:00.8 - 0:09.8  SPEAKER_00"
    assert str(ANN) == "Ann (SPEAKER_00)"


def test_print_of_a_result_shows_the_words() -> None:
    assert str(RESULT) == (
        "'meeting': 3 turns of 2 speakers in 0:31, with 7 words\n\n"
        "start   speaker     text\n"
        "0:00.8  Ann         Good morning to all of you.\n"
        "0:10.0  SPEAKER_01  Morning."
    )
    assert str(Result(TALK)) == str(TALK)


def test_print_of_a_transcript_shows_its_segments() -> None:
    transcript = read_transcript({"text": "", "segments": SEGMENTS, "language": "en"})
    assert str(transcript) == (
        "openai-whisper, 2 segments, 7 words in 0:21, language en\n\n"
        "start   text\n"
        "0:00.8  Good morning to all of you.\n"
        "0:10.0  Morning."
    )


def test_print_stays_short() -> None:
    turns = [Turn(i, i + 1, f"SPEAKER_{i % 3:02d}") for i in range(5000)]
    segments = [{"start": t.start, "end": t.end, "text": "word " * 500} for t in turns]
    spoken = [{**segment, "speaker": "A" * 300} for segment in segments]
    long = Diarization(turns, 5000.0)
    for value in (
        long,
        Result(long, {"segments": spoken}),
        read_transcript({"segments": segments}),
    ):
        lines = str(value).splitlines()
        assert len(lines) <= 20
        assert max(len(line) for line in lines) <= 140
        assert lines[-1].startswith("… and 4990 more ")


def test_repr_is_one_short_line_without_a_voice_print() -> None:
    local = LocalSpeakers(np.arange(3.0), 0.02, np.ones((3, 500, 3), bool))
    activity = SpeechActivity.of([Segment(0, 2)])
    vectors = np.ones((1, 256), np.float32)
    transcript = read_transcript({"text": "", "segments": SEGMENTS})
    for value in (
        TALK,
        RESULT,
        transcript,
        RESULT.utterances[0],
        Waveform(np.zeros(16000, np.int16)),
        local,
        activity,
        WindowEmbeddings(activity, (Segment(0, 2),), vectors),
        DiarizationDetails(TALK, (Segment(0, 2),), vectors, ("SPEAKER_00",)),
    ):
        assert re.fullmatch(r"[^\n]{1,200}", repr(value))
        assert "1., 1." not in repr(value)


def test_empty_values_can_be_shown() -> None:
    nothing = Diarization([], 0.0)
    for value in (nothing, Result(nothing), Result(nothing, {"segments": []})):
        assert repr(value)
        assert str(value)
        assert "nobody speaks" in value._repr_html_()


def test_a_book_lists_its_people(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    sample = Sample(np.float32([1, 0]), "a.wav", (), 8.0, 0.9)
    with SpeakerBook(path, create=True) as book:
        assert str(book) == f"{path}: 0 people"
        book.add("Ann", [sample], BookModel("tiny", "0" * 64, 2))
        assert repr(book) == f"<SpeakerBook {str(path)!r}: 1 person>"
        assert str(book) == f"{path}: 1 person\n\nname  samples  seconds\nAnn         1      8.0"
    assert repr(book) == f"<SpeakerBook {str(path)!r}: closed>"
    with pytest.raises(SpeakerBookError):
        book.names()


# --- the timeline ---------------------------------------------------------------------------------


def drawn(svg: str) -> dict[str, list[tuple[float, float]]]:
    """Return the boxes of each lane, as shares of the width, by the lane's title."""
    root = ElementTree.fromstring(svg)
    lanes = {}
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        title, _, path = list(group)
        boxes = re.findall(r"M([\d.]+) \d+h([\d.]+)", path.attrib["d"])
        found = [
            ((float(left) - 160) / 630, (float(left) + float(w) - 160) / 630) for left, w in boxes
        ]
        lanes[title.text.split(":")[0]] = found
    return lanes


def test_the_timeline_shows_each_turn_in_its_lane() -> None:
    lanes = drawn(timeline(TALK))
    assert list(lanes) == ["Ann", "SPEAKER_01"]
    for name, label in (("Ann", "SPEAKER_00"), ("SPEAKER_01", "SPEAKER_01")):
        mine = [turn for turn in TALK if turn.speaker == label]
        expected = [(turn.start / 31, turn.end / 31) for turn in mine]
        assert np.array(lanes[name]) == pytest.approx(np.array(expected), abs=0.001)


def test_the_timeline_of_a_day_stays_small() -> None:
    turns = [Turn(i, i + 0.9, f"S{i % 4}") for i in range(43_000)]
    assert len(timeline(Diarization(turns, 43_000.0))) < 120_000


NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</svg></title><script>x</script>",
    "&lt;b&gt;",
    "]]><!--",
    "\x1b[31m\x00\ud800",
]


@pytest.mark.parametrize("name", NASTY)
def test_names_cannot_break_out(name: str) -> None:
    talk = Diarization([Turn(0, 1, "S")], 1.0, name, [Speaker("S", name=name)])
    spoken = {"segments": [{"start": 0, "end": 1, "speaker": name, "text": name}]}
    for html in (talk._repr_html_(), Result(talk, spoken)._repr_html_()):
        allowed = "div svg title text path g table tr td p"
        tree = ElementTree.fromstring(html)  # well-formed: nothing opened or closed by a name
        assert {item.tag.split("}")[-1] for item in tree.iter()} <= set(allowed.split())
        assert not any(key.startswith("on") for item in tree.iter() for key in item.attrib)
        assert "\x1b" not in html


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffe\uffff")))
def test_any_name_gives_a_picture_with_that_name(name: str) -> None:
    svg = Diarization([Turn(0, 1, "S")], 1.0, "u", [Speaker("S", name=name)])._repr_html_()
    assert ElementTree.fromstring(svg) is not None
