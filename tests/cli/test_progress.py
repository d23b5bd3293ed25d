"""How far a run is: one count in seconds of audio, one bar or line, and several recordings."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize import Diarizer
from diarize.audio.loading import load
from diarize.cli import COMMANDS, console, main
from diarize.progress import STAGE_COSTS, OverallProgress
from diarize.transcript.engines import ENGINES
from tests.cli.test_main_job import RATE, write_wav
from tests.conftest import ROOT

STAGES = list(STAGE_COSTS)


@pytest.fixture(scope="module")
def clip(example_dir: Path) -> np.ndarray:
    """30 seconds of the example, in which two people talk."""
    return load(example_dir / "meeting.mp3").block(0, 30 * RATE)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*STAGES, "other"]),
            st.integers(0, 100),
            st.one_of(st.none(), st.integers(0, 100)),
        )
    )
)
def test_the_count_never_falls_and_ends_at_the_end(
    steps: list[tuple[str, int, int | None]],
) -> None:
    seen: list[tuple[float, float | None]] = []
    overall = OverallProgress(lambda _, done, total: seen.append((done, total)), STAGE_COSTS, 60.0)
    for stage, done, total in steps:
        if stage in STAGE_COSTS:
            overall(stage, done, total)
    overall.finish()
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 60.0
    assert {total for _, total in seen} == {60.0}


def test_a_download_is_told_in_bytes() -> None:
    seen: list[tuple[Any, ...]] = []
    overall = OverallProgress(lambda *step: seen.append(step), {"load": 1, "transcribe": 9}, 10.0)
    overall.part("transcribe")("download", 7_000_000, 9_000_000)
    overall.part("transcribe")("transcribe", 5, 10)
    assert seen == [("download", 7_000_000, 9_000_000), ("transcribe", 5.5, 10.0)]


@pytest.mark.parametrize("total", [32, None])
def test_the_count_never_falls_where_the_header_says_too_much(total: float | None) -> None:
    seen: list[tuple[float, float | None]] = []
    overall = OverallProgress(lambda _, *step: seen.append(step), {"audio": 1, "embed": 3})
    overall("audio", 32, total)
    overall.seconds = 31.9
    overall("embed", 0, 10)
    overall("embed", 5, 10)
    overall.finish()
    assert seen == [(8.0, total), (8.0, 31.9), (19.94, 31.9), (31.9, 31.9)]


@pytest.mark.parametrize("piped", [False, True])
def test_a_diarizer_counts_seconds_from_start_to_end(
    clip: np.ndarray, tmp_path: Path, piped: bool
) -> None:
    path = write_wav(tmp_path / "a.wav", np.tile(clip, 3))
    steps: list[tuple[str, float, float | None]] = []
    source: Any = load(path) if piped else path
    Diarizer()(source, on_progress=lambda *step: steps.append(step))
    counts = [done for _, done, _ in steps]
    assert counts == sorted(counts)
    assert (counts[0] < 3.0, counts[-1]) == (True, 90.0)
    assert steps[-1][2] == 90.0
    stages = list(dict.fromkeys(stage for stage, _, _ in steps))
    assert stages == (STAGES[1:] if piped else STAGES)
    # each stage reports on its way, not only at its begin
    assert len({done for stage, done, _ in steps if stage == "speech"}) > 2


def test_without_a_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import time

    monkeypatch.setattr(console, "LINE_INTERVAL", 0.05)
    with console.Console().progress("a.mp3", {"load": 1, "diarize": 3}) as progress:
        time.sleep(0.2)
        progress.part("load")("audio", 60, 60)
        progress.part("diarize")("embed", 20, 60)
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert "diarize: a.mp3: at work for 0:00" in lines
    assert any(
        re.fullmatch(r"diarize: a\.mp3: embed, 50%, about 0:\d\d left", line) for line in lines
    )
    with console.Console(quiet=True).progress("a.mp3"):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_terminal_shows_one_bar(clip: np.ndarray, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", clip)
    main_end, other_end = pty.openpty()
    words = [sys.executable, "-m", "diarize", str(path), "--no-transcript", "--rttm"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(words, stderr=other_end, env=environment) as process:
        os.close(other_end)
        shown = b""
        while True:
            try:
                part = os.read(main_end, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(main_end)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    percentages = [int(found) for found in re.findall(r"(\d+)%", text.split("speaker")[0])]
    assert percentages == sorted(percentages)
    assert len(percentages) > 2
    bars = [line for line in re.split(r"[\r\n]+", text) if "━" in line]
    assert bars
    assert all(line.startswith("a.wav") for line in bars)


def test_several_recordings_are_counted(clip: np.ndarray, tmp_path: Path, capsys: Any) -> None:
    paths = [write_wav(tmp_path / f"{name}.wav", clip[: 10 * RATE]) for name in "ab"]
    words = [str(paths[0]), str(tmp_path / "none.wav"), str(paths[1])]
    assert main([*words, "--no-transcript", "--rttm", "--vad", "webrtc"]) == 1
    lines = capsys.readouterr().err.splitlines()
    for number, path in ((1, paths[0]), (3, paths[1])):
        title = lines.index(f"{number} of 3: {path}")
        assert lines[title + 1].startswith("speaker")
    assert lines[-1] == "diarize: 2 done, 1 failed"


def test_an_unexpected_error_does_not_stop_the_others(
    clip: np.ndarray, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diarize.labeler import Labeler

    paths = [write_wav(tmp_path / f"{name}.wav", clip[: 10 * RATE]) for name in "ab"]
    diarize = Labeler.diarize

    def fails_once(self: Labeler, source: str, *rest: Any, **options: Any) -> Any:
        if source.endswith("a.wav"):
            raise ZeroDivisionError("by zero")
        return diarize(self, source, *rest, **options)

    monkeypatch.setattr(Labeler, "diarize", fails_once)
    assert main([*map(str, paths), "--no-transcript", "--rttm", "--vad", "webrtc"]) == 1
    assert "a.wav: unexpected ZeroDivisionError: by zero" in capsys.readouterr().err
    assert (tmp_path / "b.rttm").is_file()


def test_identify_goes_on_after_an_unexpected_error(
    clip: np.ndarray, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diarize.cli import identify
    from diarize.speakers.book import SpeakerBook

    SpeakerBook(tmp_path / "book.db", create=True).close()
    paths = [write_wav(tmp_path / f"{name}.wav", clip[: 10 * RATE]) for name in "ab"]
    identified = identify._identified

    def fails_once(source: str, *rest: Any) -> Any:
        if source.endswith("a.wav"):
            raise ZeroDivisionError("by zero")
        return identified(source, *rest)

    monkeypatch.setattr(identify, "_identified", fails_once)
    words = ["identify", *map(str, paths), "--speakers", str(tmp_path / "book.db")]
    assert main([*words, "--vad", "webrtc", "-q"]) == 1
    told = capsys.readouterr()
    assert "a.wav: unexpected ZeroDivisionError: by zero" in told.err
    assert "b.wav" in told.out


# --- what is told of the number of speakers, and of requests that are off ------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_speakers": 9}, "9 speakers were asked for, but"),
        ({"min_speakers": 5}, "5 speakers were asked for, but"),
        ({"min_speakers": 2}, None),
        ({"num_speakers": 1}, None),
        ({}, None),
    ],
)
def test_speakers_that_were_not_found_are_told(
    clip: np.ndarray, options: dict[str, int], said: str | None
) -> None:
    from diarize.audio.waveform import Waveform

    waveform = Waveform((clip * 32767).astype(np.int16))
    warnings = " ".join(Diarizer()(waveform, **options).warnings)
    assert (said in warnings) if said else ("asked for" not in warnings)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["relable", "x.json"], "did you mean `diarize relabel`?"),
        (["enrol", "Ann", "x.wav"], "did you mean `diarize enroll`?"),
        (["help", "mrege"], "did you mean `diarize merge`?"),
        (["hlep"], "did you mean `diarize help`?"),
        (["a.wav", "--num-speaker", "3"], "did you mean --num-speakers?"),
        (["a.wav", "--min_speaker=3"], "did you mean --min-speakers?"),
        (["a.wav", "--task", "sing"], "choose from"),
        (["merge", "--transcript", "a.srt"], "--rttm"),
        (["speakers", "lst"], "choose from"),
        ([], "AUDIO"),
    ],
)
def test_requests_that_are_off_get_one_line(words: list[str], said: str, capsys: Any) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_recording_may_be_called_like_a_command(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("relable").write_text("no recording")
    assert main(["relable", "--rttm"]) == 1
    assert "did you mean" not in capsys.readouterr().err


def test_help_lists_the_commands(capsys: Any) -> None:
    for words in (["--help"], ["help"]):
        assert main(words) == 0
        shown = capsys.readouterr().out
        for name, (_, summary) in COMMANDS.items():
            assert re.search(rf"^  {name} +{re.escape(summary)}$", shown, re.MULTILINE)
    assert main(["help", "relabel"]) == 0
    assert "RESULT.json" in capsys.readouterr().out


# --- honest fall-backs ---


def test_a_missing_segmentation_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    from diarize.errors import ModelError
    from diarize.onnx import bundled

    places = bundled._places
    absent = tmp_path / "segmentation.onnx"
    monkeypatch.setattr(
        bundled,
        "_places",
        lambda name: (absent, absent) if name == "segmentation" else places(name),
    )
    with pytest.raises(ModelError, match="segmentation"):
        Diarizer()
    Diarizer(vad="webrtc")
    assert main(["a.wav", "--rttm"]) == 1
    assert "segmentation.onnx is missing" in capsys.readouterr().err


@pytest.mark.parametrize("format_name", ["srt", "vtt", "txt", "tsv", "md"])
def test_without_words_there_are_no_subtitles(
    clip: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    format_name: str,
) -> None:
    for engine in ENGINES.values():
        monkeypatch.setattr(engine, "is_installed", staticmethod(lambda: False))
    path = write_wav(tmp_path / "a.wav", clip[: 10 * RATE])
    quick = [str(path), "--vad", "webrtc"]
    assert main([*quick, "-f", f"{format_name},rttm"]) == 1
    error = capsys.readouterr().err
    assert 'pip install "autospeech-diarize[faster-whisper]"' in error
    assert "--no-transcript" in error
    assert {p.name for p in tmp_path.iterdir()} == {"a.wav"}
    assert main([*quick, "-f", format_name, "--no-transcript"]) == 0
    assert path.with_suffix(f".{format_name}").is_file()
    assert main(quick) == 0  # without a wish, who speaks when is written
    assert path.with_suffix(".rttm").is_file()
    silent = write_wav(tmp_path / "b.wav", np.zeros(5 * RATE))
    assert main([str(silent), "-f", format_name]) == 0
