"""`diarize eval` as users run it: tables, JSON, folders, words, and plain words on errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diarize.annotation import Diarization
from diarize.cli import main
from diarize.errors import DiarizeError
from diarize.evaluation.recordings import Word, read_annotated
from diarize.result import Result
from diarize.timeline import Turn

REFERENCE = """\
SPEAKER a 1 0.0 10.0 <NA> <NA> Ann <NA> <NA>
SPEAKER a 1 12.0 8.0 <NA> <NA> Bob <NA> <NA>
SPEAKER b 1 0.0 4.0 <NA> <NA> Ann <NA> <NA>
"""
HYPOTHESIS = """\
SPEAKER a 1 0.0 9.0 <NA> <NA> x <NA> <NA>
SPEAKER a 1 12.0 9.0 <NA> <NA> y <NA> <NA>
SPEAKER b 1 0.0 2.0 <NA> <NA> x <NA> <NA>
SPEAKER b 1 2.0 2.0 <NA> <NA> y <NA> <NA>
"""
SEGLST = [
    {"session_id": "a", "speaker": "Ann", "start_time": 0, "end_time": 2, "words": "Hello there,"},
    {"session_id": "a", "speaker": "Bob", "start_time": 2, "end_time": 4, "words": "good morning!"},
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "ref.rttm").write_text(REFERENCE)
    (tmp_path / "hyp.rttm").write_text(HYPOTHESIS)
    return str(tmp_path / "ref.rttm"), str(tmp_path / "hyp.rttm")


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main(["eval", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_both_protocols_parts_and_total(files, capsys) -> None:
    made = as_json(capsys, "--ref", files[0], "--hyp", files[1])
    assert made["protocols"]["forgiving"] == {"collar_one_sided": 0.25, "skip_overlap": True}
    full = made["recordings"]["a"]["full"]
    assert (full["total"], full["missed"], full["false_alarm"], full["confusion"]) == (18, 1, 1, 0)
    assert full["der"] == pytest.approx(2 / 18)
    assert made["recordings"]["b"]["full"]["confusion"] == 2
    assert made["recordings"]["b"]["speaker_count_errors"] == [1]
    # Collars leave 9.5 and 7.5 s of a; 0.75 s are missed and 0.75 s false.
    forgiving = made["recordings"]["a"]["forgiving"]
    assert forgiving["total"] == pytest.approx(17.0)
    assert forgiving["missed"] == forgiving["false_alarm"] == pytest.approx(0.75)
    assert made["total"]["full"]["der"] == pytest.approx(4 / 22)
    assert made["total"]["jer"] == pytest.approx((0.1 + 1 / 9 + 0.5) / 3)
    assert made["total"]["speaker_count_exact"] == 0.5


def test_table_names_every_recording_and_the_total(files, capsys) -> None:
    assert main(["eval", "--ref", files[0], "--hyp", files[1]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Full DER" in lines[0] and "Forgiving DER" in lines[0] and "JER" in lines[0]
    assert lines[2].split()[:5] == ["a", "11.11", "5.56", "5.56", "0.00"]
    assert lines[3].split()[0] == "b" and lines[3].endswith("+1")
    assert lines[-1].split()[:2] == ["total", "18.18"] and "50% right" in lines[-1]


def test_uem_and_folders(files, tmp_path: Path, capsys) -> None:
    for name, text in (("ref", REFERENCE), ("hyp", HYPOTHESIS)):
        folder = tmp_path / name
        folder.mkdir()
        for uri in "ab":
            own = [line for line in text.splitlines(True) if line.split()[1] == uri]
            (folder / f"{uri}.rttm").write_text("".join(own))
    (tmp_path / "r.uem").write_text("a 1 0 9\nb 1 0 2\n")
    made = as_json(
        capsys, "--ref", str(tmp_path / "ref"), "--hyp", str(tmp_path / "hyp"),
        "--uem", str(tmp_path / "r.uem"),
    )  # fmt: skip
    assert made["total"]["full"]["total"] == pytest.approx(11.0)
    assert made["total"]["full"]["der"] == 0.0


def test_words_and_their_speakers(tmp_path: Path, capsys) -> None:
    pytest.importorskip("meeteval", reason="pip install meeteval")
    (tmp_path / "ref.json").write_text(json.dumps(SEGLST))
    said = [("hello", "S1"), ("there", "S2"), ("good", "S2"), ("morning", "S2")]
    words = [
        {"word": f" {text}", "start": at, "end": at + 1, "speaker": who}
        for at, (text, who) in enumerate(said)
    ]
    ours = {
        "text": "hello there good morning",
        "segments": [{"id": 0, "start": 0, "end": 4, "text": "", "speaker": "S2", "words": words}],
        "diarization": {
            "uri": "a",
            "turns": [
                {"start": 0, "end": 2, "speaker": "S1"},
                {"start": 2, "end": 4, "speaker": "S2"},
            ],
        },
    }
    (tmp_path / "hyp.json").write_text(json.dumps(ours))
    made = as_json(capsys, "--ref", str(tmp_path / "ref.json"), "--hyp", str(tmp_path / "hyp.json"))
    assert made["total"]["full"]["der"] == 0.0
    assert made["total"]["words"] == {"reference": 4, "cpwer": 0.5, "aligned": 4, "wder": 0.25}
    stm = "a 1 Ann 0 2 <o,f0> hello there\na 1 Bob 2 4 good morning\n"
    (tmp_path / "hyp.stm").write_text(stm)
    assert (
        main(["eval", "--ref", str(tmp_path / "ref.json"), "--hyp", str(tmp_path / "hyp.stm")]) == 0
    )
    assert "cpWER" in (out := capsys.readouterr().out) and out.split()[-2:] == ["0.00", "0.00"]


def test_rttm_gives_the_turns_and_the_transcript_the_words(tmp_path: Path) -> None:
    (tmp_path / "a.rttm").write_text("SPEAKER a 1 0.25 1.5 <NA> <NA> Ann <NA> <NA>\n")
    (tmp_path / "a.json").write_text(json.dumps(SEGLST))
    (tmp_path / "settings.json").write_text('{"threshold": 0.5}')
    found = read_annotated(tmp_path)
    assert list(found) == ["a"]
    assert [(turn.start, turn.speaker) for turn in found["a"].turns] == [(0.25, "Ann")]
    assert [word.text for word in found["a"].words or ()] == ["Hello", "there,", "good", "morning!"]


def test_names_that_differ_are_told_and_one_file_still_compares(tmp_path: Path, capsys) -> None:
    (tmp_path / "r.rttm").write_text("SPEAKER a 1 0 1 <NA> <NA> x <NA> <NA>\n")
    (tmp_path / "h.rttm").write_text("SPEAKER z 1 0 1 <NA> <NA> x <NA> <NA>\n")
    arguments = ["--ref", str(tmp_path / "r.rttm"), "--hyp", str(tmp_path / "h.rttm")]
    assert main(["eval", "--json", *arguments]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["total"]["full"]["der"] == 0.0
    assert "names differ" in told.err


def test_missing_and_extra_recordings(files, tmp_path: Path, capsys) -> None:
    only = "".join(line for line in HYPOTHESIS.splitlines(True) if " a " in line)
    (tmp_path / "part.rttm").write_text(only + "SPEAKER q 1 0 1 <NA> <NA> x <NA> <NA>\n")
    assert main(["eval", "--json", "--ref", files[0], "--hyp", str(tmp_path / "part.rttm")]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["recordings"]["b"]["full"]["missed"] == 4
    assert "no hypothesis for b" in told.err and "no reference for q" in told.err


def test_errors_are_one_line_and_exit_1(files, tmp_path: Path, capsys) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    for bad, said in (
        (str(tmp_path / "none"), "no such file"),
        (str(tmp_path / "x.json"), "SegLST"),
    ):
        assert main(["eval", "--ref", files[0], "--hyp", bad]) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert said in told.err and len(told.err.splitlines()) == 1


def test_a_folder_that_diarize_wrote_is_counted_once(tmp_path: Path, capsys) -> None:
    turns = [Turn(0.0, 2.0, "Ann"), Turn(2.0, 4.0, "Bob")]
    said = [{"start": 0.0, "end": 2.0, "text": "Hello.", "speaker": "Ann"},
            {"start": 2.5, "end": 3.5, "text": "Good morning.", "speaker": "Bob"}]  # fmt: skip
    result = Result(Diarization(turns, 4.0, "my talk"), {"segments": said}, "my talk.mp3")
    result.write("json", "seglst", "stm", "diarized-json", "podcast", folder=tmp_path)
    (tmp_path / "my talk.en.json").write_text('{"segments": [{"start": 0, "text": "Hello"}]}')
    found = read_annotated(tmp_path)
    assert found["my_talk"].turns == turns
    assert [word.text for word in found["my_talk"].words or ()] == ["Hello.", "Good", "morning."]
    (tmp_path / "my talk.json").unlink()  # SegLST has the times of segments alone
    assert [turn.end for turn in read_annotated(tmp_path)["my_talk"].turns] == [2.0, 3.5]
    result.write("rttm", folder=tmp_path)
    assert read_annotated(tmp_path)["my_talk"].turns == turns
    (tmp_path / "other.rttm").write_text((tmp_path / "my talk.rttm").read_text())
    with pytest.raises(DiarizeError, match=r"my talk\.rttm and other\.rttm both hold 'my_talk'"):
        read_annotated(tmp_path)


def test_recordings_with_dots_and_spaces_in_their_names(tmp_path: Path, capsys) -> None:
    segments = [{"start": 0, "end": 1, "text": "so", "speaker": "Ann"}]
    for name in ("a.1.json", "a.2.wav.json", "a.3.diarized.json", "b c.diarized_json.json"):
        (tmp_path / name).write_text(json.dumps({"segments": segments}))
    assert list(read_annotated(tmp_path)) == ["a.1", "a.2", "a.3", "b_c"]
    (tmp_path / "ref.rttm").write_text("SPEAKER b_c 1 0 1 <NA> <NA> x <NA> <NA>\n")
    ref = str(tmp_path / "ref.rttm")
    made = as_json(capsys, "--ref", ref, "--hyp", str(tmp_path), "--no-words")
    assert made["recordings"]["b_c"]["full"]["der"] == 0.0


def test_what_is_no_speech_is_no_word(tmp_path: Path) -> None:
    stm = tmp_path / "ted.stm"
    stm.write_text(
        "a 1 inter_segment_gap 0 16.8 <o,,unknown> ignore_time_segment_in_scoring\n"
        "a 1 Al_Gore 16.8 30 <o,f0,male> hello\n"
    )
    (found,) = read_annotated(stm).values()
    assert found.turns == [Turn(16.8, 30.0, "Al_Gore")]
    assert found.words == [Word("hello", 16.8, 30.0, "Al_Gore")]
    spoken = tmp_path / "a.json"
    segment = {"start": 0, "end": 1, "text": None, "speaker": "Ann"}
    spoken.write_text(json.dumps({"segments": [segment, {**segment, "words": [{"word": None}]}]}))
    assert read_annotated(spoken)["a"].words == []
