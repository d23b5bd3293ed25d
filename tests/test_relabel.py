"""Who is who can be changed after the fact, and anyone's RTTM be put onto a transcript."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from diarize.annotation import Candidate, Diarization, Speaker
from diarize.cli import main
from diarize.edits import Reassign, Rename, Split, read_edits
from diarize.errors import TranscriptError, UsageError
from diarize.formats import names
from diarize.outputs import write_files
from diarize.relabel import apply_edits, relabel, replay
from diarize.result import Result
from diarize.result_file import from_json, load_heard
from diarize.timeline import Turn
from diarize.transcript.assign import label_transcript

S0, S1, S2 = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"


@pytest.fixture
def result() -> Result:
    turns = [Turn(0, 1, S0), Turn(1.2, 2, S1), Turn(2.2, 3, S2), Turn(3.2, 4, S0)]
    speakers = [Speaker(S1, "Ann", 0.5, 0.1, (Candidate("Ann", 0.5),))]
    vectors = {label: np.ones(2, dtype=np.float32) for label in (S0, S1, S2)}
    diarization = Diarization(turns, 5.0, "talk", speakers, embeddings=vectors)
    words = [
        {"word": text, "start": start, "end": start + 0.6}
        for text, start in ((" One.", 0.2), (" Two.", 1.3), (" Three.", 2.3), (" Four.", 3.3))
    ]
    part = {"id": 0, "start": 0.2, "end": 3.9, "text": " One. Two. Three. Four.", "words": words}
    transcript = {"segments": [part], "word_segments": [dict(word) for word in words]}
    return Result(diarization, label_transcript(transcript, diarization), "talk.mp3")


def shown(result: Result) -> list[str | None]:
    assert result.transcript is not None
    by_segment = [part["speaker"] for part in result.transcript["segments"]]
    by_word = [w["speaker"] for part in result.transcript["segments"] for w in part["words"]]
    flat = [word["speaker"] for word in result.transcript["word_segments"]]
    assert by_segment == by_word == flat
    return by_segment


def turns(result: Result) -> list[str]:
    return [result.diarization.display(turn.speaker) for turn in result.diarization.turns]


def test_rename(result: Result) -> None:
    assert shown(result) == [S0, "Ann", S2, S0]
    changed = relabel(result, rename={S0: "Bo", "Ann": "Cy"})
    assert shown(changed) == turns(changed) == ["Bo", "Cy", S2, "Bo"]
    assert shown(result) == [S0, "Ann", S2, S0]
    cy = changed.diarization.speakers[1]
    assert (cy.label, cy.name, cy.score) == (S1, "Cy", None)
    assert cy.candidates == (Candidate("Ann", 0.5),)


def test_merge_keeps_the_first(result: Result) -> None:
    changed = relabel(result, merge=[("Ann", S2)])
    assert shown(changed) == turns(changed) == [S0, "Ann", "Ann", S0]
    assert changed.diarization.labels == (S0, S1)
    changed = relabel(result, merge=[(S0, "Ann", S2)])
    assert shown(changed) == [S0] * 4


def test_swap(result: Result) -> None:
    changed = relabel(result, swap=[(S0, "Ann")])
    assert shown(changed) == turns(changed) == ["Ann", S0, S2, "Ann"]
    assert shown(relabel(changed, swap=[(S0, "Ann")])) == shown(result)


def test_a_name_that_another_bears_joins_the_two(result: Result) -> None:
    changed = relabel(result, rename={S2: "Ann"})
    assert shown(changed) == turns(changed) == [S0, "Ann", "Ann", S0]
    assert S2 not in changed.diarization.labels


def test_names_that_are_exchanged_join_nobody(result: Result) -> None:
    named = relabel(result, rename={S0: "Bo"})
    with pytest.raises(UsageError, match=r"joins the two for good: .*--swap Ann,Bo"):
        relabel(named, rename={"Ann": "Bo", "Bo": "Ann"})
    with pytest.raises(UsageError, match="rename Bo before Ann"):
        relabel(named, rename={"Ann": "Bo", "Bo": "Cy"})
    changed = relabel(named, rename={"Bo": "Cy", "Ann": "Bo"})
    assert shown(changed) == ["Cy", "Bo", S2, "Cy"]
    for exchanged in ({S0: "Ann", S1: "Bo"}, {"0": "Ann", "1": "Bo"}):
        with pytest.raises(UsageError, match=r"joins the two for good: .*--swap"):
            relabel(named, rename=exchanged)


def test_a_turn_where_nobody_was_heard() -> None:
    silent = Result(Diarization([], 2.0))
    (turn,) = apply_edits(silent, [Reassign(0, 1, "Ann")]).diarization.turns
    assert (turn.start, turn.end) == (0, 1)


def test_edits_of_before_that_are_refused_take_no_other_with_them(result: Result) -> None:
    edits = [Rename(S0, "Bo"), Split(S2, 900.0, "+"), Rename(S2, "Cy")]
    with pytest.raises(UsageError):
        apply_edits(result, edits)
    again = replay(result, edits)
    assert shown(again) == ["Bo", "Ann", "Cy", "Bo"]
    assert [edit.kind for edit in again.relabelling.edits] == ["rename", "rename"]


def test_a_file_that_holds_the_track_alone_is_heard_whole(tmp_path: Path) -> None:
    tone = np.sin(np.arange(16_000) / 5)
    for name, sound in (("call.wav", np.stack([0 * tone, tone], axis=1)), ("left.wav", tone)):
        soundfile.write(tmp_path / name, sound, 16_000)
    talk = Diarization([], 1.0, parameters={"channels": 1})
    of_call = Result(talk, None, str(tmp_path / "call.wav"))
    assert load_heard(of_call, tmp_path / "call.wav").samples.any()
    assert load_heard(of_call, tmp_path / "left.wav").samples.any()
    soundfile.write(tmp_path / "call.wav", tone, 16_000)
    with pytest.raises(UsageError, match="has 1 channel,"):
        load_heard(of_call, tmp_path / "call.wav")
    assert "<script" in of_call.to_html()


def test_all_in_order(result: Result) -> None:
    changed = relabel(result, merge=[(S0, S2)], swap=[(S0, "Ann")], rename={S0: "Bo"})
    assert shown(changed) == turns(changed) == ["Ann", "Bo", "Ann", "Ann"]


def test_strangers_and_empty_names(result: Result) -> None:
    with pytest.raises(UsageError, match=r"no speaker 'Dee'.*SPEAKER_01 \(Ann\)"):
        relabel(result, merge=[("Ann", "Dee")])
    with pytest.raises(UsageError, match="empty"):
        relabel(result, rename={S0: "  "})


def test_a_bare_diarization(result: Result) -> None:
    changed = relabel(Result(result.diarization), rename={S0: "Bo"})
    assert changed.transcript is None
    assert turns(changed)[0] == "Bo"


def test_damaged_files() -> None:
    with pytest.raises(TranscriptError, match="damaged"):
        from_json({"diarization": {"turns": [{"start": 1}]}})
    with pytest.raises(TranscriptError, match="no speakers"):
        from_json({"segments": [{"start": 0, "end": 1, "text": "a"}]})
    with pytest.raises(TranscriptError, match="no speakers"):
        from_json([1, 2])


def test_what_other_tools_write() -> None:
    parts = [
        {"start": "00:00:01", "end": 2, "text": "a", "speaker": 0},
        {"start": 2, "end": 3, "text": "b", "speaker": 1},
    ]
    changed = relabel(from_json({"segments": parts}), rename={"0": "Ann"})
    assert turns(changed) == ["Ann", "1"]
    assert [(part.start, part.speaker) for part in changed.utterances] == [(1.0, "Ann"), (2.0, "1")]
    for part, told in (
        ("a", "segment 1 is 'a', no object"),
        ({"start": "soon"}, "segment 1: its start, 'soon', is no time"),
        ({"words": ["a"]}, "segment 1, word 1 is 'a', no object"),
    ):
        with pytest.raises(TranscriptError, match=told):
            from_json({"segments": [part]})


# the commands


def run(*words: object) -> int:
    return main([str(word) for word in words])


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def test_relabel_rewrites_what_diarize_wrote(result: Result, tmp_path: Path) -> None:
    write_files(result, ["json", "srt", "txt", "rttm"], tmp_path, "talk")
    (tmp_path / "talk.vtt").write_text("somebody else's")
    gone = ["--merge", f"{S2},{S0}", "--rename", f"{S0}=Bo"]  # the merge comes first
    assert run("relabel", tmp_path / "talk.json", *gone) == 2
    code = run("relabel", tmp_path / "talk.json", "--rename", f"{S0}=Lee, Bo,Ann=Cy")
    assert code == 0
    assert load(tmp_path / "talk.json")["segments"][0]["speaker"] == "Lee, Bo"
    assert "Lee, Bo: One." in (tmp_path / "talk.srt").read_text()
    assert "Cy (00:00:01): Two." in (tmp_path / "talk.txt").read_text()
    assert "Lee,_Bo" in (tmp_path / "talk.rttm").read_text()
    assert (tmp_path / "talk.vtt").read_text() == "somebody else's"


def test_relabel_beside_whispers_own_file(result: Result, tmp_path: Path) -> None:
    theirs = tmp_path / "talk.json"
    theirs.write_text("{}")
    write_files(result, ["json", "srt"], tmp_path, "talk", inputs=[theirs])
    assert run("relabel", tmp_path / "talk.diarized.json", "--rename", f"{S0}=Bo") == 0
    assert theirs.read_text() == "{}"
    assert load(tmp_path / "talk.diarized.json")["segments"][0]["speaker"] == "Bo"
    assert "Bo: One." in (tmp_path / "talk.srt").read_text()
    (tmp_path / "talk.diarized.json").rename(tmp_path / "talk.diarized.2.json")
    rename = ["--rename", f"{S0}=Cy", "-o", tmp_path / "out"]
    assert run("relabel", tmp_path / "talk.diarized.2.json", *rename) == 0
    assert load(tmp_path / "out" / "talk.json")["segments"][0]["speaker"] == "Cy"


def test_relabel_writes_what_is_asked_for(
    result: Result, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_files(result, ["json"], tmp_path, "talk")
    before = (tmp_path / "talk.json").read_bytes()
    out = tmp_path / "out"
    swap = ["--swap", f"{S0},Ann"]
    assert run("relabel", tmp_path / "talk.json", *swap, "-f", "all", "-o", out) == 0
    assert len(list(out.glob("[!.]*"))) == len(names())
    assert (tmp_path / "talk.json").read_bytes() == before
    capfdbinary.readouterr()
    assert run("relabel", tmp_path / "talk.json", *swap, "--txt", "-o", "-") == 0
    assert capfdbinary.readouterr().out.startswith(b"Ann (00:00:00): One.")
    assert run("relabel", tmp_path / "talk.json", "--srt", "--txt", "-o", "-") == 2


def test_relabel_leaves_other_tools_json_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "x.json"
    segments = [{"start": 0, "end": 1, "text": "a", "speaker": "X"}]
    theirs.write_text(json.dumps({"segments": segments}))
    assert run("relabel", theirs, "--rename", "X=Ann") == 0
    assert load(theirs)["segments"][0]["speaker"] == "X"
    assert load(tmp_path / "x.diarized.json")["segments"][0]["speaker"] == "Ann"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--rename", "Ann"], 2, "OLD=NEW"),
        (["--merge", "Ann"], 2, "commas"),
        (["--swap", f"{S0},{S1},{S2}"], 2, "exactly two"),
        (["--rename", "Dee=Eve"], 2, "no speaker 'Dee'"),
        (["-f", "doc"], 2, "doc"),
        (["--rename", "Ann=SPEAKER_00,SPEAKER_00=Ann"], 2, "--swap Ann,SPEAKER_00"),
        (["--turn", "500-600=Zed"], 2, "not in the recording, which ends at 5 s"),
    ],
)
def test_relabel_refuses(
    result: Result,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    write_files(result, ["json"], tmp_path, "talk")
    assert run("relabel", tmp_path / "talk.json", *words) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_relabel_of_what_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("relabel", tmp_path / "none.json", "--rename", "a=b") == 1
    (tmp_path / "bad.json").write_text("no json")
    assert run("relabel", tmp_path / "bad.json", "--rename", "a=b") == 1
    assert "not JSON" in capsys.readouterr().err
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert run("relabel", tmp_path / "deep.json", "--rename", "a=b") == 1
    assert "deep.json is not JSON" in capsys.readouterr().err
    with pytest.raises(UsageError, match="not JSON"):
        read_edits(tmp_path / "deep.json")


SRT = "1\n00:00:00,000 --> 00:00:04,000\nIs it late? Yes, very late.\n"
RTTM = """\
;; a comment
SPKR-INFO talk 1 <NA> <NA> <NA> unknown A <NA>
SPEAKER talk 1 0.0 2.0 <NA> <NA> A <NA> <NA>
SPEAKER talk 1 2.0 2.0 <NA> <NA> B <NA>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "talk.srt").write_text(SRT)
    (tmp_path / "talk.rttm").write_text(RTTM)
    return tmp_path


