"""Readers lose nothing: text in is text out, with the times that were written, or a refusal."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from diarize.errors import DiarizeError, TranscriptError
from diarize.rttm import read_rttm
from diarize.text import decode
from diarize.transcript.readers import parse_transcript
from diarize.transcript.schema import Transcript

Cues = list[tuple[float, float, str]]


def said(transcript: Transcript) -> list[str]:
    return [segment["text"] for segment in transcript.segments]


def times(transcript: Transcript) -> list[tuple[float, float]]:
    return [(segment["start"], segment["end"]) for segment in transcript.segments]


def srt(*cues: tuple[str, str], gap: str = "\n\n") -> bytes:
    return gap.join(f"{n}\n{clock}\n{text}" for n, (clock, text) in enumerate(cues, 1)).encode()


# --- subtitles that are not written by the book ---------------------------------------------------

FIRST, SECOND = "00:00:01,000 --> 00:00:04,000", "00:00:11,000 --> 00:00:14,000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The door is open,\n\nso come in.", "The door is open, so come in."),
        ("\nMind the gap.", "Mind the gap."),
        (" \nMind the gap.\n \n ", "Mind the gap."),
        ("2 < 3 and 7 > 5", "2 < 3 and 7 > 5"),
        ("<forty years later>", "<forty years later>"),
        (r"{\an8}<i>Up</i> <b>here</b>", "Up here"),
        ('<font color="#fff">white</font> {not markup}', "white {not markup}"),
        ("<v Ann>Hello</v>", "Hello"),
        ("Go.\n\n42\n\nYes.", "Go. 42 Yes."),
        ("A --> B", "A --> B"),
        ("你好，\n世界", "你好，世界"),
        ("one\u2028two\x85three", "one\u2028two\x85three"),
        ("R&amp;D", "R&amp;D"),
    ],
)
def test_srt_text_is_whole(text: str, expected: str) -> None:
    raw = srt((FIRST, text), (SECOND, "Last."))
    assert said(parse_transcript(raw)) == [expected, "Last."]


def test_srt_without_blank_lines_between_cues() -> None:
    raw = srt((FIRST, "One."), (SECOND, "Two.\nlines"), gap="\n")
    assert said(parse_transcript(raw)) == ["One.", "Two. lines"]


def test_srt_with_a_blank_line_after_every_line() -> None:
    raw = srt((FIRST, "One."), (SECOND, "Two.")).replace(b"\n", b"\n\n")
    assert said(parse_transcript(raw)) == ["One.", "Two."]


def test_srt_without_numbers_keeps_numbers_that_are_spoken() -> None:
    raw = f"{FIRST}\nThree,\n2\n\n{SECOND}\n1\n".encode()
    assert said(parse_transcript(raw)) == ["Three, 2", "1"]


def test_srt_that_was_cut_off_leaves_no_number_in_the_text() -> None:
    assert said(parse_transcript(srt((FIRST, "One.")) + b"\n\n2\n")) == ["One."]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_srt_of_any_system(end: str) -> None:
    raw = srt((FIRST, "One."), (SECOND, "Two.")).replace(b"\n", end.encode())
    assert times(parse_transcript(raw)) == [(1.0, 4.0), (11.0, 14.0)]


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("00:00:09,2 --> 00:00:09,85", (9.2, 9.85)),
        ("00:00:09 --> 00:00:10", (9.0, 10.0)),
        ("0:0:9.25-->0:0:10.5", (9.25, 10.5)),
        ("00:09,250 --> 00:10,500 X1:10 X2:20", (9.25, 10.5)),
        ("00: 00: 09,250 --> 00: 00: 10,500", (9.25, 10.5)),
        ("00:09.250 --> 00:10.500 50%", (9.25, 10.5)),
        ("00:00:09,250 –> 00:00:10,500", (9.25, 10.5)),
        ("00:00:09,250 —> 00:00:10,500", (9.25, 10.5)),
        ("-00:00:00,015 --> 00:00:01,000", (0.0, 1.0)),
        ("100:00:00,000 --> 100:00:01,000", (360000.0, 360001.0)),
    ],
)
def test_clocks(clock: str, expected: tuple[float, float]) -> None:
    assert times(parse_transcript(srt((clock, "Yes.")))) == [expected]


def test_a_missing_end_is_estimated_and_told() -> None:
    transcript = parse_transcript(srt(("00:00:01,000 -->", "One."), (SECOND, "Two.")), "a.srt")
    (start, end), last = times(transcript)
    assert (start, last) == (1.0, (11.0, 14.0)) and 1.0 < end <= 11.0
    assert "a.srt: 1 segment(s) lack a time" in transcript.warnings[0]


@pytest.mark.parametrize(
    "clock",
    [
        "00:00:0x --> 00:00:05,000",
        "00:00:01:20 --> 00:00:02:10",
        "00:00:12:000 00:00:14:000",
        "00:00:12,000 > 00:00:14,000",
        "00:00:12,000 – 00:00:14,000  X1:40 X2:600",
        "00:12.000 -- 00:14.000",
        "xx --> 00:14.000",
        "00:00:12,000 --> xx",
        "00:12.000 -> xx",
        "xx → 00:14.000 align:left",
    ],
)
def test_times_that_cannot_be_read_are_refused_with_their_line(clock: str) -> None:
    with pytest.raises(TranscriptError, match="line 6"):
        parse_transcript(srt((FIRST, "One."), (clock, "Two.")))


@pytest.mark.parametrize("clock", ["xx --> 00:03.000", "00:01.000 --> xx"])
def test_a_first_time_that_cannot_be_read_is_refused(clock: str) -> None:
    with pytest.raises(TranscriptError, match="line 3"):
        parse_transcript(f"WEBVTT\n\n{clock}\nHi.\n\n00:04.000 --> 00:05.000\nYes.\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        "10:30 - 11:45, or 12:00:00 to 13:00:00",
        "the train goes 10:30 → 11:45",
        "9:30 → noon",
        "Paris → 10:30",
        "Chapter --> 12:30",
    ],
)
def test_times_of_day_are_text(text: str) -> None:
    assert said(parse_transcript(srt((FIRST, text)))) == [text]
    assert said(parse_transcript(srt((FIRST, f"Next:\n\n{text}")))) == [f"Next: {text}"]
    headed = parse_transcript(f"{text}\n\n".encode() + srt((FIRST, "Hi.")))
    assert said(headed) == ["Hi."] and "stands before any time" in headed.warnings[0]
    assert said(parse_transcript(f"[00:01.00]{text}\n[00:03.00]Hi.\n".encode())) == [text, "Hi."]


def test_numbers_with_gaps_and_no_blank_lines() -> None:
    raw = f"7\n{FIRST}\nOne.\n9\n{SECOND}\nTwo.\n".encode()
    assert said(parse_transcript(raw)) == ["One.", "Two."]


def test_youtubes_own_subtitles() -> None:
    raw = b"0:00:01.000,0:00:04.000\nHello\nyou\n\n0:00:05.000,0:00:06.000\nBye\n"
    transcript = parse_transcript(raw)
    assert said(transcript) == ["Hello you", "Bye"]
    assert times(transcript) == [(1.0, 4.0), (5.0, 6.0)]


def test_text_before_any_time_is_told() -> None:
    subrip = f"Title\n\n1\n{FIRST}\nOne.\n"
    for raw in (subrip, f"WEBVTT\nKind: x\n\nTitle\n\n{FIRST}\nOne.\n".replace(",", ".")):
        transcript = parse_transcript(raw.encode(), "a")
        assert said(transcript) == ["One."]
        assert "'Title' stands before any time" in transcript.warnings[0]


def test_an_end_before_the_start_is_told() -> None:
    transcript = parse_transcript(srt(("00:00:05,000 --> 00:00:04,000", "One.")))
    assert times(transcript) == [(5.0, 5.0)]
    assert "end before they start" in transcript.warnings[0]


def test_times_of_words_with_spaces_before_them() -> None:
    raw = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi <00:01.500>there you&nope;\n"
    transcript = parse_transcript(raw)
    assert said(transcript) == ["Hi there you&nope;"]
    assert [word["start"] for word in transcript.words()][:2] == [1.0, 1.5]


# --- captions that roll up ------------------------------------------------------------------------

ROLLING = """\
WEBVTT
Kind: captions
Language: en

