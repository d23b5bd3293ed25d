"""The commands for enrolled people, as a user runs them, on real speech."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from diarize.annotation import Diarization
from diarize.arrays import unit
from diarize.audio.loading import load
from diarize.embedding.base import Thresholds
from diarize.result import Result
from diarize.speakers.book import SpeakerBook
from diarize.speakers.calibration import Calibration
from diarize.speakers.fitness import check_person
from diarize.speakers.records import BookModel, Sample
from diarize.timeline import Turn
from tests import command
from tests.talk import recording

RATE = 16_000
# The last one is the stranger.
READERS = ("libris_002", "libris_001", "libris_000")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def run(*words: str | Path, book: Path | None = None) -> Done:
    done = command.run(*words, **({} if book is None else {"DIARIZE_SPEAKERS": str(book)}))
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def good(*words: str | Path, book: Path | None = None) -> str:
    done = run(*words, book=book)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*words: str | Path, book: Path | None = None, code: int = 1) -> str:
    done = run(*words, book=book)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    line, *rest = done.stderr.strip().split("\n")
    assert line.startswith("diarize: ")
    assert not rest or rest[0].startswith("speaker "), rest  # a table of voices
    return line


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of three readers from different chapters, and recordings unfit to enroll."""
    folder = tmp_path_factory.mktemp("recordings")
    for letter, reader in zip("abc", READERS, strict=True):
        for take in "12":
            samples = load(recording(f"{reader}-{take}")).samples
            soundfile.write(folder / f"{letter}{take}.wav", samples, RATE)
    first, second = (soundfile.read(folder / name)[0] for name in ("a2.wav", "b2.wav"))
    soundfile.write(folder / "two.wav", np.concatenate([first, second]), RATE)
    soundfile.write(folder / "short.wav", first[RATE : 2 * RATE], RATE)
    soundfile.write(folder / "silence.wav", np.zeros(10 * RATE), RATE)
    soundfile.write(folder / "music.wav", music(12.0), RATE)
    return folder


def music(seconds: float) -> np.ndarray:
    """Return chords of decaying harmonics, two a second, as of a piano."""
    sound = np.zeros(round(seconds * RATE))
    time = np.arange(RATE) / RATE
    for step, root in enumerate([262, 294, 220, 349] * round(seconds / 2)):
        chord = sum(
            np.sin(2 * np.pi * root * ratio * harmonic * time) / harmonic
            for ratio in (1, 5 / 4, 3 / 2)
            for harmonic in (1, 2, 3, 4)
        )
        begin = step * RATE // 2
        piece = (0.08 * chord * np.exp(-4 * time))[: len(sound) - begin]
        sound[begin : begin + len(piece)] += piece
    return sound


