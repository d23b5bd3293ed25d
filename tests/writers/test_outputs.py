"""Files of the user are never lost: what is found, replaced, left alone, and how it is named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.annotation import Diarization
from diarize.audio.loading import load
from diarize.cli import main
from diarize.errors import OutputError, UsageError
from diarize.files import RECORD_NAME, Note, Record, objection, write_whole
from diarize.formats import WriterOptions, get_writer, names
from diarize.outputs import check_outputs, named_file, plan_outputs, write_files
from diarize.relabel import keep_relabelling, relabel
from diarize.result import Result
from diarize.result_file import read_result
from diarize.rewriting import earlier_result
from diarize.timeline import Turn
from diarize.transcript.engines import get_engine
from diarize.transcript.sources import find_or_make_transcript
from tests.cli.test_main_job import RATE, write_wav

WORDS = ["please mind the wet paint", "over by the boats tonight"]


def cues(texts: list[str] = WORDS) -> str:
    return "".join(
        f"{n}\n00:00:{8 * n - 6:02d},000 --> 00:00:{8 * n - 1:02d},000\n{text}\n\n"
        for n, text in enumerate(texts, start=1)
    )


SUBTITLES = {
    "srt": cues(),
    "vtt": "WEBVTT\n\n" + cues().replace(",000", ".000"),
    "tsv": f"start\tend\ttext\n2000\t7000\t{WORDS[0]}\n10000\t15000\t{WORDS[1]}\n",
    "txt": f"2.0\t7.0\t{WORDS[0]}\n10.0\t15.0\t{WORDS[1]}\n",  # Audacity's labels have times
    "mp3.json": json.dumps(
        {
            "text": " ".join(WORDS),
            "segments": [
                {"start": 2.0, "end": 7.0, "text": WORDS[0]},
                {"start": 10.0, "end": 15.0, "text": WORDS[1]},
            ],
        }
    ),
}


@pytest.fixture(scope="session")
def clip(example_dir: Path) -> np.ndarray:
    """20 seconds of the example, in which two people talk."""
    return load(example_dir / "meeting.mp3").block(0, 20 * RATE)


@pytest.fixture
def talk(tmp_path: Path, clip: np.ndarray) -> Path:
    """A recording without a transcript; what it holds tells its kind, not its name."""
    return write_wav(tmp_path / "wav", clip).rename(tmp_path / "talk.mp3")


def run(*words: object) -> int:
    """Run a command in this process; the main job with the detector that is quick."""
    quick = ["--vad", "webrtc"] if isinstance(words[0], Path) else []
    return main([str(word) for word in words] + quick)


def text_of(path: Path) -> str:
    return " ".join(path.read_text(encoding="utf-8").split())


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("[!.]*")}


# --- the transcript beside the recording, and files of the user -----------------------------------


@pytest.mark.parametrize("extension", SUBTITLES)
def test_the_only_transcript_is_used_and_stays(talk: Path, extension: str, capsys: Any) -> None:
    theirs = talk.with_name(f"talk.{extension}")
    theirs.write_text(SUBTITLES[extension])
    own = extension.rpartition(".")[2]
    assert run(talk, "-f", f"srt,txt,{own}") == 0
    assert theirs.read_text() == SUBTITLES[extension]
    plain = talk.with_name("talk.diarized.srt" if extension == "srt" else "talk.srt")
    for text in WORDS:
        assert text in text_of(plain)
    if extension != "mp3.json":
        told = capsys.readouterr().err
        assert f"talk.{extension} is an input" in told
        assert f"talk.diarized.{extension} is written instead" in told


def test_default_formats_keep_the_words_of_subtitles(talk: Path) -> None:
    talk.with_suffix(".srt").write_text(cues())
    assert run(talk, "-q") == 0
    assert talk.with_suffix(".srt").read_text() == cues()
    assert WORDS[0] in text_of(talk.with_name("talk.diarized.srt"))
    assert WORDS[0] in text_of(talk.with_suffix(".json"))


def test_json_comes_before_subtitles(talk: Path) -> None:
    talk.with_suffix(".srt").write_text(cues(["from subtitles", "from subtitles"]))
    shutil.copy(write_text(talk.with_name("x"), SUBTITLES["mp3.json"]), talk.with_suffix(".json"))
    assert run(talk, "--txt", "-q") == 0
    assert WORDS[0] in text_of(talk.with_suffix(".txt"))


def write_text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_plain_text_is_no_transcript_and_stays(talk: Path, capsys: Any) -> None:
    talk.with_suffix(".txt").write_text("please mind the wet paint\n")
    assert run(talk, "--no-transcript", "-f", "txt,rttm") == 0
    assert talk.with_suffix(".txt").read_text() == "please mind the wet paint\n"
    assert talk.with_name("talk.diarized.txt").is_file()


def test_own_files_are_replaced_until_they_are_changed(talk: Path, capsys: Any) -> None:
    source = write_text(talk.with_name("given.json"), SUBTITLES["mp3.json"])
    words = [talk, "--transcript", source, "--srt", "-q"]
    assert run(*words) == 0
    first = talk.with_suffix(".srt").read_bytes()
    assert run(*words, "--speaker-prefix", "never") == 0  # other bytes, so it has to be replaced
    second = talk.with_suffix(".srt").read_bytes()
    assert first != second
    assert visible(talk.parent) == {"talk.mp3", "given.json", "talk.srt"}
    corrected = second.replace(b"wet", b"fresh")
    talk.with_suffix(".srt").write_bytes(corrected)
    capsys.readouterr()
    assert run(*words) == 0
    assert (
        "talk.srt was changed since diarize wrote it and is left alone" in capsys.readouterr().err
    )
    assert talk.with_suffix(".srt").read_bytes() == corrected
    assert talk.with_name("talk.diarized.srt").read_bytes() == first
    assert run(*words, "--overwrite") == 0
    assert talk.with_suffix(".srt").read_bytes() == first


def test_subtitles_corrected_by_hand_are_the_transcript_where_nothing_else_is(talk: Path) -> None:
    source = write_text(talk.with_name("given.json"), SUBTITLES["mp3.json"])
    assert run(talk, "--transcript", source, "--srt", "-q") == 0
    srt = talk.with_suffix(".srt")
    srt.write_text(srt.read_text().replace("wet", "fresh"))
    assert run(talk, "--txt", "-q") == 0
    assert "please mind the fresh paint" in text_of(talk.with_suffix(".txt"))
    assert "SPEAKER_00: please" not in text_of(talk.with_suffix(".txt"))


def test_a_result_corrected_by_hand_is_the_transcript(talk: Path) -> None:
    source = write_text(talk.with_name("given.json"), SUBTITLES["mp3.json"])
    assert run(talk, "--transcript", source, "--json", "-q") == 0
    data = talk.with_suffix(".json")
    data.write_text(data.read_text().replace("wet", "fresh"))
    before = data.read_bytes()
    assert run(talk, "-f", "json,txt", "-q") == 0
    assert data.read_bytes() == before
    assert "fresh paint" in text_of(talk.with_suffix(".txt"))
    assert "fresh paint" in text_of(talk.with_name("talk.diarized.json"))


def test_words_are_never_replaced_by_none(talk: Path, capsys: Any) -> None:
    source = write_text(talk.with_name("given.json"), SUBTITLES["mp3.json"])
    formats = ["-f", "srt,json,txt,md,rttm"]
    assert run(talk, "--transcript", source, *formats, "-q") == 0
    before = {path.name: path.read_bytes() for path in talk.parent.iterdir()}
    for more in ([], ["--overwrite"]):
        assert run(talk, "--no-transcript", *formats, "-q", *more) == 0
        for name in ("talk.srt", "talk.json", "talk.txt", "talk.md"):
            assert talk.with_name(name).read_bytes() == before[name]
    assert "holds words" in capsys.readouterr().err
    # and the list of bare turns is no transcript for the next run
    talk.with_suffix(".srt").unlink()
    talk.with_suffix(".json").unlink()
    talk.with_name("talk.diarized.srt").rename(talk.with_suffix(".srt"))
    assert run(talk, "--srt", "-q", "--transcript", source) == 0
    assert WORDS[0] in text_of(talk.with_name("talk.diarized.srt"))


@pytest.mark.parametrize("recorded", [True, False])
def test_a_list_of_turns_is_no_transcript(talk: Path, recorded: bool) -> None:
    assert run(talk, "--no-transcript", "-f", "srt,vtt,tsv,audacity", "-q") == 0
    assert "SPEAKER_00" in text_of(talk.with_suffix(".srt"))
    talk.with_name("talk.audacity.txt").rename(talk.with_suffix(".txt"))
    if not recorded:
        (talk.parent / RECORD_NAME).unlink()  # as a version without a record wrote it
    places = {"audio": talk, "directory": talk.parent}
    found = find_or_make_transcript(load(talk), get_engine(), **places, make=False)
    assert (found.transcript, found.messages) == (None, ())


def test_a_second_recording_of_the_name_does_not_replace_the_first(
    tmp_path: Path, clip: np.ndarray, capsys: Any
) -> None:
    sources = []
    for day, part in (("day1", clip), ("day2", clip[: 12 * RATE])):
        (tmp_path / day).mkdir()
        sources.append(write_wav(tmp_path / day / "rec.wav", part))
    out = tmp_path / "out"
    for source in sources:  # two calls
        assert run(source, "--no-transcript", "--rttm", "-o", out, "-q") == 0
    first = (out / "rec.rttm").read_bytes()
    assert first != (out / "rec.diarized.rttm").read_bytes()
    assert "is of another recording (../day1/rec.wav)" in capsys.readouterr().err
    for source in sources:  # and each finds its own again
        assert run(source, "--no-transcript", "--rttm", "-o", out, "-q", "--threshold", 0.5) == 0
    assert visible(out) == {"rec.rttm", "rec.diarized.rttm"}
    both = tmp_path / "both"
    assert run(*sources, "--no-transcript", "--rttm", "-o", both, "-q") == 0  # one call
    assert (both / "day1" / "rec.rttm").read_bytes() == first
    assert (both / "day2" / "rec.rttm").is_file()


# --- names of files -------------------------------------------------------------------------------


def test_recordings_of_one_name_get_places_of_their_own(tmp_path: Path) -> None:
    def planned(*sources: str, folder: Path | None = tmp_path / "out") -> list[str]:
        places = plan_outputs([str(tmp_path / source) for source in sources], folder)
        return [
            (place.folder / place.stem).relative_to(tmp_path).as_posix()
            for place in places
            if place.folder
        ]

    assert planned("a/x.wav", "b/y.wav") == ["out/x", "out/y"]
    assert planned("a/x.wav", "b/x.wav", "c/y.wav") == ["out/a/x", "out/b/x", "out/y"]
    assert planned("a/x.wav", "a/b/X.wav") == ["out/x", "out/b/X"]
    assert planned("x.wav", "x.mp3", folder=None) == ["x.wav", "x.mp3"]
    assert planned("a/x.wav", "a/x.mp3", "b/x.wav") == ["out/a/x.wav", "out/a/x.mp3", "out/b/x"]
    assert planned("x.wav", "x.mp3", "x.wav.ogg") == ["out/x.wav", "out/x.mp3", "out/x.wav.2"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "b", "a/b"]), st.sampled_from(["x", "X", "x.y"])),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_no_two_recordings_share_a_place(parts: list[tuple[str, str]], into: bool) -> None:
    sources = [f"{folder}/{stem}.{n}" for n, (folder, stem) in enumerate(parts)]
    places = plan_outputs([s.lstrip("/") for s in sources], Path("out") if into else None)
    keys = {f"{place.folder}/{place.stem}".casefold() for place in places}
    assert len(keys) == len(sources)


def test_output_may_be_one_file(talk: Path, tmp_path: Path, capsys: Any) -> None:
    source = write_text(talk.with_name("given.json"), SUBTITLES["mp3.json"])
    words = [talk, "--transcript", source, "-q"]
    out = tmp_path / "new" / "out.srt"
    assert run(*words, "-o", out) == 0
    assert visible(out.parent) == {"out.srt"}
    assert WORDS[0] in text_of(out)
    assert run(*words, "-o", out, "--speaker-prefix", "never") == 0  # its own may be replaced
    out.write_text("by hand")
    assert run(*words, "-o", out) == 1
    assert out.read_text() == "by hand"
    assert "--overwrite" in capsys.readouterr().err
    assert run(*words, "-o", out, "--overwrite") == 0
    assert WORDS[0] in text_of(out)
    for bad in (["-o", out, "-f", "srt,json"], ["-o", out, "--vtt"], [source, "-o", out]):
        assert run(*words[:1], *bad, "-q") == 2
    rttm = write_text(tmp_path / "r.rttm", "SPEAKER talk 1 0 9 <NA> <NA> Ann <NA> <NA>\n")
    merge = ["merge", "--transcript", source, "--rttm", rttm, "-q"]
    assert run(*merge, "-o", out, "--json") == 2
    assert run(*merge, "-o", tmp_path / "merged.vtt") == 0
    assert "<v Ann>" in (tmp_path / "merged.vtt").read_text()


@pytest.mark.parametrize(
    ("output", "formats", "found"),
    [
        (None, ["srt"], (None, ["srt"])),
        ("-", [], (None, [])),
        ("out", ["srt", "vtt"], (None, ["srt", "vtt"])),
        ("v1.2", [], (None, [])),
        ("out.srt/", [], (None, [])),
        ("out.SRT", [], (Path("out.SRT"), ["srt"])),
        ("a.seglst.json", [], (Path("a.seglst.json"), ["seglst"])),
        ("a.json", [], (Path("a.json"), ["json"])),
        ("a.TextGrid", [], (Path("a.TextGrid"), ["textgrid"])),
        ("labels.txt", ["audacity"], (Path("labels.txt"), ["audacity"])),
        ("out.srt", ["srt"], (Path("out.srt"), ["srt"])),
        ("out.srt", ["vtt"], "vtt"),
        ("out.srt", ["srt", "vtt"], "one file"),
        ("out.docx", [], (Path("out.docx"), ["docx"])),
        ("out.pdf", [], "no output format"),
        ("out.docx", ["txt"], "txt"),
    ],
)
def test_files_are_told_from_folders(output: str | None, formats: list[str], found: Any) -> None:
    if isinstance(found, str):
        with pytest.raises(UsageError, match=found):
            named_file(output, formats)
    else:
        assert named_file(output, formats) == found


def test_a_folder_with_a_files_name_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out.srt").mkdir()
    assert named_file(str(tmp_path / "out.srt"), ["vtt"]) == (None, ["vtt"])


def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    for stem, fits in (("n" * 200, True), ("n" * 250, False), ("名" * 90, False)):
        places = plan_outputs([str(tmp_path / f"{stem}.wav")], tmp_path / "new")
        if fits:
            check_outputs(places, ["srt", "textgrid"], overwrite=False)
        else:
            with pytest.raises(OutputError, match="too long"):
                check_outputs(places, ["srt", "textgrid"], overwrite=False)
    write_text(tmp_path / "file", "here")
    with pytest.raises(OutputError, match="not a folder"):
        check_outputs(plan_outputs(["a.wav"], tmp_path / "file" / "x"), ["srt"], overwrite=False)


def test_long_names_that_fit_are_written(tmp_path: Path, clip: np.ndarray) -> None:
    path = write_wav(tmp_path / "wav", clip).rename(tmp_path / f"{'n' * 238}.wav")
    assert run(path, "-f", "rttm", "-q") == 0
    assert path.with_suffix(".rttm").is_file()
    assert run(path, "-f", "textgrid", "--no-transcript", "-q") == 1


def test_a_result_that_nobody_knows_of_is_the_transcript_and_stays(talk: Path) -> None:
    source = write_text(talk.with_name("given.json"), SUBTITLES["mp3.json"])
    assert run(talk, "--transcript", source, "-f", "json,srt", "-q") == 0
    (talk.parent / RECORD_NAME).unlink()  # as after a copy of `*`
    data = talk.with_suffix(".json")
    data.write_text(data.read_text().replace("wet", "fresh"))
    before = data.read_bytes()
    assert run(talk, "-f", "json,txt", "-q") == 0
    assert data.read_bytes() == before
    assert "fresh paint" in text_of(talk.with_suffix(".txt"))


# --- the record -----------------------------------------------------------------------------------


def test_the_record_survives_damage_and_other_writers(tmp_path: Path) -> None:
    files = {tmp_path / name: name for name in ("a.srt", "b.srt")}
    write_whole(files, {path: Note(path.name, format="srt") for path in files})
    record = tmp_path / RECORD_NAME
    record.write_bytes(b'{"name": \n\xff[]\n17\n' + record.read_bytes() + b'{"name": "c.s')
    write_whole({tmp_path / "c.srt": "c"}, {tmp_path / "c.srt": Note("c.srt")})
    known = Record(tmp_path)
    for name in ("a.srt", "b.srt", "c.srt"):
        assert known.note_of(tmp_path / name) is not None, name
        assert objection(tmp_path / name, known) is None
    before = record.read_bytes()
    write_whole(files, {path: Note(path.name, format="srt") for path in files})
    assert record.read_bytes() == before  # the same bytes are not noted twice
    (tmp_path / "a.srt").write_text("changed")
    assert "changed" in str(objection(tmp_path / "a.srt", known))
    assert "not written" in str(objection(write_text(tmp_path / "d.srt", "d"), known))
    assert objection(write_text(tmp_path / "e.srt", ""), known) is None
    record.unlink()
    assert "not written" in str(objection(tmp_path / "b.srt", Record(tmp_path)))


@given(st.lists(st.sampled_from(["write", "write other", "edit", "delete"]), max_size=8))
def test_what_a_person_wrote_is_always_still_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    by_hand: dict[str, str] = {}
    for number, step in enumerate(steps):
        path = folder / "talk.rttm"
        if step.startswith("write"):
            end = 1.0 if step == "write" else 2.0
            result = Result(Diarization([Turn(0, end, "SPEAKER_00")], duration=3))
            (written,) = write_files(result, ["rttm"], folder, "talk")
            assert written.name not in by_hand
            assert written.read_text() == get_writer("rttm").render(result, WriterOptions())
        elif step == "edit":
            by_hand[path.name] = f"by hand {number}"
            path.write_text(by_hand[path.name])
        elif path.name not in by_hand:
            path.unlink(missing_ok=True)
    assert {name: (folder / name).read_text() for name in by_hand} == by_hand


# --- relabel --------------------------------------------------------------------------------------


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result with words in five formats, from three voices."""
    turns = [Turn(0, 2, "SPEAKER_00"), Turn(2, 4, "SPEAKER_01"), Turn(4, 6, "SPEAKER_02")]
    segments = [
        {
            "start": turn.start,
            "end": turn.end,
            "text": f" {turn.speaker[-1]}!",
            "speaker": turn.speaker,
        }
        for turn in turns
    ]
    audio = write_text(tmp_path / "talk.mp3", "sound")
    talk = Diarization(turns, duration=6, parameters={"window": 1.6})
    done = Result(talk, {"segments": segments}, str(audio))
    write_files(done, ["json", "srt", "vtt", "txt", "rttm"], tmp_path, "talk")
    return tmp_path / "talk.json"