00:00:00.000 --> 00:00:02.000 align:start position:0%
\x20
we<00:00:00.400><c> saw</c><00:00:00.800><c> two</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
we saw two
\x20

00:00:02.010 --> 00:00:04.000 align:start position:0%
we saw two
red<00:00:02.500><c> kites</c>

00:00:04.000 --> 00:00:04.010 align:start position:0%
red kites
\x20

00:00:04.010 --> 00:00:06.000 align:start position:0%
red kites
red<00:00:04.500><c> kites</c><00:00:05.000><c> today</c>
"""


def test_rolling_captions_say_each_word_once_at_its_time() -> None:
    transcript = parse_transcript(ROLLING.encode())
    assert "".join(said(transcript)) == "we saw two red kites red kites today"
    starts = [(word["word"].strip(), word["start"]) for word in transcript.words()]
    assert starts[:4] == [("we", 0.0), ("saw", 0.4), ("two", 0.8), ("red", 2.01)]
    assert starts[-1] == ("today", 5.0)


def test_rolling_captions_converted_to_srt() -> None:
    cues = [("we saw two", 0, 2), ("we saw two", 2, 2.01), ("we saw two\nred kites", 2.01, 4)]
    cues += [("red kites", 4, 4.01), ("red kites\nto the north", 4.01, 6)]
    raw = srt(*((f"0:0:{a:.3f} --> 0:0:{b:.3f}", text) for text, a, b in cues))
    transcript = parse_transcript(raw)
    assert said(transcript) == ["we saw two", "red kites", "to the north"]
    assert times(transcript) == [(0, 2), (2.01, 4), (4.01, 6)]


def test_captions_of_three_lines_that_roll() -> None:
    lines = ["a b", "c d", "e f", "g h", "i j"]
    cues = [("\n".join(lines[max(0, n - 2) : n + 1]), n, n + 1) for n in range(5)]
    raw = srt(*((f"0:0:{a} --> 0:0:{b}", text) for text, a, b in cues))
    assert said(parse_transcript(raw)) == lines


def test_who_says_the_same_again_is_heard_again() -> None:
    cues = [(f"0:0:{n},0 --> 0:0:{n + 1},0", text) for n, text in enumerate(["No."] * 3 + ["Yes."])]
    assert said(parse_transcript(srt(*cues))) == ["No.", "No.", "No.", "Yes."]


def test_vtt_comments_are_not_spoken_and_blank_lines_end_nothing() -> None:
    raw = b"""WEBVTT