def test_merge_labels_a_transcript(folder: Path) -> None:
    code = run("merge", "--transcript", folder / "talk.srt", "--rttm", folder / "talk.rttm")
    assert code == 0
    assert (folder / "talk.srt").read_text() == SRT
    assert (folder / "talk.rttm").read_text() == RTTM
    assert "B: Yes, very late." in (folder / "talk.diarized.srt").read_text()
    document = load(folder / "talk.json")
    assert document["word_times"] == "estimated"
    assert [turn["speaker"] for turn in document["diarization"]["turns"]] == ["A", "B"]


def test_merge_overwrites_the_transcript_alone(folder: Path) -> None:
    words = ["merge", "--transcript", folder / "talk.srt", "--rttm", folder / "talk.rttm"]
    assert run(*words, "-f", "srt,rttm", "--overwrite") == 0
    assert "B: Yes, very late." in (folder / "talk.srt").read_text()
    assert (folder / "talk.rttm").read_text() == RTTM
    assert (folder / "talk.diarized.rttm").is_file()


def test_merge_to_stdout_from_two_recordings(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    more = RTTM + RTTM.replace(" talk ", " other ").replace(" A ", " C ")
    (folder / "all.rttm").write_text(more)
    words = ["merge", "--transcript", folder / "talk.srt", "--rttm", folder / "all.rttm"]
    assert run(*words, "-f", "txt", "-o", "-") == 0
    assert b"A (00:00:00)" in capfdbinary.readouterr().out
    assert run(*words, "-f", "txt", "-o", "-", "--uri", "other") == 0
    assert b"C (00:00:00)" in capfdbinary.readouterr().out
    assert run(*words, "-f", "txt", "-o", "-", "--uri", "third") == 2
    assert b"other, talk" in capfdbinary.readouterr().err


def test_merge_of_an_rttm_by_another_name(folder: Path) -> None:
    (folder / "talk.srt").rename(folder / "speech.srt")
    words = ["merge", "--transcript", folder / "speech.srt", "--rttm", folder / "talk.rttm"]
    assert run(*words, "-f", "vtt", "-o", folder / "out") == 0
    assert "<v B>Yes, very late.</v>" in (folder / "out" / "speech.vtt").read_text()


def test_merge_refuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("merge", "--transcript", folder / "talk.srt") == 2
    capsys.readouterr()
    assert run("merge", "--transcript", folder / "no.srt", "--rttm", folder / "talk.rttm") == 1
    assert run("merge", "--transcript", folder / "talk.srt", "--rttm", folder / "no.rttm") == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_speakers_by_number(result):
    assert shown(relabel(result, rename={"0": "Bo"})) == shown(relabel(result, rename={S0: "Bo"}))
    assert shown(relabel(result, merge=[("0", "2")])) == shown(relabel(result, merge=[(S0, S2)]))