def test_relabel_always_updates_the_json(result: Path) -> None:
    assert run("relabel", result, "--rename", "SPEAKER_00=Ann", "--srt", "-q") == 0
    assert run("relabel", result, "--rename", "SPEAKER_01=Ben", "-f", "md", "-q") == 0
    for name in ("talk.json", "talk.srt", "talk.vtt", "talk.txt", "talk.rttm", "talk.md"):
        text = result.with_name(name).read_text()
        assert "Ann" in text, name
        assert "Ben" in text, name


def test_relabel_names_the_files_that_it_leaves_alone(result: Path, capsys: Any) -> None:
    srt = result.with_suffix(".srt")
    srt.write_text(srt.read_text().replace("0!", "Zero!"))
    assert run("relabel", result, "--rename", "SPEAKER_00=Ann") == 0
    told = capsys.readouterr().err
    assert "left alone: talk.srt (was changed since diarize wrote it)" in told
    assert "Zero!" in srt.read_text()
    assert "Ann" in result.with_suffix(".vtt").read_text()
    assert run("relabel", result, "--rename", "Ann=Eve", "--srt") == 0
    assert "Zero!" in srt.read_text()
    assert "Eve" in result.with_name("talk.diarized.srt").read_text()
    assert run("relabel", result, "--rename", "Eve=Ida", "--overwrite", "-q") == 0
    assert "Ida: 0!" in srt.read_text()


