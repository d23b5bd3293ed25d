"""Folders in place of recordings: what is in a file counts, not what it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from diarize.audio.folders import recordings_in
from diarize.batch.runner import lengths
from diarize.errors import AudioError
from tests import command
from tests.audio.test_loading import encode, latin_mp3, latin_wav, tone
from tests.conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three recordings, one of which is cut off, and what lies beside them."""
    place = tmp_path / "talks"
    (place / "day 2").mkdir(parents=True)
    (place / ".trash").mkdir()
    (place / "empty").mkdir()
    sound = np.tile(tone(16000), (2, 1))
    encode(place / "b.wav", sound, 16000, "pcm_s16le").rename(place / "b")
    encode(place / "day 2" / "a.mp3", sound, 44100, "libmp3lame")
    encode(place / ".trash" / "old.wav", sound, 16000, "pcm_s16le")
    encode(place / "cut.m4a", sound, 44100, "aac")
    (place / "cut.m4a").write_bytes((place / "cut.m4a").read_bytes()[:9000])
    (place / "broken.mp3").write_bytes(b"\x00" * 5000)
    (place / "nothing.wav").write_bytes(b"")
    (place / "b.json").write_text('{"text": "", "segments": []}')
    (place / "b.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    (place / "notes.txt").write_text("mind the step")
    (place / "list.m3u8").write_text("#EXTM3U\n#EXTINF:3,\nb\n")
    (place / "picture.png").write_bytes((ROOT / "examples" / "meeting.png").read_bytes())
    return place


def test_recordings_are_found_by_content(folder: Path) -> None:
    found = recordings_in(folder)
    names = [path.relative_to(folder).as_posix() for path in found.recordings]
    assert names == ["b", "cut.m4a", "day 2/a.mp3"]
    assert len(found.others) == 7
    line = str(found)
    assert "3 recordings; 7 other files skipped" in line
    assert "broken.mp3, nothing.wav" in line and "notes" not in line and "m3u8" not in line


def test_recordings_with_tags_in_an_old_encoding(tmp_path: Path) -> None:
    paths = [latin_mp3(tmp_path / "a.mp3"), latin_wav(tmp_path / "b.wav")]
    found = recordings_in(tmp_path)
    assert (list(found.recordings), found.others) == (paths, ())
    assert lengths([str(path) for path in paths]) == pytest.approx([3, 3], abs=0.1)


@pytest.mark.parametrize(
    ("files", "held"),
    [([], "nothing at all"), (["a.txt"], "1 other file"), (["a.txt", "b.txt"], "2 other files")],
)
def test_a_folder_without_recordings(tmp_path: Path, files: list[str], held: str) -> None:
    for name in files:
        (tmp_path / name).write_text("nobody speaks")
    with pytest.raises(AudioError, match=rf"holds no recording, but {held}\."):
        recordings_in(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_in_a_folder_are_left_alone(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert len(recordings_in(folder).recordings) == 3


def test_the_command_takes_folders(tmp_path: Path, example_dir: Path) -> None:
    for name in ("day1", "day2"):
        (tmp_path / "talks" / name).mkdir(parents=True)
        encode(tmp_path / "talks" / name / "talk.wav", tone(16000)[None], 16000, "pcm_s16le")
        (tmp_path / "talks" / name / "notes.txt").write_text("mind the step")
    done = command.run("talks", "--no-transcript", "--rttm", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"talks: 2 recordings; 2 other files skipped" in done.stderr
    assert len(list((tmp_path / "out").rglob("*.rttm"))) == 2


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not here")
@pytest.mark.parametrize("inner", ["", "talk.wav"])
def test_a_folder_that_may_not_be_entered(tmp_path: Path, inner: str) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    encode(closed / "talk.wav", tone(16000)[None], 16000, "pcm_s16le")
    closed.chmod(0)
    # Even the superuser may not enter it without these.
    plain = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    words = [*(plain if os.geteuid() == 0 else []), sys.executable, "-m", "diarize"]
    try:
        done = subprocess.run(
            [*words, str(closed / inner), "--no-transcript", "--rttm", "-o", "."],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
    finally:
        closed.chmod(0o700)
    assert done.returncode == 1
    assert "may not be entered" in done.stderr and "permissions" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
