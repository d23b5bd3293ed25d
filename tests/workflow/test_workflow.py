"""The main job from Python: the same bytes as from the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diarize import (
    Diarization,
    Diarizer,
    LabelOptions,
    Result,
    Turn,
    WriterOptions,
    label_recording,
    label_recordings,
)
from diarize.audio.loading import load
from diarize.cli import main
from diarize.errors import AudioError, OutputError, UsageError
from diarize.formats import FORMATS, writable
from tests.cli.test_main_job import RATE, write_wav

SCRIPT = """
from diarize import label_recording, WriterOptions
result = label_recording("short.wav")
result.write("srt", "json", "vtt", "rttm", "eaf", folder="python")
result.write("python/short.md")
for name in ("csv", "textgrid"):
    open(f"python/{name}", "w", newline="", encoding="utf-8").write(result.render(name))
result.write("python/narrow.srt", options=WriterOptions(max_line_width=30))
"""


@pytest.fixture
def meeting(tmp_path: Path, example_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example meeting with its transcript, in the current folder."""
    for name in ("meeting.mp3", "meeting.json"):
        (tmp_path / name).write_bytes((example_dir / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def short(meeting: Path, example_dir: Path) -> Path:
    """The meeting's first half minute, on two channels that take turns, and its words."""
    samples = load(example_dir / "meeting.mp3").samples[: 30 * RATE] / 32768
    sides = np.stack([samples, samples], axis=1)
    sides[15 * RATE :, 0] = 0
    sides[: 15 * RATE, 1] = 0
    words = json.loads((meeting / "meeting.json").read_text(encoding="utf-8"))
    words["segments"] = [one for one in words["segments"] if one["end"] < 29]
    (meeting / "short.json").write_text(json.dumps(words), encoding="utf-8")
    return write_wav(meeting / "short.wav", sides)


@pytest.mark.slow
def test_a_script_gives_the_bytes_of_the_command(short: Path) -> None:
    assert (
        main(["short.wav", "-q", "-f", "srt,json,vtt,rttm,eaf,md,csv,textgrid", "-o", "cli"]) == 0
    )
    assert main(["short.wav", "-q", "--max-line-width", "30", "-o", "cli/narrow.srt"]) == 0
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=short.parent, check=True)
    pairs = {
        f"short.{name}": f"short.{name}" for name in ("srt", "json", "vtt", "rttm", "eaf", "md")
    }
    pairs |= {"short.csv": "csv", "short.TextGrid": "textgrid", "narrow.srt": "narrow.srt"}
    for command, script in pairs.items():
        assert Path("cli", command).read_bytes() == Path("python", script).read_bytes()


@pytest.mark.parametrize(
    ("words", "arguments", "options"),
    [
        (
            ["--channel-names", "Ann,Bo", "--words", "ignore"],
            {},
            {"channel_names": ["Ann", "Bo"], "words": "ignore"},
        ),
        (["--channels", "1", "--num-speakers", "2"], {"num_speakers": 2}, {"channels": 1}),
        (
            ["--transcript", "short.json", "--transcript-offset", "0.4"],
            {"transcript": "short.json"},
            {"offset": 0.4},
        ),
        (["--no-transcript"], {}, {"transcripts": "ignore"}),
        (["--max-speakers", "1", "--vad", "webrtc"], {"diarizer": "webrtc", "max_speakers": 1}, {}),
    ],
)
def test_what_the_command_can_the_function_can(
    short: Path, words: list[str], arguments: dict[str, Any], options: dict[str, Any]
) -> None:
    assert main(["short.wav", "-q", "--json", "-o", "cli", *words]) == 0
    if "diarizer" in arguments:
        arguments = {**arguments, "diarizer": Diarizer(vad=arguments["diarizer"])}
    result = label_recording("short.wav", options=LabelOptions(**options), **arguments)
    (file,) = result.write("python/short.json")
    assert file.read_bytes() == (short.parent / "cli" / "short.json").read_bytes()


def test_names_given_by_hand_are_kept_as_by_the_command(short: Path) -> None:
    first = label_recording("short.wav", folder="out")
    first.write("json", folder="out")
    assert main(["relabel", "out/short.json", "-q", "--rename", "0=Ann"]) == 0
    again = label_recording("short.wav", folder="out")
    assert "Ann" in again.speakers_shown()
    assert any("kept from" in message and "Ann" in message for message in again.messages)
    anew = label_recording("short.wav", folder="out", options=LabelOptions(keep_names=False))
    assert "Ann" not in anew.speakers_shown()
    assert main(["short.wav", "-q", "--json", "-o", "out"]) == 0
    again.write("python/short.json")
    assert (short.parent / "out/short.json").read_bytes() == Path("python/short.json").read_bytes()


def test_strangers_are_linked_as_by_the_command(short: Path) -> None:
    samples = load(short).samples / 32768
    write_wav(short.parent / "later.wav", samples[8 * RATE :])
    names = ["short.wav", "later.wav"]
    assert main([*names, "-q", "--link", "--json", "-o", "cli", "--no-transcript"]) == 0
    options = LabelOptions(transcripts="ignore")
    for result in label_recordings(names, link=True, options=options):
        (file,) = result.write("json", folder="python")
        assert file.read_bytes() == (short.parent / "cli" / file.name).read_bytes()


def test_recordings_without_a_file_have_names_of_their_own(short: Path) -> None:
    samples = load(short).samples
    arrays = [(samples[: 8 * RATE], RATE), (samples[8 * RATE : 20 * RATE], RATE)]
    results = list(label_recordings(arrays, options=LabelOptions(transcripts="ignore")))
    assert [result.diarization.uri for result in results] == ["array", "array.2"]
    names = [path.name for result in results for path in result.write("rttm", folder="out")]
    assert names == ["array.rttm", "array.2.rttm"]


def test_one_path_is_one_recording(short: Path) -> None:
    options = LabelOptions(transcripts="find")
    (short.parent / "talks").mkdir()
    for name in ("short.wav", "short.json"):
        (short.parent / name).rename(short.parent / "talks" / name)
    (entry,) = (one for one in os.scandir("talks") if one.name == "short.wav")
    for given in ("talks", Path("talks"), "talks/short.wav", entry):
        (result,) = label_recordings(given, options=options)
        assert (Path(result.audio or ""), result.has_words) == (Path("talks/short.wav"), True)
    for wrong in (b"RIFF", {"array": [0.0]}, io.BytesIO(), load(entry)):
        with pytest.raises(UsageError, match=r"pass \[recording\]"):
            label_recordings(wrong)


def test_a_folder_of_several_is_not_one_recording(short: Path) -> None:
    folder = short.parent / "folder"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}{short.suffix}").write_bytes(short.read_bytes())
    with pytest.raises(UsageError, match="folder: holds 2 recordings, not one: use label_record"):
        label_recording(folder)