def test_relabel_keeps_the_layout_of_subtitles(result: Path) -> None:
    done = read_result(result)
    plain = WriterOptions(speaker_prefix="never")
    write_files(done, ["srt"], result.parent, "talk", plain)
    assert run("relabel", result, "--merge", "SPEAKER_00,SPEAKER_01", "-q") == 0
    assert "SPEAKER" not in result.with_suffix(".srt").read_text()
    assert run("relabel", result, "--rename", "SPEAKER_00=Ann", "--max-line-width", 40, "-q") == 0
    assert "Ann: 0!" in result.with_suffix(".srt").read_text()


def test_relabel_without_a_record_knows_what_it_would_write(result: Path) -> None:
    (result.parent / RECORD_NAME).unlink()  # as after `cp out/* elsewhere`
    assert run("relabel", result, "--rename", "SPEAKER_00=Ann", "-q") == 0
    assert "Ann" in result.with_suffix(".srt").read_text()


def test_relabel_elsewhere_leaves_what_is_here(result: Path, capsys: Any) -> None:
    before = {path.name: path.read_bytes() for path in result.parent.iterdir() if path.is_file()}
    out = result.parent / "out"
    assert run("relabel", result, "--rename", "SPEAKER_00=Ann", "--srt", "-o", out) == 0
    assert f"left alone: {result}" in capsys.readouterr().err
    assert {name: (result.parent / name).read_bytes() for name in before} == before
    assert visible(out) == {"talk.srt", "talk.json"}
    assert json.loads((out / "talk.json").read_text())["diarization"]["audio"] == "../talk.mp3"
    assert run("relabel", result, "--rename", "SPEAKER_00=Ann", "-o", out / "x.vtt", "-q") == 0
    assert "<v Ann>" in (out / "x.vtt").read_text()


