"""A list of edits: read and written, applied in order, kept when the recording is done again."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.annotation import Diarization, Speaker
from diarize.cli import main
from diarize.edits import Edit, Merge, Reassign, Rename, Split, Swap, edits_from_json, to_json
from diarize.errors import UsageError
from diarize.outputs import write_files
from diarize.relabel import apply_edits, keep_relabelling
from diarize.result import Result
from diarize.result_file import from_json
from diarize.timeline import Turn
from diarize.transcript.assign import label_transcript

S0, S1, S2 = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"
TEXTS = "It is late. Is it? Yes, very. Then let us go. I will stay. So will I.".split()  # noqa: SIM905


def talk() -> Result:
    turns = [
        Turn(0, 4, S0, 0.8),
        Turn(3.5, 6, S1, 0.3, overlap=True, unsure=True),
        Turn(6.2, 9, S0),
        Turn(10, 12, S2),
    ]
    found = Diarization(turns, 14.0, "talk", [Speaker(S1, "Ann", 0.5)])
    words = [
        {"word": f" {text}", "start": round(0.1 + 0.7 * place, 3), "end": 0.7 * place + 0.65}
        for place, text in enumerate(TEXTS)
    ]
    segment = {"id": 0, "start": 0.1, "end": 12.0, "text": " " + " ".join(TEXTS), "words": words}
    transcript = {"segments": [segment], "word_segments": [dict(word) for word in words]}
    return Result(found, label_transcript(transcript, found), "talk.mp3")


def turns(result: Result) -> list[tuple[float, float, str]]:
    show = result.diarization.display
    return [(turn.start, turn.end, show(turn.speaker)) for turn in result.diarization]


def words(result: Result) -> list[tuple[str, str | None]]:
    assert result.transcript is not None
    parts = result.transcript["segments"]
    found = [(word["word"], word["speaker"]) for part in parts for word in part["words"]]
    assert [(w["word"], w["speaker"]) for w in result.transcript["word_segments"]] == found
    assert all(w["speaker"] in (None, p["speaker"]) for p in parts for w in p["words"])
    return found


def speakers_of(result: Result, start: int, stop: int) -> list[str | None]:
    return [speaker for _, speaker in words(result)[start:stop]]


def test_a_stretch_goes_to_somebody_new() -> None:
    changed = apply_edits(talk(), [Reassign(1.5, 2.9, "Bo")])
    assert turns(changed)[:3] == [(0, 1.5, S0), (1.5, 2.9, "Bo"), (2.9, 4, S0)]
    assert speakers_of(changed, 0, 6) == [S0, S0, "Bo", "Bo", S0, "Ann"]
    assert changed.transcript is not None
    texts = [part["text"] for part in changed.transcript["segments"]]
    assert texts[:3] == [" It is", " late. Is", " it?"]
    assert [part["id"] for part in changed.transcript["segments"]] == list(range(len(texts)))
    assert changed.relabelling is not None
    assert changed.relabelling.names == {"SPEAKER_03": "Bo"}


def test_what_is_left_of_a_turn_is_no_sliver() -> None:
    changed = apply_edits(talk(), [Reassign(6.3, 8.9, "Ann")])
    assert (6.2, 9, "Ann") in turns(changed)


def test_only_one_of_two_who_talk_at_once() -> None:
    changed = apply_edits(talk(), [Reassign(3, 5, S2, S1)])
    assert turns(changed)[:3] == [(0, 4, S0), (3.5, 5.0, S2), (5.0, 6, "Ann")]
    overlaps = [turn.overlap for turn in changed.diarization][:3]
    assert overlaps == [False, True, False]  # only turns that were cut are looked at again
    both = apply_edits(talk(), [Reassign(0, 6, "Ann")])
    assert turns(both)[:2] == [(0, 3.5, "Ann"), (3.5, 6, "Ann")]
    assert not both.diarization.turns[1].unsure  # a person has said so


def test_a_turn_that_was_missed_and_a_speaker_who_has_none_left() -> None:
    changed = apply_edits(talk(), [Reassign(12.5, 20, "Bo"), Reassign(10, 12, S0)])
    assert (12.5, 14, "Bo") in turns(changed)
    assert S2 not in changed.diarization.labels


def test_a_word_in_a_sliver_goes_along() -> None:
    """Ann's last turn ends in the middle of her last word."""
    result = talk()
    changed = apply_edits(result, [Reassign(3.5, 5.9, S2)])
    assert turns(changed)[1] == (3.5, 6, S2)
    assert "Ann" not in [speaker for _, speaker in words(changed)]
    assert S1 not in changed.diarization.labels