@pytest.fixture(scope="module")
def filled(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book with two of the three readers in it."""
    book = tmp_path_factory.mktemp("book") / "people.db"
    good("enroll", "Ann Lee", recordings / "a1.wav", book=book)
    good("enroll", "Bob", recordings / "b1.wav", "--speakers", book)
    return book


def test_listing(filled):
    lines = good("speakers", book=filled).splitlines()
    assert lines[0].split() == ["name", "samples", "seconds", "consistency", "enrolled", "note"]
    assert lines[1].startswith("Ann Lee")
    assert lines[2].startswith("Bob")
    listed = json.loads(good("speakers", "list", "--json", "--speakers", filled))
    assert [person["name"] for person in listed["people"]] == ["Ann Lee", "Bob"]
    assert all(person["seconds"] > 8 for person in listed["people"])
    assert listed["model"]["checksum"]


def test_identify_names_the_enrolled_and_nobody_else(filled, recordings):
    found = json.loads(good("identify", recordings / "two.wav", "--json", "--speakers", filled))
    talk = {}
    for voice in found["voices"]:
        talk[voice["name"]] = talk.get(voice["name"], 0.0) + voice["talk_time"]
        assert len(voice["candidates"]) == 2
    assert talk.get("Ann Lee", 0) > 10
    assert talk.get("Bob", 0) > 10
    stranger = good("identify", recordings / "c2.wav", book=filled)
    assert "unknown" in stranger
    rows = [line.split("  ") for line in stranger.splitlines()[1:]]
    assert not any(cell.strip() in ("Ann Lee", "Bob") for row in rows for cell in row)


def test_the_main_job_writes_the_names(filled, recordings):
    rttm = good(
        recordings / "two.wav", "--speakers", filled, "--no-transcript", "--rttm", "-o", "-"
    )
    seconds: dict[str, float] = {}
    for line in rttm.splitlines():
        fields = line.split()
        seconds[fields[7]] = seconds.get(fields[7], 0.0) + float(fields[4])
    assert seconds["Ann_Lee"] > 10
    assert seconds["Bob"] > 10


def test_verify(recordings):
    lines = good("verify", recordings / "a1.wav", recordings / "a2.wav").splitlines()
    assert lines[0].startswith("similarity: 0.")
    assert lines[1].startswith("threshold: 0.")
    assert lines[2] == "match"
    found = json.loads(good("verify", recordings / "a1.wav", recordings / "b1.wav", "--json"))
    assert found["match"] is (found["similarity"] >= found["threshold"])
    assert found["match"] is False
    words = ["verify", recordings / "a1.wav", recordings / "b1.wav", "--exit-code", "-q"]
    assert run(*words).returncode == 1
    words[2] = recordings / "a2.wav"
    assert run(*words).returncode == 0


def test_a_voice_of_a_finished_result(filled, recordings, tmp_path):
    book = tmp_path / "book.db"
    out = tmp_path / "out"
    good(
        recordings / "two.wav",
        "--num-speakers",
        "2",
        "--no-transcript",
        "--json",
        "-o",
        out,
        "-q",
    )
    good("enroll", "Bob", "--from-result", out / "two.json", "--speaker", "SPEAKER_01", book=book)
    with SpeakerBook(book) as opened:
        (first, *_) = opened.samples("Bob")
        assert first.source == str((recordings / "two.wav").resolve())
        assert first.regions[0].start > 12


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["silence.wav"], "no speech found"),
        (["music.wav"], "speech"),
        (["short.wav"], "at least 5 s are needed"),
        (["two.wav"], "2 people talk here, one is needed"),
        (["two.wav", "--from", "6-21"], "2 people talk here, one is needed"),
        (["two.wav", "--speaker", "7"], "there is no speaker 7"),
        (["none.wav"], "no such file"),
        (["a1.wav", "--from", "100-200"], "there is nothing at 100-200"),
    ],
)
def test_bad_recordings_leave_the_book_alone(filled, recordings, words, reason):
    before = filled.read_bytes()
    assert reason in refused("enroll", "Eve", recordings / words[0], *words[1:], book=filled)
    assert filled.read_bytes() == before


def test_a_part_with_one_voice_and_a_speaker_by_number(recordings, tmp_path):
    book = tmp_path / "book.db"
    good("enroll", "Ann", recordings / "two.wav", "--from", "1-11", book=book)
    words = ["enroll", "Bob", recordings / "two.wav", "--speaker", "1"]
    line = refused(*words, "--from", "1-9", book=book)
    assert "SPEAKER_01 never speaks alone here; those found:" in line
    good(*words, book=book)
    rttm = good(recordings / "two.wav", "--no-transcript", "--rttm", "-o", "-")
    second = [line.split() for line in rttm.splitlines() if line.split()[7] == "SPEAKER_01"]
    with SpeakerBook(book) as opened:
        regions = [region for one in opened.samples("Bob") for region in one.regions]
    assert min(region.start for region in regions) >= float(second[0][3]) - 0.01
    assert all(
        any(
            float(turn[3]) - 0.01 <= region.start
            and region.end <= float(turn[3]) + float(turn[4]) + 0.01
            for turn in second
        )
        for region in regions
    )


def test_short_recordings_are_pooled(recordings, tmp_path):
    sound, rate = soundfile.read(recordings / "a1.wav")
    for number in range(3):
        piece = sound[(1 + 3 * number) * rate : (4 + 3 * number) * rate]
        soundfile.write(tmp_path / f"{number}.wav", piece, rate)
    files = [tmp_path / f"{number}.wav" for number in range(3)]
    book = tmp_path / "book.db"
    assert "at least 5 s are needed" in refused("enroll", "Ann", files[0], book=book)
    twice = [files[0], tmp_path / "." / "0.wav", files[0]]
    assert "for only" in refused("enroll", "Ann", *twice, book=book)
    done = run("enroll", "Ann", *files, recordings / "silence.wav", book=book)
    assert done.returncode == 0, done.stderr
    assert "silence.wav: no speech found; left out" in done.stderr
    with SpeakerBook(book) as opened:
        assert {Path(one.source).name for one in opened.samples("Ann")} == {
            "0.wav", "1.wav", "2.wav"
        }  # fmt: skip
    other = recordings / "c1.wav"
    assert "does not sound like" in refused("enroll", "Eve", files[0], other, book=book)
    done = run("enroll", "Ann", other, book=book)
    assert done.returncode == 1
    assert "does not sound like the Ann" in done.stderr
    good("enroll", "Ann", other, "--one-voice", book=book)


def test_a_note_is_kept_and_listed(recordings, tmp_path):
    book = tmp_path / "book.db"
    words = ["enroll", "Ann", recordings / "a1.wav"]
    good(*words, "--note", "agreed by mail, 3 Nov", book=book)
    assert "agreed by mail, 3 Nov" in good("speakers", book=book)
    with SpeakerBook(book) as opened:
        opened.add("Ann", [], opened.model, note="by mail,\nagain")
    assert "by mail, again" in good("speakers", book=book)
    (person,) = json.loads(good("speakers", "--json", book=book))["people"]
    assert person["notes"][0]["text"] == "agreed by mail, 3 Nov"
    assert person["notes"][0]["created"][:4].isdigit()


def test_a_proposal_is_confirmed_or_rejected(recordings, tmp_path):
    """What one says to a name stays said: in the result, and for that voice."""
    book, out = tmp_path / "book.db", tmp_path / "out"
    good("enroll", "Ann", recordings / "a1.wav", book=book)
    good("enroll", "Bob", recordings / "b1.wav", book=book)
    words = [recordings / "two.wav", "--num-speakers", "2", "--no-transcript", "-q"]
    good(*words, "-f", "json,rttm", "-o", out)
    path = out / "two.json"
    line = refused("speakers", "confirm", path, "0=Ane", book=book)
    assert "nobody called 'Ane'" in line
    assert "did you mean 'Ann'" in line
    line = refused("speakers", "confirm", path, "0=Ann", "0=Bob", book=book, code=2)
    assert "SPEAKER_00 cannot be both Ann and Bob" in line
    good("speakers", "confirm", path, "0=Ann", book=book)
    with SpeakerBook(book) as opened:
        assert str((recordings / "two.wav").resolve()) in {
            one.source for one in opened.samples("Ann")
        }
    assert "Ann" in path.with_suffix(".rttm").read_text()
    block = json.loads(path.read_text())["diarization"]
    assert [one["name"] for one in block["speakers"]] == ["Ann", None]
    # not that person's voice, and so no sample; the name is given all the same
    with_third = tmp_path / "third.db"
    good("enroll", "Cem", recordings / "c1.wav", book=with_third)
    done = run("speakers", "confirm", path, "SPEAKER_01=Cem", book=with_third)
    assert done.returncode == 1
    assert "no sample of Cem was added: this voice does not sound like" in done.stderr
    block = json.loads(path.read_text())["diarization"]
    assert [one["name"] for one in block["speakers"]] == ["Ann", "Cem"]

    named = tmp_path / "named"
    good(*words, "-f", "json", "-o", named, "--speakers", book)
    assert [one["name"] for one in speakers_in(named)] == ["Ann", "Bob"]
    good("speakers", "reject", named / "two.json", "Bob=Bob", book=book)
    (_, bob) = speakers_in(named)
    assert bob["name"] is None
    assert [one["name"] for one in bob["candidates"]] == ["Ann"]
    again = tmp_path / "again"
    good(*words, "-f", "json", "-o", again, "--speakers", book)
    (ann, bob) = speakers_in(again)
    assert (ann["name"], bob["name"], bob["proposal"]) == ("Ann", None, None)
    assert "Bob" not in [one["name"] for one in bob["candidates"]]
    good(
        "enroll", "Bob", recordings / "two.wav", "--speaker", "1", "--num-speakers", "2", book=book
    )
    good(*words, "-f", "json", "-o", again, "--speakers", book)
    assert [one["name"] for one in speakers_in(again)] == ["Ann", "Bob"]


def test_two_speakers_who_are_one_person_are_both_learned(recordings, tmp_path):
    book, sound = tmp_path / "book.db", recordings / "a2.wav"
    good("enroll", "Ann", recordings / "a1.wav", book=book)
    half = load(sound).duration / 2
    turns = [Turn(0.0, half, "SPEAKER_00"), Turn(half, 2 * half, "SPEAKER_01")]
    (result,) = Result(Diarization(turns, 2 * half, "a2"), None, str(sound)).write(
        "json", folder=tmp_path
    )
    good("speakers", "confirm", result, "0=Ann", "1=Ann", book=book)
    with SpeakerBook(book) as opened:
        ends = [one.regions[-1].end for one in opened.samples("Ann") if "a2" in one.source]
    assert min(ends) <= half < max(ends)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are UTF-8 elsewhere")
def test_names_of_files_that_are_no_utf8(recordings, tmp_path):
    sound = tmp_path / os.fsdecode(b"caf\xe9.wav")
    sound.write_bytes((recordings / "a1.wav").read_bytes())
    book, copy, out = tmp_path / "book.db", tmp_path / "copy.db", tmp_path / "out"
    good("enroll", "Ann", sound, book=book)
    for number in range(2):
        good(sound, "--no-transcript", "-f", "json,rttm,html", "-o", out)
        assert len(list(out.glob("*.json"))) == 1, number
    (result,) = out.glob("*.json")
    assert (out / json.loads(result.read_bytes())["diarization"]["audio"]).resolve() == sound
    good("enroll", "Ann", "--from-result", result, "--speaker", "0", book=book)
    printed = json.loads(good(sound, "--no-transcript", "--json", "-o", "-"))
    assert printed["diarization"]["audio"] == str(sound)
    assert json.loads(good("identify", sound, "--json", book=book))["audio"] == str(sound)
    good("speakers", "export", "-o", tmp_path / "people.json", book=book)
    good("speakers", "import", tmp_path / "people.json", "--speakers", copy)
    for one in (book, copy):
        good("speakers", "re-enroll", "-q", book=one)
        with SpeakerBook(one) as opened:
            assert {sample.source for sample in opened.samples("Ann")} == {str(sound)}


def speakers_in(folder: Path) -> list[dict]:
    return json.loads((folder / "two.json").read_text())["diarization"]["speakers"]


def test_a_result_whose_recording_has_moved(recordings, tmp_path):
    moved = tmp_path / "moved.wav"
    moved.write_bytes((recordings / "two.wav").read_bytes())
    good(moved, "--num-speakers", "2", "--no-transcript", "--json", "-q")
    result, book = tmp_path / "moved.json", tmp_path / "book.db"
    moved = moved.rename(tmp_path / "elsewhere.wav")
    words = ["enroll", "Bob", "--from-result", result, "--speaker", "1"]
    assert "--audio PATH" in refused(*words, book=book)
    good(*words, "--audio", moved, book=book)
    with SpeakerBook(book) as opened:
        assert {one.source for one in opened.samples("Bob")} == {str(moved)}


def test_identify_several_recordings(filled, recordings):
    files = [recordings / "a2.wav", recordings / "c2.wav", recordings / "none.wav"]
    done = run("identify", *files, "--json", book=filled)
    assert done.returncode == 1
    assert "none.wav" in done.stderr
    first, second = json.loads(done.stdout)
    assert {voice["name"] for voice in first["voices"]} == {"Ann Lee"}
    assert {voice["name"] for voice in second["voices"]} == {None}
    assert run("identify", *files[:2], "--exit-code", book=filled).returncode == 0
    assert run("identify", files[1], "--exit-code", book=filled).returncode == 1


def test_a_failed_first_enrollment_makes_no_book(recordings, tmp_path):
    refused("enroll", "Eve", recordings / "silence.wav", "--speakers", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


# -- what needs no speech -------------------------------------------------------------------

MODEL = BookModel("tiny", "a" * 64, 8)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.db"
    dice = np.random.default_rng(0)
    with SpeakerBook(path, create=True) as book:
        for name in ("Ann", "Anne", "Bob"):
            centre = dice.normal(size=8)
            vectors = [unit(centre + 0.3 * dice.normal(size=8)) for _ in range(6)]
            samples = [Sample(v, f"{n}.wav", (), 6.0, 0.9) for n, v in enumerate(vectors)]
            book.add(name, samples, MODEL)
    return path


def names(path: Path) -> list[str]:
    with SpeakerBook(path) as book:
        return book.names()


def test_rename_merge_and_forget(small):
    good("rename", "Bob", "Bert", book=small)
    assert names(small) == ["Ann", "Anne", "Bert"]
    good("speakers", "rename", "Bert", "Bob", "--speakers", small)
    good("speakers", "--speakers", small, "merge", "Ann", "Anne")
    assert names(small) == ["Ann", "Bob"]
    assert "did you mean 'Bob'" in refused("forget", "Bobb", book=small)
    done = run("forget", "Ann", "Ann ", "Annn", book=small)
    assert done.returncode == 1
    assert "nobody called 'Annn'" in done.stderr
    assert names(small) == ["Bob"]
    assert b"Ann" not in small.read_bytes()
    assert "nobody called 'Ann'" in refused("speakers", "forget", "Ann", "--speakers", small)
    assert "clean" in run("speakers", "clean", "--debug", book=small).stderr


def test_export_and_import(small, tmp_path):
    target = tmp_path / "people.json"
    good("speakers", "export", "-o", target, "--speakers", small)
    assert json.loads(good("speakers", "export", book=small)) == json.loads(target.read_text())
    good("speakers", "export", "-o", target, "--speakers", small)  # its own, as it was
    good("speakers", "import", target, "--speakers", tmp_path / "other.db")
    assert names(tmp_path / "other.db") == names(small)
    data = json.loads(target.read_text())
    data["people"].append({"name": "Eve", "samples": []})
    for encoding in ("utf-8-sig", "utf-16"):
        target.write_text(json.dumps(data), encoding)
        book = tmp_path / f"{encoding}.db"
        good("speakers", "import", target, "--speakers", book)
        assert names(book) == [*names(small), "Eve"]
        with SpeakerBook(book) as opened:
            thresholds = Thresholds(0.6, 0.6, 0.0)
            assert check_person(opened, "Eve", opened.samples("Ann"), thresholds) == []
    assert "not a JSON file" in refused("speakers", "import", small, book=tmp_path / "x.db")


@pytest.mark.parametrize("words", [("speakers", "export", "-o"), ("calibrate", "--plot")])
def test_nothing_replaces_a_file_of_the_users(filled, tmp_path, words):
    if words[0] == "calibrate":
        pytest.importorskip("matplotlib")
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ann\n")
    assert "was not written by diarize" in refused(*words, letter, "--speakers", filled)
    assert letter.read_text() == "Dear Ann\n"
    mine = tmp_path / "mine.out"
    good(*words, mine, "--speakers", filled)
    mine.write_text("and more\n")
    assert "was changed since" in refused(*words, mine, "--speakers", filled)
    good(*words, mine, "--overwrite", "--speakers", filled)
    assert mine.read_bytes() != b"and more\n"


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["enroll", "Ann"], 2, "a recording is needed"),
        (["enroll", "Ann", "--from-result", "x.json"], 2, "--speaker LABEL"),
        (["enroll", "Ann", "a", "b", "--speaker", "1"], 2, "go with one recording"),
        (
            ["enroll", "Ann", "--from-result", "x", "--speaker", "1", "--audio-track", "0"],
            2,
            "takes neither --channels nor --audio-track",
        ),
        (["verify", "a.wav", "b.wav", "--threshold", "nan"], 2, "no similarity from -1 to 1"),
        (["enroll", "SPEAKER_01", "a.wav"], 2, "give the person's name"),
        (["speakers", "merge", "Ann", " Ann"], 2, "cannot be merged with itself"),
        (["speakers", "import", "none.json"], 1, "cannot read the export"),
    ],
)
def test_requests_that_are_off(small, words, code, reason):
    before = small.read_bytes()
    assert reason in refused(*words, book=small, code=code)
    assert small.read_bytes() == before


def test_one_person_is_no_people(small):
    assert f"3 people in {small}" in run("speakers", book=small).stderr
    assert run("forget", "Ann", "Bob", book=small).returncode == 0
    assert f"1 person in {small}" in run("speakers", book=small).stderr


def test_a_missing_book_and_one_that_is_none(tmp_path, bundled_model):
    done = run("speakers", book=tmp_path / "none.db")
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 people in" in done.stderr
    listed = json.loads(good("speakers", "--json", book=tmp_path / "none.db"))
    assert listed["people"] == []
    assert not (tmp_path / "none.db").exists()
    text = tmp_path / "text.db"
    text.write_text("these are no speakers\n" * 40)
    for words in (["speakers"], ["forget", "Ann"], ["enroll", "Ann", "x.wav"]):
        assert "not a speaker book" in refused(*words, book=text)
    assert text.read_text() == "these are no speakers\n" * 40


def test_a_book_of_another_model(small):
    before = small.read_bytes()
    line = refused("calibrate", book=small)
    assert "enrolled with the model tiny (aaaaaaaa)" in line
    assert "diarize speakers re-enroll --speakers" in line
    assert small.read_bytes() == before
    assert "cannot be used any more" in refused("speakers", "re-enroll", "-q", book=small)
    assert small.read_bytes() == before


@pytest.mark.parametrize("book", ["none.db", "text.db", "small.db"])
def test_the_main_job_refuses_a_book_before_it_listens(book, small, tmp_path):
    (tmp_path / "text.db").write_text("these are no speakers\n" * 40)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    line = refused(tmp_path / "no-such-recording.wav", "--speakers", tmp_path / book, "--rttm")
    assert str(tmp_path / book) in line
    assert "recording.wav" not in line
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_default_is_the_same_book_for_every_command(small, example_dir):
    for words in (
        ["speakers", "--json"],
        ["speakers", "--json", "--speakers", "default"],
        ["speakers", "list", "--json", "--speakers", small],
    ):
        assert json.loads(good(*words, book=small))["path"] == str(small)
    meeting = example_dir / "meeting.mp3"
    for words in (
        [meeting, "--rttm", "-o", "-"],
        ["identify", meeting],
        ["enroll", "Eve", meeting, "--from", "0.8-9.8"],
    ):
        line = refused(*words, "--speakers", "default", book=small)
        assert f"{small}: enrolled with the model tiny" in line


def test_enrolling_into_a_book_of_another_model_or_in_no_folder(small, example_dir, tmp_path):
    before = small.read_bytes()
    words = ["enroll", "Eve", example_dir / "meeting.mp3", "--from", "0.8-9.8", "-q"]
    assert "re-enroll" in refused(*words, "--speakers", small)
    assert small.read_bytes() == before
    (tmp_path / "file").write_text("x")
    assert "cannot make" in refused(*words, "--speakers", tmp_path / "file" / "book.db")


def test_a_linked_recording_that_cannot_be_written_does_not_stop_the_next(example_dir, tmp_path):
    sound, _ = soundfile.read(example_dir / "meeting.mp3", frames=40 * 44_100)
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", sound, 44_100)
    (tmp_path / "a.rttm").mkdir()
    (tmp_path / "b.wav").write_text("no sound")
    done = run(*(tmp_path / f"{name}.wav" for name in "abc"), "--link", "--rttm", "-q")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "b.wav" in lines[0]
    assert "a.rttm" in lines[1]
    assert (tmp_path / "c.rttm").stat().st_size > 0


def test_calibrate(filled, tmp_path):
    pytest.importorskip("matplotlib", reason="pip install 'autospeech-diarize[plot]'")
    picture = tmp_path / "scores.png"
    shown = good("calibrate", "--plot", picture, "--speakers", filled)
    assert "<- threshold" in shown
    assert "impostor scores pass" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")
    good("calibrate", "--apply", "--speakers", filled)
    assert "from this book" in run("speakers", book=filled).stderr
    good("calibrate", "--reset", "--speakers", filled)
    with SpeakerBook(filled) as book:
        assert book.thresholds is None


def test_a_stored_threshold_blocks_whom_it_was_found_to_block():
    for blocked in (0.60004, 0.6, 0.59999999):
        scores = np.array([blocked])
        found = Calibration(scores, scores, float(np.nextafter(blocked, 2)), 0.1, 0.0, 0.0)
        assert blocked < found.thresholds().verification < blocked + 2e-4


def test_a_channel_is_heard_alone(tmp_path: Path, example_dir: Path) -> None:
    from diarize.audio.loading import load
    from tests.cli.test_main_job import RATE, write_wav

    samples = load(example_dir / "meeting.mp3").samples / 32768
    left, right = samples[: 20 * RATE], samples[60 * RATE : 80 * RATE]
    one = write_wav(tmp_path / "one.wav", left)
    both = write_wav(tmp_path / "both.wav", np.stack([left, right], axis=1))
    book = tmp_path / "people.db"

    def similarity(channel: str) -> float:
        words = ("verify", both, one, "--channels", channel, "--vad", "webrtc", "--json", "-q")
        return float(json.loads(good(*words))["similarity"])

    assert similarity("0") > 0.9999 > similarity("mix")
    good("enroll", "Ann", both, "--channels", "1", "--one-voice", "--audio-track", "0", book=book)
    (voice,) = json.loads(good("identify", one, "--json", "--num-speakers", "1", book=book))[
        "voices"
    ]
    (other,) = json.loads(
        good("identify", both, "--channels", "1", "--json", "--num-speakers", "1", book=book)
    )["voices"]
    assert other["candidates"][0]["score"] > voice["candidates"][0]["score"]
    assert "split" in refused("verify", both, one, "--channels", "split", code=2)