def test_recordings_that_fail_are_told_and_left_out(short: Path) -> None:
    told: list[tuple[Any, str]] = []
    sources = ["gone.wav", short, load(short)]
    options = LabelOptions(transcripts="ignore")
    found = list(
        label_recordings(
            sources,
            options=options,
            on_error=lambda source, error: told.append((source, str(error))),
        )
    )
    assert [source for source, _ in told] == ["gone.wav"]
    assert [result.audio for result in found] == [str(short), str(short)]
    assert found[0].diarization.turns == found[1].diarization.turns
    with pytest.raises(AudioError, match="gone"):
        label_recording("gone.wav")


def test_nothing_is_written_unless_asked_for(short: Path) -> None:
    before = sorted(short.parent.rglob("*"))
    reports: list[tuple[str, float, float | None]] = []
    result = label_recording(short, on_progress=lambda *one: reports.append(one))
    assert sorted(short.parent.rglob("*")) == before
    assert reports[-1][1:] == (30.0, 30.0)
    done = [done for _, done, _ in reports]
    assert done == sorted(done)
    assert {word["speaker"] for part in result.utterances for word in part.words} >= {"SPEAKER_00"}


def test_speakers_go_to_the_diarizer_that_is_given() -> None:
    with pytest.raises(UsageError, match="Diarizer"):
        label_recording("a.wav", diarizer=Diarizer(vad="webrtc"), speakers="people.db")


# --- results write themselves ---------------------------------------------------------------------

TALK = Diarization([Turn(0, 1, "SPEAKER_00"), Turn(1, 2, "SPEAKER_01")], 2, "talk")
SPOKEN = Result(
    TALK,
    {
        "text": " Yes. No.",
        "segments": [
            {"id": 0, "start": 0, "end": 1, "text": " Yes.", "speaker": "SPEAKER_00"},
            {"id": 1, "start": 1, "end": 2, "text": " No.", "speaker": "SPEAKER_01"},
        ],
    },
)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_method(name: str) -> None:
    if name not in writable():
        pytest.skip(f"{name} needs an extra")
    method = getattr(SPOKEN, f"to_{name.replace('-', '_')}")
    assert name in method.__doc__
    assert isinstance(method(), bytes if name in ("docx", "parquet") else str)
    assert method() == SPOKEN.render(name, WriterOptions())
    assert method(WriterOptions(exclusive=True))


def test_files_are_called_as_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert SPOKEN.write() == [Path("talk.srt"), Path("talk.json")]
    assert Result(TALK).write(folder="turns") == [Path("turns/talk.rttm"), Path("turns/talk.json")]
    assert SPOKEN.write(tmp_path / "a" / "b.seglst.json") == [tmp_path / "a" / "b.seglst.json"]
    assert (tmp_path / "a" / "b.seglst.json").read_text(encoding="utf-8") == SPOKEN.to_seglst()
    for odd in ("talk", "out/", "talk.xyz"):
        with pytest.raises(UsageError, match="format"):
            SPOKEN.write(odd)


def test_nobodys_file_is_replaced(tmp_path: Path) -> None:
    words = tmp_path / "talk.json"
    words.write_text("{}", encoding="utf-8")
    result = Result(TALK, SPOKEN.transcript, audio=str(tmp_path / "talk.wav"), inputs=(str(words),))
    with pytest.raises(OutputError, match="is not replaced"):
        result.write(words)
    assert result.write("json") == [tmp_path / "talk.diarized.json"]
    assert words.read_text(encoding="utf-8") == "{}"
    assert result.write(words, overwrite=True) == [words]
    (tmp_path / "talk.srt").write_bytes(b"sound")
    sound = Result(TALK, SPOKEN.transcript, audio=str(tmp_path / "talk.srt"))
    with pytest.raises(OutputError, match="is an input"):
        sound.write(tmp_path / "talk.srt", overwrite=True)