# --- names are kept when a recording is diarized again --------------------------------------------


def test_names_stay_when_the_recording_is_diarized_again(talk: Path, capsys: Any) -> None:
    source = write_text(talk.with_name("given.json"), SUBTITLES["mp3.json"])
    words = [talk, "--transcript", source]
    assert run(*words, "-f", "json,srt", "-q") == 0
    data = talk.with_suffix(".json")
    speaker = json.loads(data.read_text())["diarization"]["speakers"][0]["label"]
    assert run("relabel", data, "--rename", f"{speaker}=Ann", "-q") == 0
    named = data.read_bytes()
    capsys.readouterr()
    assert run(*words, "-f", "json,srt") == 0
    assert "kept from" in (told := capsys.readouterr().err)
    assert "Ann" in told
    assert data.read_bytes() == named
    assert "Ann:" in text_of(talk.with_suffix(".srt"))
    out = talk.parent / "out"
    assert run(*words, "--srt", "-o", out, "-q") == 0  # also where results go elsewhere
    assert "Ann:" in text_of(out / "talk.srt")
    assert run(*words, "-f", "json", "-q", "--no-keep-names") == 0
    assert "Ann" not in data.read_text()


def three() -> Diarization:
    turns = [Turn(n, n + 1, f"SPEAKER_0{n % 3}") for n in range(6)]
    return Diarization(turns, duration=6)