def test_a_speaker_with_words_alone_can_be_corrected() -> None:
    parts = [{"word": " Well,", "start": 3.0, "end": 3.4}, {"word": " no.", "start": 8, "end": 8.4}]
    parts = [{**part, "speaker": "Ann"} for part in parts]
    segment = {"start": 3.0, "end": 8.4, "text": " Well, no.", "speaker": "Ann", "words": parts}
    result = Result(talk().diarization, {"segments": [segment], "word_segments": parts})
    changed = apply_edits(result, [Reassign(3.5, 6, S0)])
    assert {turn.speaker for turn in changed.diarization} == {S0, S2}
    assert words(apply_edits(changed, [Rename("Ann", "Bo")])) == [(" Well,", "Bo"), (" no.", "Bo")]
    gone = apply_edits(changed, [Split("Ann", 0, S2)])
    assert words(gone) == [(" Well,", S2), (" no.", S2)]
    assert gone.diarization.labels == (S0, S2)


def test_text_without_times_of_words_is_cut_where_the_stretch_begins() -> None:
    text = " Shall we begin with the roof now? No, the garden comes first today."
    segment = {"id": 0, "start": 0, "end": 9, "text": text, "speaker": S0}
    result = Result(Diarization([Turn(0, 9, S0)], 9), {"segments": [segment]})
    changed = apply_edits(result, [Reassign(4.6, 9, "Bo")])
    assert changed.transcript is not None
    assert [(part["speaker"], part["text"]) for part in changed.transcript["segments"]] == [
        (S0, " Shall we begin with the roof now?"),
        ("Bo", " No, the garden comes first today."),
    ]
    assert [(part["start"], part["end"]) for part in changed.transcript["segments"]] == [
        (0, 4.5),
        (4.5, 9),
    ]


@pytest.mark.parametrize("edit", [Reassign(500, 600, "Zed"), Split(S0, 500, "+")])
def test_a_time_outside_of_the_recording_is_refused(edit: Edit) -> None:
    with pytest.raises(UsageError, match="500 s is not in the recording, which ends at 14 s"):
        apply_edits(talk(), [edit])


def test_a_split_where_nothing_follows_is_refused() -> None:
    with pytest.raises(UsageError, match="SPEAKER_00 says nothing from 10 s on"):
        apply_edits(talk(), [Split(S0, 10, "Bo")])


def test_split_and_new_labels() -> None:
    changed = apply_edits(talk(), [Split(S0, 6, "+")])
    assert (6.2, 9, "SPEAKER_03") in turns(changed)
    assert turns(changed)[0] == (0, 4, S0)
    assert "SPEAKER_07" in apply_edits(talk(), [Split("0", 6, "SPEAKER_07")]).diarization.labels


def test_text_without_times_of_words_goes_as_a_whole() -> None:
    segments = [
        {"start": 0, "end": 4, "text": " One.", "speaker": S0},
        {"start": 4, "end": 6, "text": " Two.", "speaker": S0},
    ]
    result = Result(talk().diarization, {"segments": segments})
    changed = apply_edits(result, [Reassign(3, 6, "Bo")]).transcript
    assert changed is not None
    assert [part["speaker"] for part in changed["segments"]] == [S0, "Bo"]


EDITS: list[Edit] = [
    Rename(S0, 'Dr. "X" <script>'),
    Merge((S0, S1)),
    Swap((S0, S1)),
    Reassign(1.23456, 15, "Ann"),
    Reassign(0, 1, "+", S0),
    Split(S0, 6, "Bo"),
]