NOTE
00:00:00.000 --> 00:00:09.000
of the editor

00:01.000 --> 00:02.000
One &amp; <c.red>two</c> &lt;b&gt; AT&T 3 < 4

<i>three.</i>

7
00:03.000 --> 00:04.000
NOTE this
"""
    assert said(parse_transcript(raw)) == ["One & two <b> AT&T 3 < 4 three.", "NOTE this"]


def test_what_whisper_prints() -> None:
    raw = b"[00:01.000 --> 00:04.000]  Hello all.\n[01:00:11.000 --> 01:00:14.000]   Yes.\nWell.\n"
    transcript = parse_transcript(raw)
    assert said(transcript) == ["Hello all.", "Yes. Well."]
    assert times(transcript) == [(1.0, 4.0), (3611.0, 3614.0)]


def test_whispers_console_output_with_what_it_prints_first() -> None:
    raw = (
        b"Detecting language using up to the first 30 seconds. Use `--language` to specify it\n"
        b"Detected language: English\n[00:01.000 --> 00:04.000]  Hello all.\n"
    )
    transcript = parse_transcript(raw)
    assert (transcript.producer, said(transcript)) == ("bracketed-lines", ["Hello all."])
    assert transcript.warnings == ()


def test_times_in_brackets_inside_of_subtitles_are_text() -> None:
    raw = srt((FIRST, "[00:12] is the time."))
    assert said(parse_transcript(raw)) == ["[00:12] is the time."]


def test_a_line_of_lyrics_with_several_times_is_sung_at_each() -> None:
    raw = b"[00:01.00][00:12.00]La la\n[00:05.00]Oh\nyes\n[00:14.00]Bye\n"
    transcript = parse_transcript(raw)
    assert said(transcript) == ["La la", "Oh yes", "La la", "Bye"]
    assert [start for start, _ in times(transcript)] == [1.0, 5.0, 12.0, 14.0]


def test_lyrics_have_starts_alone() -> None:
    transcript = parse_transcript(b"[by:whisper.cpp]\n[00:01.50]Hello all.\n[00:11.00]Yes.\n")
    assert said(transcript) == ["Hello all.", "Yes."]
    assert [start for start, _ in times(transcript)] == [1.5, 11.0]
    assert "lack a time" in transcript.warnings[0]


# --- names in front of the text -------------------------------------------------------------------


def names(*lines: str) -> list[tuple[str | None, str]]:
    cues = [(f"0:0:{n},0 --> 0:0:{n + 1},0", line) for n, line in enumerate(lines)]
    segments = parse_transcript(srt(*cues)).segments
    return [(segment.get("original_speaker"), segment["text"]) for segment in segments]


def test_names_on_every_cue() -> None:
    assert names("Ann Lee: Hello: you.", "Ben Orr: No. One more thing: go.") == [
        ("Ann Lee", "Hello: you."),
        ("Ben Orr", "No. One more thing: go."),
    ]
    assert names("李华：你好。", "王明：再见。") == [("李华", "你好。"), ("王明", "再见。")]


def test_names_where_the_speaker_changes() -> None:
    lines = ["Ann: One.", "two.", "Ben: Three.", "Ann: Four.", "five.", "Note: six.", "Ben: End."]
    assert [name for name, _ in names(*lines)] == ["Ann", None, "Ben", "Ann", None, None, "Ben"]
    assert names(*lines)[5][1] == "Note: six."


@pytest.mark.parametrize(
    "lines",
    [
        ["One more thing: bring boots.", "It is late."],
        ["Remember: bring boots.", "It is late.", "We go.", "At 10:30 we go."],
        ["Result: good.", "That is it.", "So what?"],
        ["See https://example.org", "See http://example.com"],
    ],
)
def test_text_with_a_colon_stays(lines: list[str]) -> None:
    assert names(*lines) == [(None, line) for line in lines]


# --- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_with_and_without_a_mark(encoding: str) -> None:
    source = {"segments": [{"start": 1, "end": 2, "text": " Grüße, 你好"}]}
    raw = json.dumps(source, ensure_ascii=False).encode(encoding)
    transcript = parse_transcript(raw)
    assert (said(transcript), transcript.warnings) == ([" Grüße, 你好"], ())
    assert said(parse_transcript(srt((FIRST, "Grüße, 你好")).decode().encode(encoding)))


def test_a_character_cut_between_two_cues_is_whole() -> None:
    raw = srt((FIRST, "由应@"), (SECOND, "#者面试"))
    head, tail = "聘".encode()[:2], "聘".encode()[2:]
    transcript = parse_transcript(raw.replace(b"@", head).replace(b"#", tail))
    assert (said(transcript), transcript.warnings) == (["由应聘", "者面试"], ())


def test_a_character_cut_between_entries_of_whisper_cpp_is_whole() -> None:
    def entry(text: bytes, start: int) -> bytes:
        return b'{"offsets": {"from": %d, "to": %d}, "text": "%s"}' % (start, start + 3000, text)

    whole = "聘".encode()
    for cut in (1, 2):
        parts = ["由应".encode() + whole[:cut], whole[cut:] + "者".encode(), b"\xc3"]
        entries = b", ".join(entry(part, 5000 * n) for n, part in enumerate(parts))
        transcript = parse_transcript(b'{"transcription": [' + entries + b"]}", "a.json")
        assert said(transcript) == ["由应聘", "者", "\ufffd"]
        assert "1 character(s) were damaged" in transcript.warnings[0]


def test_a_few_broken_bytes_do_not_garble_the_rest() -> None:
    text, warnings = decode("Grüße aus Köln, Jürgen".encode() + b"\xff")
    assert (text, warnings) == ("Grüße aus Köln, Jürgen\ufffd", ())


# --- times ----------------------------------------------------------------------------------------


WORD = {"word": "a", "start": "abc", "end": 1}
SEGMENT = r"segment 1 \('a'\): "
CLOCK = "00:00:01.500"


def segments_json(*segments: dict[str, Any]) -> bytes:
    return json.dumps({"segments": segments}).encode()


def test_a_start_stays_where_the_end_is_missing() -> None:
    raw = segments_json(
        {"start": 1.0, "end": 4.0, "text": " One."},
        {"start": 11.0, "end": None, "text": " Two."},
        {"start": 21.5, "text": " Three."},
    )
    transcript = parse_transcript(raw)
    assert [start for start, _ in times(transcript)] == [1.0, 11.0, 21.5]
    assert "2 segment(s) lack a time" in transcript.warnings[0]


def test_an_end_stays_where_the_start_is_missing() -> None:
    raw = segments_json({"end": 4.0, "text": " One.", "start": None})
    assert times(parse_transcript(raw))[0][1] == 4.0


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ([{"start": None, "end": None, "text": " One."}], "segment 1"),
        ([{"start": 0, "end": 1, "text": " a"}, {"start": "x", "text": " b"}], "segment 2"),
        ([{"start": -30.0, "end": 1, "text": " a"}], "-30 s"),
    ],
)
def test_times_are_not_invented(segments: list[dict[str, Any]], place: str) -> None:
    with pytest.raises(TranscriptError, match=place):
        parse_transcript(segments_json(*segments))


@pytest.mark.parametrize("unit", [100, 1000])
def test_whole_numbers_that_are_no_seconds_are_refused(unit: int) -> None:
    times_of = [(1, 4), (11, 14), (21, 23)]
    parts = [{"start": a * unit, "end": b * unit, "text": " Hello all."} for a, b in times_of]
    with pytest.raises(TranscriptError, match="milliseconds or hundredths"):
        parse_transcript(segments_json(*parts))


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ({"segments": [{"start": 0, "end": "abc", "text": " a"}]}, f"{SEGMENT}its end "),
        (
            {"segments": [{"start": 0, "end": 1, "text": " a", "words": [WORD]}]},
            "the word 'a': ",
        ),
        ({"chunks": [{"text": " a", "timestamp": [0, "abc"]}]}, SEGMENT),
        ({"transcription": [{"text": " a", "timestamps": {"from": "abc", "to": "0:1"}}]}, SEGMENT),
        ([{"text": "a", "start": 0, "duration": "abc"}], f"{SEGMENT}its duration "),
        ({"segments": [{"startTime": 0, "endTime": "abc", "body": "a"}]}, SEGMENT),
        ({"segments": [{"start": 0, "stop": "abc", "text": "a"}]}, f"{SEGMENT}its end "),
        ({"text": "a", "tokens": [" a"], "timestamps": ["abc"]}, "the word 'a': "),
    ],
)
def test_a_text_in_json_that_is_no_time_is_refused(source: Any, place: str) -> None:
    with pytest.raises(TranscriptError, match=f"{place}'abc' is no time"):
        parse_transcript(json.dumps(source).encode())


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ({"transcription": [{"text": " a", "offsets": {"from": 0, "to": CLOCK}}]}, SEGMENT),
        ({"sentence_info": [{"text": "a", "start": 0, "end": CLOCK}]}, SEGMENT),
        ({"words": [{"text": "a", "start": CLOCK, "end": 9}], "utterances": []}, "the word 'a': "),
    ],
)
def test_a_clock_is_no_number_of_milliseconds(source: Any, place: str) -> None:
    with pytest.raises(TranscriptError, match=f"{place}'{CLOCK}' is no number of milliseconds"):
        parse_transcript(json.dumps(source).encode())


def test_an_empty_time_in_json_is_a_missing_one() -> None:
    raw = segments_json({"start": "", "end": 4.0, "text": " One."})
    assert times(parse_transcript(raw))[0][1] == 4.0


def test_clocks_and_units_in_json() -> None:
    raw = segments_json(
        {"start": "00:00:01,500", "end": "00:01:02.250", "text": " a"},
        {"start": "63.5s", "end": "PT1M4S", "text": " b"},
        {"start": "65,5", "end": "66", "text": " c"},
    )
    assert times(parse_transcript(raw)) == [(1.5, 62.25), (63.5, 64.0), (65.5, 66.0)]


def test_tables_keep_tabs_and_name_the_line() -> None:
    assert said(parse_transcript(b"start\tend\ttext\n0\t900\ta\tb\n")) == ["a b"]
    with pytest.raises(TranscriptError, match="line 4"):
        parse_transcript(b"start\tend\ttext\n\n0\t900\ta\nx\ty\tb\n")
    with pytest.raises(TranscriptError, match="line 2"):
        parse_transcript(b"start\tend\ttext\tspeaker\n0\t900\ta\tb\tAnn\n")
    labels = parse_transcript(b"0\t1\tone\ttwo\n\\\t100\t200\n1\t2\t\n")
    assert said(labels) == ["one two", ""]


# --- RTTM -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "uri", "speaker", "confidence"),
    [
        ("SPEAKER my talk 1 1.0 2.0 <NA> <NA> ANN <NA> <NA>", "my talk", "ANN", None),
        ("SPEAKER my talk 2 1 1.0 2.0 <NA> <NA> ANN <NA>", "my talk 2", "ANN", None),
        ("SPEAKER talk 1 1.0 2.0 <NA> <NA> Ann Lee <NA> <NA>", "talk", "Ann Lee", None),
        ("SPEAKER a b 1 1.0 2.0 <NA> <NA> Speaker 1 <NA> <NA>", "a b", "Speaker 1", None),
        ("SPEAKER talk 1 1.0 2.0 <NA> <NA> Ann van Lee 0.75 <NA>", "talk", "Ann van Lee", 0.75),
        ("SPEAKER talk 1 1.0 2.0 <NA> <NA> ANN", "talk", "ANN", None),
        ("SPEAKER talk 1 1.0 2.0 - - 7 0.5", "talk", "7", 0.5),
    ],
)
def test_rttm_with_spaces_in_names(
    tmp_path: Path, line: str, uri: str, speaker: str, confidence: float | None
) -> None:
    path = tmp_path / "a.rttm"
    path.write_text(line + "\n", encoding="utf-8")
    (turn,) = read_rttm(path)[uri]
    assert (turn.start, turn.end, turn.speaker, turn.confidence) == (1.0, 3.0, speaker, confidence)


@pytest.mark.parametrize(
    "line",
    [
        "SPEAKER talk 1 1.0 2.0 <NA> <NA> <NA> <NA> <NA>",
        "SPEAKER talk 1 one two <NA> <NA> ANN <NA> <NA>",
        "SPEAKER talk 1 -9.0 10.0 <NA> <NA> ANN <NA> <NA>",
    ],
)
def test_rttm_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.rttm"
    path.write_text("\n" + line + "\n")
    with pytest.raises(DiarizeError, match="line 2"):
        read_rttm(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_rttm_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.rttm"
    path.write_bytes("SPEAKER tälk 1 -0.015 2 <NA> <NA> ANN <NA> <NA>\r\n".encode(encoding))
    (turn,) = read_rttm(path)["tälk"]
    assert (turn.start, turn.end) == (0.0, pytest.approx(1.985))


# --- for every reader: text in, text out ----------------------------------------------------------

LETTERS = st.text("abzÄß你語กี 5<>&{}-:'\"", min_size=1, max_size=20).filter(
    lambda text: any(character.isalnum() for character in text) and not re.search("<b *>", text)
)


@st.composite
def spoken(draw: st.DrawFn) -> Cues:
    """Draw phrases in order, with times in whole milliseconds, long enough to be said."""
    clock, cues = 0, []
    for text in draw(st.lists(LETTERS, min_size=1, max_size=6)):
        start = clock + draw(st.integers(0, 3_700_000))
        clock = start + draw(st.integers(200, 9000))
        cues.append((start / 1000, clock / 1000, " ".join(text.split())))
    return cues


def clock_of(seconds: float, comma: str) -> str:
    whole = round(seconds * 1000)
    hours, minutes, rest = whole // 3600000, whole // 60000 % 60, whole % 60000
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{comma}{rest % 1000:03d}"


def as_srt(cues: Cues) -> str:
    rows = (
        f"{n}\n{clock_of(a, ',')} --> {clock_of(b, ',')}\n{t}\n"
        for n, (a, b, t) in enumerate(cues, 1)
    )
    return "\n".join(rows)


def as_vtt(cues: Cues) -> str:
    import html

    rows = (f"{clock_of(a, '.')} --> {clock_of(b, '.')}\n{html.escape(t)}\n" for a, b, t in cues)
    return "WEBVTT\n\n" + "\n".join(rows)


def as_tsv(cues: Cues) -> str:
    rows = (f"{round(a * 1000)}\t{round(b * 1000)}\t{t}\n" for a, b, t in cues)
    return "start\tend\ttext\n" + "".join(rows)


def as_labels(cues: Cues) -> str:
    return "".join(f"{a:.6f}\t{b:.6f}\t{t}\n" for a, b, t in cues)


def as_csv(cues: Cues) -> str:
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(("start", "end", "text"))
    table.writerows((round(a * 1000), round(b * 1000), text) for a, b, text in cues)
    return buffer.getvalue()


WRITERS = {"csv": as_csv, "srt": as_srt, "vtt": as_vtt, "tsv": as_tsv, "audacity": as_labels}


@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=60, deadline=None)
@given(cues=spoken())
def test_text_in_is_text_out(kind: str, cues: Cues) -> None:
    assume(not any("-->" in text for _, _, text in cues))
    transcript = parse_transcript(WRITERS[kind](cues).encode())
    assert transcript.producer == kind
    for segment, (_, _, text) in zip(transcript.segments, cues, strict=True):
        name = segment.get("original_speaker", "")
        assert text.endswith(segment["text"])
        marks = " :：-[]>"
        assert text.removesuffix(segment["text"]).strip(marks) == name.strip(marks)
    assert times(transcript) == [(pytest.approx(a), pytest.approx(b)) for a, b, _ in cues]
    assert transcript.warnings == ()