def test_joined_swapped_and_named_speakers_are_carried_over() -> None:
    edited = relabel(
        Result(three()),
        merge=[["SPEAKER_01", "SPEAKER_02"]],
        swap=[("SPEAKER_00", "SPEAKER_01")],
        rename={"SPEAKER_01": "Ann"},
    )
    again, lost = keep_relabelling(three(), edited)
    assert lost == []
    assert again.diarization == edited.diarization
    assert again.relabelling == edited.relabelling
    more = relabel(again, rename={"Ann": "Eve"})
    assert keep_relabelling(three(), more)[0].diarization == more.diarization


def test_names_are_kept_where_a_speaker_has_the_same_turns() -> None:
    edited = relabel(Result(three()), rename={"SPEAKER_00": "Ann", "SPEAKER_02": "Cy"})
    turns = [Turn(t.start, t.end, "X" if t.speaker == "SPEAKER_00" else "Y") for t in three()]
    again, lost = keep_relabelling(Diarization(turns, duration=6), edited)
    assert [s.display for s in again.diarization.speakers] == ["Ann", "Y"]
    assert lost == ["Cy"]
    assert keep_relabelling(three(), Result(three())) == (Result(three()), [])


def test_the_result_that_will_be_replaced_tells_the_names(result: Path) -> None:
    result.write_text(result.read_text() + "\n")  # changed by hand
    edited = relabel(read_result(result), rename={"SPEAKER_00": "Ann"})
    write_files(edited, ["json"], result.parent, "talk")
    (place,) = plan_outputs([str(result.with_suffix(".mp3"))], None)
    found = earlier_result(place, str(result.with_suffix(".mp3")))
    assert found is not None
    assert found[0].name == "talk.diarized.json"
    assert found[1].relabelling == edited.relabelling