def test_json_and_back() -> None:
    told = json.loads(json.dumps([to_json(edit) for edit in EDITS]))
    assert edits_from_json(told) == edits_from_json({"edits": told}) == tuple(EDITS)
    assert told[3] == {"edit": "reassign", "start": 1.235, "end": 15, "to": "Ann", "speaker": None}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"edit": "rename"}, "holds no edits"),
        ("rename", "holds no edits"),
        (["rename"], "edit 1: .*rename, merge"),
        ([{"edit": "paint"}], "rename, merge"),
        ([{"edit": ["rename"]}], "rename, merge"),
        ([{"edit": "rename", "speaker": "A"}], "edit 1: rename needs name"),
        ([{"edit": "rename", "speaker": "A", "name": 3}], "has to be a name"),
        ([{"edit": "rename", "speaker": "A", "name": "B", "old": "C"}], "knows no old"),
        ([{"edit": "merge", "speakers": ["A"]}], "at least two"),
        ([{"edit": "swap", "speakers": "AB"}], "at least two"),
        ([{"edit": "reassign", "start": "1", "end": 2, "to": "A"}], "number of seconds"),
        ([{"edit": "reassign", "start": 2, "end": 1, "to": "A"}], "ends after it begins"),
        ([{"edit": "split", "speaker": "A", "at": float("nan"), "to": "B"}], "instant"),
    ],
)
def test_lists_that_are_none(data: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        edits_from_json(data)


KEYS = st.sampled_from([S0, S1, S2, "Ann", "Bo", "SPEAKER_05", "+"])
TIMES = st.integers(0, 14_000).map(lambda value: value / 1000)
LISTS = st.lists(
    st.one_of(
        st.builds(Rename, KEYS, st.sampled_from(["Ann", "Bo", "Ḥasan", "1"])),
        st.builds(lambda *keys: Merge(keys), KEYS, KEYS),
        st.builds(lambda *keys: Swap(keys), KEYS, KEYS),
        st.builds(lambda a, b, to, of: Reassign(min(a, b), max(a, b) + 0.001, to, of),
                  TIMES, TIMES, KEYS, st.none() | KEYS),
        st.builds(Split, KEYS, TIMES, KEYS),
    ),
    max_size=5,
)  # fmt: skip


@given(LISTS)
@settings(deadline=None, max_examples=150)
def test_any_list(edits: list[Edit]) -> None:
    result = talk()
    done: list[Edit] = []
    for edit in edits:
        try:
            result = apply_edits(result, [edit])
        except UsageError:
            continue
        done.append(edit)
    assert [text for text, _ in words(result)] == [text for text, _ in words(talk())]
    shown = set(result.diarization.labels)
    named = {speaker for _, speaker in words(result)}
    alone = shown - {turn.speaker for turn in result.diarization}
    assert {result.diarization.display(label) for label in alone} <= named
    assert named - {None} <= {result.diarization.display(label) for label in shown}
    for label in shown:
        mine = [turn for turn in result.diarization if turn.speaker == label]
        assert all(turn.duration > 0 for turn in mine)
    # the list as it is kept gives the same again, and so does the file
    assert apply_edits(talk(), done) == result
    again = from_json(json.loads(result.to_json()))
    if done:
        assert again.relabelling is not None
        assert again.relabelling == result.relabelling
        kept, lost = keep_relabelling(talk().diarization, again)
        assert not lost
        assert kept.diarization.turns == result.diarization.turns
        assert kept.relabelling == result.relabelling


def test_a_recording_done_again_keeps_its_corrections() -> None:
    changed = apply_edits(talk(), [Reassign(1.5, 2.9, "Bo"), Merge((S0, S2)), Rename(S0, "Cy")])
    kept, lost = keep_relabelling(talk().diarization, changed)
    assert (lost, kept.diarization.turns) == ([], changed.diarization.turns)
    other = Diarization([Turn(0, 3.9, S0), Turn(10, 12, S2)], 14.0)
    kept, lost = keep_relabelling(other, changed)  # other turns come out: names stay where they can
    assert lost == ["Bo", "Cy"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(talk(), ["json", "txt"], tmp_path, "talk")
    (tmp_path / "edits.json").write_text(
        json.dumps({"edits": [{"edit": "rename", "speaker": S0, "name": "Cy"}]})
    )
    words = ["--turn", "0:01.5-2.9=Bo", "--split", "Cy@0:06=Dee", "--rename", "Ann=Eve"]
    path = tmp_path / "talk.json"
    assert main(["relabel", str(path), "--edits", str(tmp_path / "edits.json"), *words]) == 0
    shown = {speaker["name"] for speaker in json.loads(path.read_text())["diarization"]["speakers"]}
    assert shown == {"Cy", "Bo", "Dee", "Eve", None}
    assert "Bo (00:00:01): late. Is" in (tmp_path / "talk.txt").read_text()
    capsys.readouterr()
    for wrong in (
        ["--turn", "1-2"],
        ["--turn", "2-1=Ann"],
        ["--turn", "1-2="],
        ["--split", "Cy=Bo"],
        ["--split", "Cy@soon"],
        ["--turn", "1-2=9"],
        ["--edits", str(tmp_path / "none.json")],
        ["--edits", str(tmp_path / "talk.txt")],
    ):
        assert main(["relabel", str(path), *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_turns_stay_in_order() -> None:
    changed = apply_edits(talk(), [Reassign(0, 14, "Bo")])
    assert all(one.start <= other.start for one, other in pairwise(changed.diarization.turns))
    assert changed.diarization.labels == ("SPEAKER_03",)