# --- a result finds its recording -----------------------------------------------------------------


def test_a_result_finds_its_recording_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = write_text(tmp_path / "in.wav", "sound")
    monkeypatch.chdir(tmp_path)
    done = Result(three(), audio="in.wav")
    (path,) = write_files(done, ["json"], Path("a") / "b", "in")
    (tmp_path / "c").mkdir()
    monkeypatch.chdir(tmp_path / "c")
    for seen in (tmp_path / path, Path("..") / path):
        found = read_result(seen).audio
        assert found is not None
        assert Path(found).samefile(audio)
    shutil.move(tmp_path / "a", tmp_path / "moved")
    assert Path(str(read_result(tmp_path / "moved" / "b" / "in.json").audio)).is_file()
    shutil.copytree(tmp_path / "moved", tmp_path / "c" / "deep" / "er")
    lost = read_result(tmp_path / "c" / "deep" / "er" / "b" / "in.json")
    assert lost.audio is not None
    assert not Path(lost.audio).exists()
    shutil.copy(audio, tmp_path / "c" / "deep" / "er" / "b")
    beside = read_result(tmp_path / "c" / "deep" / "er" / "b" / "in.json")
    assert Path(str(beside.audio)).is_file()


def test_every_format_is_noted(tmp_path: Path) -> None:
    done = replace(Result(three()), audio=str(write_text(tmp_path / "in.wav", "sound")))
    for _ in range(2):
        written = write_files(done, names(), tmp_path, "in")
    record = Record(tmp_path)
    assert [note.format for path in written if (note := record.note_of(path))] == list(names())
